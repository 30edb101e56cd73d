import { decomposed } from '../../ground/text.ts';

/**
 * Postal addresses, as far as the v2 API checks them (spec 01, section 3.5; spec 03, section 5). Letters are not sent,
 * but their addresses are validated all the same. Pure.
 */

const minLines = 3;
const maxLines = 7;

/**
 * The v2 text for the first problem found in an address, null if there is none (spec 03, section 5). `lines` are the
 * values of the address keys in order, each of one or more lines; `international` says whether letters may go abroad.
 */
export function postalAddressProblem(
  lines: readonly string[],
  { international }: Readonly<{ international: boolean }>,
): string | null {
  const address = readAddress(lines);
  if (address.count < minLines) return `Address must be at least ${minLines} lines`;
  if (address.count > maxLines) return `Address must be no more than ${maxLines} lines`;
  if (!address.lines.slice(0, 2).every((line) => /[\p{L}\p{N}]/u.test(line)))
    return 'The first 2 lines of the address must both include at least one alphanumeric character';
  if (address.isForces) {
    if (address.country !== null) return 'The last line of a BFPO address must not be a country.';
  } else if (address.country === 'abroad' ? !international : !isPostcode(address.lines.at(-1) ?? ''))
    return international
      ? 'Last line of address must be a real UK postcode or another country'
      : 'Must be a real UK postcode';
  if (address.lines.some((line) => /^[@()=[\]"”\\/,<>~]/.test(line)))
    return 'Address lines must not start with any of the following characters: @ ( ) = [ ] ” \\ / , < >';
  if (address.lines.some((line) => /^nfa$|no fixed (?:abode|address)/i.test(line)))
    return 'Must be a real address';
  return null;
}

type Address = Readonly<{
  /** Without the country and the BFPO number. */
  lines: readonly string[];
  /** Lines that would be printed; a domestic letter does not show the country. */
  count: number;
  country: 'uk' | 'abroad' | null;
  /** Has a British Forces Post Office number in place of the postcode. */
  isForces: boolean;
}>;

function readAddress(values: readonly string[]): Address {
  const all = values
    .flatMap((value) => value.split(/[\r\n\v\f\u0085\u2028\u2029]/))
    .map(tidy)
    .filter((line) => line !== '');
  const lines = all.filter((line) => !/^bfpo ?(?:c\/o ?)?[0-9]{1,4}$/i.test(line));
  const isForces = lines.length < all.length;
  const country = countryOf(lines.at(-1) ?? '');
  const withoutCountry = country === null ? lines : lines.slice(0, -1);
  const printed = withoutCountry.length + (isForces ? 1 : 0) + (country === 'abroad' ? 1 : 0);
  return { lines: withoutCountry, count: printed, country, isForces };
}

/** Collapses whitespace, and trims it and trailing commas. */
function tidy(line: string): string {
  const words = line.split(/[\s\u180E\u200B-\u200D\u2060\uFEFF]+/).filter((word) => word !== '');
  const text = words.join(' ');
  let end = text.length;
  while (end > 0 && (text[end - 1] === ',' || text[end - 1] === ' ')) end -= 1;
  return text.slice(0, end);
}

const postcodeAreas =
  'AB|AL|B|BA|BB|BD|BF|BH|BL|BN|BR|BS|BT|CA|CB|CF|CH|CM|CO|CR|CT|CV|CW|DA|DD|DE|DG|DH|DL|DN|DT|DY|E|EC|EH|EN|EX|FK|FY|G|GL|GU|GY|HA|HD|HG|HP|HR|HS|HU|HX|IG|IM|IP|IV|JE|KA|KT|KW|KY|L|LA|LD|LE|LL|LN|LS|LU|M|ME|MK|ML|N|NE|NG|NN|NP|NR|NW|OL|OX|PA|PE|PH|PL|PO|PR|RG|RH|RM|S|SA|SE|SG|SK|SL|SM|SN|SO|SP|SR|SS|ST|SW|SY|TA|TD|TF|TN|TQ|TR|TS|TW|UB|W|WA|WC|WD|WF|WN|WR|WS|WV|YO|ZE';
const postcodePattern = new RegExp(`^(?:${postcodeAreas})[0-9][0-9A-Z]?[0-9][ABD-HJLNP-UW-Z]{2}$`);

function isPostcode(line: string): boolean {
  return postcodePattern.test(line.replaceAll(' ', '').toUpperCase());
}

const ukNames = new Set(
  [
    ...['UK', 'GB', 'Britain', 'Great Britain', 'United Kingdom', 'England', 'Scotland', 'Wales'],
    ...['Northern Ireland', 'Cymru', 'Guernsey', 'Jersey', 'Isle of Man'],
  ].map(countryKey),
);
let foreignNames: ReadonlySet<string> | null = null;

function countryOf(line: string): 'uk' | 'abroad' | null {
  const key = countryKey(line);
  if (ukNames.has(key)) return 'uk';
  foreignNames ??= foreignCountryNames();
  return foreignNames.has(key) ? 'abroad' : null;
}

/** The English names of all countries in Unicode's data, as keys. */
function foreignCountryNames(): ReadonlySet<string> {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const countries = letters.flatMap((first) => letters.flatMap((second) => names.of(first + second) ?? []));
  return new Set([...countries, 'USA', 'Czech Republic', 'Republic of Ireland', 'Holland'].map(countryKey));
}

function countryKey(name: string): string {
  return decomposed(name, 'NFKD')
    .replace(/[^a-z]/gi, '')
    .toLowerCase();
}
