import { type Html, html } from '../../ground/html.ts';
import { joined } from '../components/attributes.ts';

/** What the API says of a message that is being written (spec 04, section 5.4). */
export type Preview = Readonly<{
  template_type: 'sms' | 'email';
  subject: string | null;
  text: string;
  html: string;
  missing: readonly string[];
  characters: number | null;
  characters_over: number;
  characters_above_previous_boundary: number;
  fragments: number | null;
  encoding: 'gsm-7' | 'ucs-2' | null;
  ucs2_characters: readonly string[];
  double_characters: readonly string[];
  unsupported_characters: readonly string[];
  cost_in_pounds: number;
}>;

/** The same message with plain letters in place of the accented ones that make it dearer. */
export type Plainer = Readonly<{ fragments: number; cost_in_pounds: number }>;

/** The letter without its accents, or '' if nothing is left. */
export function plainLetter(character: string): string {
  return character
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/[^ -~]/g, '');
}

/** The text with these characters as plain letters. */
export function withPlainLetters(text: string, characters: readonly string[]): string {
  let plain = text.normalize('NFC');
  for (const character of characters) plain = plain.replaceAll(character, plainLetter(character));
  return plain;
}

/** A cost in pounds as people say it: "2.4p", "£1.20". */
export function moneyInWords(pounds: number): string {
  if (pounds >= 1) return `£${pounds.toFixed(2)}`;
  return `${Number((pounds * 100).toFixed(2))}p`;
}

const count = (fragments: number) => (fragments === 1 ? '1 text message' : `${fragments} text messages`);
const characters = (number: number) => (number === 1 ? '1 character' : `${number} characters`);

/**
 * What a text costs and why, in sentences (spec 07, journey 2). `plainer`: null if no character forces shorter
 * fragments. Of an email: that it costs nothing.
 */
export function costLine(preview: Preview, plainer: Plainer | null): string {
  const { fragments, cost_in_pounds: cost, encoding, characters_above_previous_boundary: above } = preview;
  if (fragments === null) return 'An email costs nothing.';
  const { characters_over: over, ucs2_characters: ucs2, unsupported_characters: unsupported } = preview;
  const sentences: string[] = [];
  const price = moneyInWords(cost);
  const many = `${count(fragments)}${fragments === 1 ? `: ${price}.` : ''}`;
  const withoutDoubles = fewerWithoutDoubles(preview);
  if (encoding === 'ucs-2' && plainer && plainer.fragments < fragments) {
    sentences.push(`${count(fragments)}, because of ${listed(ucs2)}: ${price} each.`);
    const letters = [...new Set(ucs2.map(plainLetter).filter((letter) => letter !== ''))];
    const how = letters.length === 0 ? 'Without' : `With ${listed(letters)}`;
    sentences.push(`${how} it is ${plainer.fragments}, ${moneyInWords(plainer.cost_in_pounds)}.`);
  } else if (withoutDoubles !== null) {
    const doubles = preview.double_characters;
    const verb = doubles.length === 1 ? 'counts' : 'count';
    sentences.push(`${count(fragments)}, because ${listed(doubles)} ${verb} twice: ${price} each.`);
    sentences.push(
      `Without ${doubles.length === 1 ? 'it' : 'them'}, it is ${withoutDoubles}, ${moneyInWords((cost / fragments) * withoutDoubles)}.`,
    );
  } else if (fragments > 1) {
    sentences.push(`${count(fragments)}: ${price} each.`);
    if (above > 0)
      sentences.push(
        `${characters(above)} less make${above === 1 ? 's' : ''} it ${fragments - 1}, ${moneyInWords((cost / fragments) * (fragments - 1))}.`,
      );
  } else {
    sentences.push(many);
    if (encoding === 'ucs-2' && ucs2.length > 0)
      sentences.push(`Because of ${listed(ucs2)} only 70 characters fit into one, not 160.`);
  }
  if (over > 0) sentences.push(`It is ${characters(over)} too long: the most is 918.`);
  if (unsupported.length > 0)
    sentences.push(
      `${listed(unsupported)} cannot be sent in a text message: “?” arrives in ${unsupported.length === 1 ? 'its' : 'their'} place.`,
    );
  return sentences.join(' ');
}

/** How many fragments a text would have without characters that count twice; null if no fewer. */
function fewerWithoutDoubles({
  encoding,
  fragments,
  characters: length,
  double_characters: doubles,
}: Preview): number | null {
  if (encoding !== 'gsm-7' || doubles.length === 0 || fragments === null || length === null) return null;
  const fewer = length <= 160 ? 1 : Math.ceil(length / 153);
  return fewer < fragments ? fewer : null;
}

/** The characters that make a text dearer, to be marked where they stand (spec 02, sections 4.4 and 4.5). */
export function dearCharacters(preview: Preview): readonly string[] {
  if (preview.encoding === 'ucs-2') return preview.ucs2_characters;
  return fewerWithoutDoubles(preview) === null ? [] : preview.double_characters;
}

/** A text with characters marked. */
export function marked(text: string, characters: readonly string[]): Html {
  const wanted = new Set(characters);
  if (wanted.size === 0) return html`${text}`;
  const parts: Html[] = [];
  let plain = '';
  for (const character of text) {
    if (!wanted.has(character)) {
      plain += character;
      continue;
    }
    parts.push(html`${plain}<mark class="app-mark">${character}</mark>`);
    plain = '';
  }
  return joined([...parts, html`${plain}`]);
}

const mostListed = 4;

/** "ŵ", "ŵ and ŷ", "a, b, c and 3 others". */
function listed(items: readonly string[]): string {
  const shown = items.length > mostListed ? items.slice(0, mostListed - 1) : items;
  const all = shown.length < items.length ? [...shown, `${items.length - shown.length} others`] : shown;
  return all.length < 2 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
}
