import { badRequest, type Problem } from '../../ground/problem.ts';
import { replacements } from '../recipient/characters.ts';
import type { Personalisation } from './personalisation.ts';
import { type Mode, modes, type ParsedText, parseText, substitute } from './placeholder.ts';
import { autolink } from './text/autolink.ts';
import { escapeHtml } from './text/escape.ts';
import { normaliseLines, squeezeNewlines, trim, trimBeforePunctuation } from './text/whitespace.ts';

/** The longest text message, in characters without the prefix (spec 02, section 4.6). */
export const maxSmsCharacters = 918;

/** 400 for a text of so many characters (spec 02, section 4.6). */
export function smsTooLong(characters: number): Problem {
  return badRequest(
    `Your message is too long. Text messages cannot be longer than ${maxSmsCharacters} characters. Your message is ${characters} characters long.`,
  );
}

/** The content of one version of a text message template, parsed. Keep it with the version. */
export type CompiledSms = {
  readonly text: ParsedText;
  /** Names as the template spells them, in order of first appearance (spec 02, section 1.3). */
  readonly placeholders: readonly string[];
};

export type SmsEncoding = 'gsm-7' | 'ucs-2';

/** A text message filled in and measured. */
export type RenderedSms = {
  /**
   * Without a prefix the `body` of API answers, with one the text to hand to a provider. With no values at all the
   * placeholders stay as typed, and no count below includes them (spec 02, section 4.5).
   */
  readonly text: string;
  /** UTF-16 code units of the text, prefix included. */
  readonly characters: number;
  /** The same without the prefix: used for the limit, the empty check and error texts. */
  readonly charactersWithoutPrefix: number;
  /** The encoding used for counting: that of the text before characters are replaced (spec 02, section 4.4). */
  readonly encoding: SmsEncoding;
  /** The encoding to ask a provider for: replacing can leave a letter outside GSM 7-bit (spec 02, section 12.5). */
  readonly deliveryEncoding: SmsEncoding;
  /** The parts the message is sent in, which are the `billable_units` of the delivered text (spec 02, section 4.7). */
  readonly fragments: number;
  /** Characters past the boundary before the last fragment (spec 02, section 4.5). */
  readonly abovePreviousBoundary: number;
  /** Distinct characters that make the message UCS-2, in order of appearance. */
  readonly unicodeLetters: readonly string[];
  /** There is nothing to send; a prefix alone counts as nothing (spec 02, section 4.6). */
  readonly empty: boolean;
  /** Characters above `maxSmsCharacters`; 0 when the message fits. */
  readonly aboveLimit: number;
};

/** Parses the content of a text message template, in time linear in its length. Do it once per version. */
export function compileSms(content: string): CompiledSms {
  const text = parseText(content);
  return { text, placeholders: text.placeholders };
}

/**
 * Fills in and measures one text message (spec 02, sections 4.1 to 4.6). `prefix` is the service's name, given only on
 * the way to a provider and only if the service uses it; a blank one counts as none. Never throws.
 */
export function renderSms(
  sms: CompiledSms,
  personalisation: Personalisation,
  prefix: string | null = null,
): RenderedSms {
  const heading = prefix === null ? '' : trim(prefix);
  const typed = clean(withHeading(substitute(sms.text, personalisation, modes.smsText), heading));
  const text = downgradeToSms(typed);
  if (!personalisation.empty || sms.placeholders.length === 0) return measure(text, typed, text, heading);
  // The marks only protect the spaces around placeholders.
  const unfilled = clean(withHeading(withMarks(sms.text), heading)).replaceAll(mark, '');
  return measure(text, unfilled, downgradeToSms(unfilled), heading);
}

/**
 * The fragments of a text of `characters` UTF-16 units, `extensions` of which take two septets in GSM 7-bit (spec 02,
 * section 4.5).
 */
export function countFragments(characters: number, extensions: number, encoding: SmsEncoding): number {
  const { single, part } = fragmentSizes[encoding];
  const size = sizeOf(characters, extensions, encoding);
  return size <= single ? 1 : Math.ceil(size / part);
}

/** In septets or UTF-16 units. The parts of a long message each lose some to a header. */
const fragmentSizes = { 'gsm-7': { single: 160, part: 153 }, 'ucs-2': { single: 70, part: 67 } } as const;

function sizeOf(characters: number, extensions: number, encoding: SmsEncoding): number {
  return encoding === 'gsm-7' ? characters + extensions : characters;
}

function previousBoundary(fragments: number, encoding: SmsEncoding): number {
  const { single, part } = fragmentSizes[encoding];
  return fragments === 2 ? single : (fragments - 1) * part;
}

