/**
 * Postal addresses as far as the public API checks them (spec 01, section 3.5; spec 03, section 5). Pure. Letters are
 * not sent; what is wrong with an address is told all the same.
 */

const fewestLines = 3;
const mostLines = 7;

/**
 * The fault of an address in the words of the v2 API, the first that is found; null for a good one. `lines`: the values
 * of the address keys in their order; one of them may hold several lines. `international`: whether letters may go abroad.
 */
export function addressFault(
  lines: readonly string[],
  { international }: Readonly<{ international: boolean }>,
): string | null {
  const address = readAddress(lines);
  if (address.count < fewestLines) return `Address must be at least ${fewestLines} lines`;
  if (address.count > mostLines) return `Address must be no more than ${mostLines} lines`;
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
  /** Without the country, and without the line that is a BFPO number. */
  lines: readonly string[];
  /** Lines that would be printed: a letter within the UK shows no country. */
  count: number;
  country: 'uk' | 'abroad' | null;
  /** To the British forces: a BFPO number stands for the postcode. */
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

/** One space for any run of white space; none at the ends, and no comma at the end. */
function tidy(line: string): string {
  const words = line.split(/[\s\u180E\u200B-\u200D\u2060\uFEFF]+/).filter((word) => word !== '');
  const text = words.join(' ');
  let end = text.length;
  while (end > 0 && (text[end - 1] === ',' || text[end - 1] === ' ')) end -= 1;
  return text.slice(0, end);
}

const areas =
  'AB|AL|B|BA|BB|BD|BF|BH|BL|BN|BR|BS|BT|CA|CB|CF|CH|CM|CO|CR|CT|CV|CW|DA|DD|DE|DG|DH|DL|DN|DT|DY|E|EC|EH|EN|EX|FK|FY|G|GL|GU|GY|HA|HD|HG|HP|HR|HS|HU|HX|IG|IM|IP|IV|JE|KA|KT|KW|KY|L|LA|LD|LE|LL|LN|LS|LU|M|ME|MK|ML|N|NE|NG|NN|NP|NR|NW|OL|OX|PA|PE|PH|PL|PO|PR|RG|RH|RM|S|SA|SE|SG|SK|SL|SM|SN|SO|SP|SR|SS|ST|SW|SY|TA|TD|TF|TN|TQ|TR|TS|TW|UB|W|WA|WC|WD|WF|WN|WR|WS|WV|YO|ZE';
const postcode = new RegExp(`^(?:${areas})[0-9][0-9A-Z]?[0-9][ABD-HJLNP-UW-Z]{2}$`);

function isPostcode(line: string): boolean {
  return postcode.test(line.replaceAll(' ', '').toUpperCase());
}

const home = new Set(
  [
    ...['UK', 'GB', 'Britain', 'Great Britain', 'United Kingdom', 'England', 'Scotland', 'Wales'],
    ...['Northern Ireland', 'Cymru', 'Guernsey', 'Jersey', 'Isle of Man'],
  ].map(countryKey),
);
let abroad: ReadonlySet<string> | null = null;

function countryOf(line: string): 'uk' | 'abroad' | null {
  const key = countryKey(line);
  if (home.has(key)) return 'uk';
  abroad ??= foreignCountries();
  return abroad.has(key) ? 'abroad' : null;
}

/** English names of all countries, as Unicode has them. */
function foreignCountries(): ReadonlySet<string> {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const countries = letters.flatMap((first) => letters.flatMap((second) => names.of(first + second) ?? []));
  return new Set([...countries, 'USA', 'Czech Republic', 'Republic of Ireland', 'Holland'].map(countryKey));
}

function countryKey(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[^a-z]/gi, '')
    .toLowerCase();
}
