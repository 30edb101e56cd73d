/**
 * The characters that a text message may hold (spec 02, sections 4.3 and 4.4): the GSM 7-bit alphabet, its extension and
 * the accented Welsh vowels. Everything else is replaced before a message is counted or sent.
 */

const gsmBasic =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡' +
  'ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const gsmExtension = '^{}\\[~]|€';

/** One Welsh letter that GSM 7-bit lacks makes the whole message UCS-2. */
const welshLetters = [...'aeiouwyAEIOUWY'].flatMap((vowel) =>
  ['\u0300', '\u0301', '\u0308', '\u0302'].map((accent) => (vowel + accent).normalize('NFC')),
);
const welshOutsideGsm = welshLetters.filter((letter) => !gsmBasic.includes(letter));

const smsAlphabet = new Set([...gsmBasic, ...gsmExtension, ...welshOutsideGsm]);
const asciiAlphabet = new Set(Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)));

const replacements = new Map<string, string>([
  ...[...'\u2011\u2013\u2014\u2212'].map((dash) => [dash, '-'] as const),
  ...[...'\u2018\u2019\u201a'].map((quote) => [quote, "'"] as const),
  ...[...'\u201c\u201d\u201e'].map((quote) => [quote, '"'] as const),
  ...[...'\u180e\u200b\u200c\u200d\u2060\ufeff\u2028\u2029'].map((invisible) => [invisible, ''] as const),
  ...[...'\xa0\u202f\t'].map((space) => [space, ' '] as const),
  ['\u2026', '...'],
  ['\u0141', 'L'],
  ['\u0142', 'l'],
]);

const outsideAscii = /[^ -~]/gu;
const outsideSms = new RegExp(`[^${classOf(smsAlphabet)}]`, 'gu');
const unicodeLetter = new RegExp(`[${classOf(welshOutsideGsm)}]`, 'g');
const extensionCharacter = new RegExp(`[${classOf(gsmExtension)}]`, 'g');

/** Replaces what a text message cannot hold; characters without an equivalent become `?` (spec 02, section 4.3). */
export function downgradeToSms(text: string): string {
  return text.replace(outsideSms, (character) => downgradeCharacter(character, smsAlphabet));
}

/** The same with printable ASCII as the alphabet (spec 02, section 4.3). */
export function downgradeToAscii(text: string): string {
  return text.replace(outsideAscii, (character) => downgradeCharacter(character, asciiAlphabet));
}

/** The distinct characters that `downgradeToSms` turns into `?`, sorted by code point (spec 02, sections 4.3 and 10.5). */
export function unsupportedCharacters(text: string): string[] {
  const outside = new Set(text.match(outsideSms));
  const unsupported = [...outside].filter((character) => downgradeCharacter(character, smsAlphabet) === '?');
  return unsupported.sort((one, other) => one.codePointAt(0)! - other.codePointAt(0)!);
}

/** The distinct characters that force UCS-2, in order of appearance (spec 02, section 4.4). */
export function unicodeLetters(text: string): string[] {
  return [...new Set(text.match(unicodeLetter))];
}

/** The number of characters that take two septets in GSM 7-bit (spec 02, section 4.5). */
export function countExtensionCharacters(text: string): number {
  return text.match(extensionCharacter)?.length ?? 0;
}

function downgradeCharacter(character: string, alphabet: ReadonlySet<string>): string {
  // The spec decomposes first, but no character of the table decomposes.
  const replacement = replacements.get(character);
  if (replacement !== undefined) return replacement;
  const base = firstOfDecomposition(character);
  return base !== null && alphabet.has(base) ? base : '?';
}

/**
 * The first character of the canonical decomposition, one level deep; null when there is none. JavaScript offers only
 * the full decomposition; composing all but its last mark again gives the single level (spec 02, section 4.3).
 */
function firstOfDecomposition(character: string): string | null {
  const decomposed = character.normalize('NFD');
  if (decomposed === character) return null;
  const composed = character.normalize('NFC');
  if (composed !== character && isOneCharacter(composed)) return composed;
  const parts = [...decomposed];
  if (parts.length === 1) return decomposed;
  const [first] = parts.slice(0, -1).join('').normalize('NFC');
  return first ?? null;
}

function isOneCharacter(text: string): boolean {
  return text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);
}

function classOf(characters: Iterable<string>): string {
  return [...characters].map((character) => character.replace(/[\\\]^-]/, '\\$&')).join('');
}
