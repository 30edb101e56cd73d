import type { Personalisation } from './personalisation.ts';
import {
  missingPlaceholders,
  modes,
  type ParsedText,
  type Placeholder,
  parseText,
  substitute,
} from './placeholder.ts';
import { countExtensionCharacters, downgradeToSms, unicodeLetters } from './sms-alphabet.ts';
import { normaliseLines, squeezeNewlines, trim, trimBeforePunctuation } from './whitespace.ts';

/** The longest text message, in characters without the prefix (spec 02 section 4.6). */
export const SMS_LIMIT = 918;

/** What the content of one version of a text message template parses into; keep it with the version. */
export type CompiledSms = {
  readonly content: string;
  readonly text: ParsedText;
  /** Names as the template spells them, in order of first appearance (spec 02 section 1.3). */
  readonly placeholders: readonly string[];
};

/** A text message filled in, and what it measures. */
export type RenderedSms = {
  /**
   * Without a prefix the `body` of API answers, with one the text to hand to a provider. With no values at all the
   * placeholders stand in it as typed, and every count below takes them for nothing (spec 02 section 4.5).
   */
  readonly text: string;
  /** UTF-16 code units of the text, prefix included. */
  readonly characters: number;
  /** The same without the prefix: what the limit and the empty check look at, and what error texts say. */
  readonly charactersWithoutPrefix: number;
  /** What the count goes by: letters before the replacement of characters decide (section 4.4). */
  readonly encoding: SmsEncoding;
  /** What a provider needs for this text; replacement can leave a letter outside GSM behind (section 12.5). */
  readonly deliveryEncoding: SmsEncoding;
  /** Parts the message is sent and billed in: the `billable_units` of the delivered text (section 4.7). */
  readonly fragments: number;
  /** Characters of the count that lie past the end of the fragment before the last (section 4.5). */
  readonly abovePreviousBoundary: number;
  /** Distinct characters that make the message UCS-2, in order of appearance. */
  readonly unicodeLetters: readonly string[];
  /** Nothing to send; a prefix alone is nothing (section 4.6). */
  readonly empty: boolean;
  /** By how many characters the message passes `SMS_LIMIT`; 0 when it does not. */
  readonly aboveLimit: number;
};

export type SmsEncoding = 'gsm-7' | 'ucs-2';

/** Parses the content of a text message template, once per version. Linear in its length. */
export function compileSms(content: string): CompiledSms {
  const text = parseText(content);
  return { content, text, placeholders: text.placeholders };
}

/** The names, as the template spells them, that the values leave missing (spec 02 section 1.3). */
export function missingInSms(sms: CompiledSms, personalisation: Personalisation): string[] {
  return missingPlaceholders(sms.placeholders, personalisation);
}

/**
 * Fills in and measures one text message (spec 02 sections 4.1 to 4.6). `prefix` is the service's name where it is
 * in force, which is only on the way to a provider; a blank one is none. Never throws.
 */
export function renderSms(
  sms: CompiledSms,
  personalisation: Personalisation,
  prefix: string | null = null,
): RenderedSms {
  const heading = prefix === null ? '' : trim(prefix);
  const typed = clean(substitute(sms.text, personalisation, modes.smsText), heading);
  const text = downgradeToSms(typed);
  if (!personalisation.empty || sms.placeholders.length === 0) return measure(text, typed, text, heading);
  // The marks stand for placeholders only until the spaces around them are settled.
  const unfilled = clean(withMarks(sms.text), heading).replaceAll(MARK, '');
  return measure(text, unfilled, downgradeToSms(unfilled), heading);
}

/** Fragments a text needs that counts `characters` and holds `extensions` two-septet characters (section 4.5). */
export function countFragments(characters: number, extensions: number, encoding: SmsEncoding): number {
  const { single, part } = FRAGMENT_SIZES[encoding];
  const size = sizeOf(characters, extensions, encoding);
  return size <= single ? 1 : Math.ceil(size / part);
}

/** In UTF-16 code units and in septets; the parts of a long message each lose some to their header. */
const FRAGMENT_SIZES = { 'gsm-7': { single: 160, part: 153 }, 'ucs-2': { single: 70, part: 67 } } as const;

function sizeOf(characters: number, extensions: number, encoding: SmsEncoding): number {
  return encoding === 'gsm-7' ? characters + extensions : characters;
}

/** Sections 4.1.2 and 4.1.3; `heading` is the trimmed prefix or empty. */
function clean(body: string, heading: string): string {
  const prefixed = heading === '' ? body : `${heading}: ${body}`;
  return trim(squeezeNewlines(normaliseLines(trimBeforePunctuation(prefixed))));
}

/** `typed` is the counted text before the downgrade, `counted` after it. */
function measure(text: string, typed: string, counted: string, heading: string): RenderedSms {
  const characters = counted.length;
  const headed = heading === '' ? 0 : downgradeToSms(heading).length + 2;
  const charactersWithoutPrefix = Math.max(0, characters - headed);
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
    aboveLimit: Math.max(0, charactersWithoutPrefix - SMS_LIMIT),
  };
}

function previousBoundary(fragments: number, encoding: SmsEncoding): number {
  const { single, part } = FRAGMENT_SIZES[encoding];
  return fragments === 2 ? single : (fragments - 1) * part;
}

const MARK = '\ue000';
const NOT_MARK = '\ue001';

/**
 * The text with a mark for each ordinary placeholder and nothing for a conditional. A mark is a character that
 * white space rules leave alone; where the content itself has it, another such character takes its place.
 */
function withMarks({ literals, slots }: ParsedText): string {
  const markOf = ({ text }: Placeholder) => (text === null ? MARK : '');
  let result = '';
  literals.forEach((literal, index) => {
    const slot = slots[index];
    result += literal.replaceAll(MARK, NOT_MARK) + (slot ? markOf(slot) : '');
  });
  return result;
}