/** `typed` is the text to count before its characters are replaced, `counted` the same after. */
function measure(text: string, typed: string, counted: string, heading: string): RenderedSms {
  const characters = counted.length;
  const headingLength = heading === '' ? 0 : downgradeToSms(heading).length + 2;
  const charactersWithoutPrefix = Math.max(0, characters - headingLength);
  const letters = unicodeLetters(typed);
  const encoding = letters.length > 0 ? 'ucs-2' : 'gsm-7';
  const extensions = countExtensionCharacters(typed);
  const fragments = countFragments(characters, extensions, encoding);
  return {
    text,
    characters,
    charactersWithoutPrefix,
    encoding,
    deliveryEncoding: unicodeLetters(text).length > 0 ? 'ucs-2' : 'gsm-7',
    fragments,
    abovePreviousBoundary: sizeOf(characters, extensions, encoding) - previousBoundary(fragments, encoding),
    unicodeLetters: letters,
    empty: charactersWithoutPrefix === 0,
    aboveLimit: Math.max(0, charactersWithoutPrefix - maxSmsCharacters),
  };
}

function withHeading(body: string, heading: string): string {
  return heading === '' ? body : `${heading}: ${body}`;
}

/** Step 3 of spec 02, section 4.1. */
function clean(text: string): string {
  return cleanLines(trimBeforePunctuation(text));
}

function cleanLines(text: string): string {
  return trim(squeezeNewlines(normaliseLines(text)));
}

const mark = '\ue000';
const otherMark = '\ue001';

/**
 * The text with a mark for each ordinary placeholder and nothing for a conditional. The mark is a character that the
 * white space rules ignore; if the content has it already, another such character replaces it there.
 */
function withMarks({ literals, slots }: ParsedText): string {
  let result = '';
  literals.forEach((literal, index) => {
    result += literal.replaceAll(mark, otherMark) + (slots[index]?.text === null ? mark : '');
  });
  return result;
}

export type SmsPreviewOptions = {
  /** The service's name, if the message begins with it. */
  readonly prefix?: string | null;
  /** Shows characters as typed, not as they will be sent. */
  readonly keepCharacters?: boolean;
  /** Shows `hidden` for a missing value (spec 02, section 1.6). */
  readonly redact?: boolean;
};

/**
 * The body of a text message as HTML for a web page (spec 02, section 4.8): escaped, `<br>` for line breaks, URLs
 * linked. The element around it should have `dir="auto"`. Never throws.
 */
export function previewSms(
  sms: CompiledSms,
  personalisation: Personalisation,
  { prefix = null, keepCharacters = false, redact = false }: SmsPreviewOptions = {},
): string {
  const mode: Mode = redact ? { ...modes.smsPreview, redact } : modes.smsPreview;
  const heading = prefix === null ? '' : trim(escapeHtml(prefix));
  const body = substitute(sms.text, personalisation, mode);
  const punctuated = trimBeforePunctuation(withHeading(body, heading));
  const shown = keepCharacters ? punctuated : downgradeToSms(punctuated);
  return autolink(cleanLines(shown).replaceAll('\n', '<br>'));
}

/** A text message as the pages show it while its template is being written. */
export type EditedSms = Pick<RenderedSms, 'text' | 'characters' | 'fragments' | 'encoding'> & {
  /** The text as HTML, see `previewSms`. */
  readonly html: string;
  readonly charactersOver: number;
  readonly charactersAbovePreviousBoundary: number;
  /** Distinct characters that make the whole message UCS-2, that take two septets, and that become `?`. */
  readonly ucs2Characters: readonly string[];
  readonly doubleCharacters: readonly string[];
  readonly unsupportedCharacters: readonly string[];
};

/** `prefix` as for `renderSms`. Without values its counts leave out placeholders, but `charactersOver` does not. */
export function editSms(sms: CompiledSms, values: Personalisation, prefix: string | null): EditedSms {
  const { text, characters, fragments, encoding, unicodeLetters, abovePreviousBoundary } = renderSms(
    sms,
    values,
    prefix,
  );
  const heading = prefix === null ? '' : trim(prefix);
  const counted = values.empty ? sms.text.literals.join('') : substitute(sms.text, values, modes.smsText);
  const typed = withHeading(counted, heading);
  return {
    ...{ text, characters, fragments, encoding, html: previewSms(sms, values, { prefix }) },
    charactersOver: charactersOver(sms, values),
    charactersAbovePreviousBoundary: fragments > 1 ? abovePreviousBoundary : 0,
    ucs2Characters: unicodeLetters,
    doubleCharacters: [...new Set(typed.match(extensionCharacter))],
    unsupportedCharacters: unsupportedCharacters(typed),
  };
}

/** Characters above `maxSmsCharacters`, where placeholders without a value count as typed (spec 04, section 5.1). */
export function charactersOver(sms: CompiledSms, values: Personalisation): number {
  return Math.max(0, renderSms(sms, values).text.length - maxSmsCharacters);
}

/**
 * The characters that a text message may hold (spec 02, sections 4.3 and 4.4): the GSM 7-bit alphabet, its extension
 * and the accented Welsh vowels. Everything else is replaced before a message is counted or sent.
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

/**
 * The distinct characters that `downgradeToSms` turns into `?`, sorted by code point (spec 02, sections 4.3 and 10.5).
 */
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
