import { badRequest, type Problem } from '../../ground/problem.ts';
import { isYes, listText, normaliseKey, type Personalisation, valueText } from './personalisation.ts';
import { escapeHtml } from './text/escape.ts';

/**
 * A placeholder of a template text (spec 02, section 1.1): `((name))` or the conditional `((name??text))`. `parseText`
 * parses a text once and the result is kept with the template version; `substitute` then only joins strings. Nothing
 * here throws, whatever the content and the values, except for what is too long to send.
 */
export type Placeholder = {
  /** Exactly as typed, outer spaces included, as error texts and the public template API show it. */
  readonly name: string;
  /** The name as `normaliseKey` makes it. */
  readonly key: string;
  /** What a conditional shows if its value says yes, exactly as typed; null for an ordinary placeholder. */
  readonly text: string | null;
};

/** A parsed text: `literals[0] slots[0] literals[1] … literals[n]`, so there is always one literal more than slots. */
export type ParsedText = {
  readonly content: string;
  readonly literals: readonly string[];
  readonly slots: readonly Placeholder[];
  /** Names in order of first appearance, each in its first spelling (spec 02, section 1.3). */
  readonly placeholders: readonly string[];
};

/** How a text is filled in. `modes` has one for each use. */
export type Mode = {
  /** What a missing value leaves: a span, or the brackets as typed. */
  readonly field: 'html' | 'plain';
  /** `escape` puts content and values through `escapeHtml`; `passthrough` does not change them. */
  readonly html: 'escape' | 'passthrough';
  /** Shows an array as `one, two and three`, or as a Markdown list after a blank line. */
  readonly lists: 'sentence' | 'markdown';
  /** Shows `hidden` for a missing value (spec 02, section 1.6). Default: false. */
  readonly redact?: boolean;
  /** Shows the brackets around the name of a missing ordinary placeholder. Default: true. */
  readonly brackets?: boolean;
};

/** The uses of a text (spec 02, section 1.5). */
export const modes = {
  smsText: { field: 'plain', html: 'passthrough', lists: 'sentence' },
  smsPreview: { field: 'html', html: 'escape', lists: 'sentence' },
  emailSubject: { field: 'html', html: 'passthrough', lists: 'sentence' },
  emailTitle: { field: 'html', html: 'escape', lists: 'sentence' },
  emailPlain: { field: 'html', html: 'passthrough', lists: 'markdown' },
  emailHtml: { field: 'html', html: 'escape', lists: 'markdown' },
  emailBody: { field: 'html', html: 'passthrough', lists: 'markdown' },
} as const satisfies Record<string, Mode>;

const placeholderPattern = /\(\(([^()]+)\)\)/g;

/** Parses the body between the brackets: a name, and for a conditional the text after its first `??`. */
export function parsePlaceholder(body: string): Placeholder {
  const split = body.indexOf('??');
  const name = split === -1 ? body : body.slice(0, split);
  return { name, key: normaliseKey(name), text: split === -1 ? null : body.slice(split + 2) };
}

/** Parses a content or subject (spec 02, section 1.1) in time linear in its length. Do it once per version. */
export function parseText(content: string): ParsedText {
  const literals: string[] = [];
  const slots: Placeholder[] = [];
  let end = 0;
  for (const match of content.matchAll(placeholderPattern)) {
    literals.push(content.slice(end, match.index));
    slots.push(parsePlaceholder(match[1]!));
    end = match.index + match[0].length;
  }
  literals.push(content.slice(end));
  return { content, literals, slots, placeholders: distinctNames(slots) };
}

/** The placeholders of a template (spec 02, section 1.3). Give an email's subject before its content. */
export function placeholdersOf(...texts: readonly ParsedText[]): string[] {
  return distinctNames(texts.flatMap(({ slots }) => slots));
}

/** The names, as the template spells them, whose value is absent or null (spec 02, section 1.3). */
export function missingPlaceholders(names: readonly string[], personalisation: Personalisation): string[] {
  return names.filter((name) => personalisation.get(normaliseKey(name)) == null);
}

/** The keys, as the caller spelt them, that match no placeholder, which is allowed (spec 02, section 1.3). */
export function additionalKeys(
  names: readonly string[],
  values: Readonly<Record<string, unknown>>,
): string[] {
  const known = new Set(names.map(normaliseKey));
  return Object.keys(values).filter((key) => !known.has(normaliseKey(key)));
}

/**
 * Replaces every placeholder (spec 02, section 1.5) in one pass: values are never searched for placeholders. Because
 * placeholders are found before references are decoded, `&lpar;` puts a bracket inside a conditional in HTML as in
 * plain text (spec 02, section 12.1). Throws a Problem for a text of more than `longestText`.
 */
export function substitute(text: ParsedText, personalisation: Personalisation, mode: Mode): string {
  const { slots } = text;
  const escaped = mode.html === 'escape' ? escapedForm(text) : null;
  const literals = escaped?.literals ?? text.literals;
  let result = literals[0]!;
  for (let index = 0; index < slots.length; index += 1) {
    result += fill(slots[index]!, escaped?.slots[index], personalisation, mode) + literals[index + 1]!;
    if (result.length > longestText) throw tooLong(`filled in, it has more than ${longestText} characters`);
  }
  return result;
}

/** UTF-16 units of a text that is filled in: a small template can repeat a large value many times. */
const longestText = 16_000_000;

/** 400: nothing can send this message. `why` completes the sentence. */
export function tooLong(why: string): Problem {
  return badRequest(`Your message is too long: ${why}.`);
}

/**
 * About how many UTF-16 units a text will have when it is filled in, for the choice of where to do that: exact for
 * strings, and at least as many units as go in for other values. Costs next to nothing.
 */
export function filledLength({ literals, slots }: ParsedText, personalisation: Personalisation): number {
  let length = 0;
  for (const literal of literals) length += literal.length;
  for (const { key, text } of slots) length += (text?.length ?? 0) + valueLength(personalisation.get(key));
  return length;
}

/** About as many UTF-16 units as a value has, see `filledLength`. */
export function valueLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + 4 + valueLength(item), 2);
}

/** Parsed texts after `escapeHtml`, made when a text is first shown as HTML. */
const escapedForms = new WeakMap<ParsedText, ParsedText>();

function escapedForm(text: ParsedText): ParsedText {
  let escaped = escapedForms.get(text);
  if (!escaped) {
    escaped = {
      ...text,
      literals: text.literals.map(escapeHtml),
      slots: text.slots.map((slot) => {
        const name = escapeHtml(slot.name);
        return { name, key: normaliseKey(name), text: slot.text === null ? null : escapeHtml(slot.text) };
      }),
    };
    escapedForms.set(text, escaped);
  }
  return escaped;
}

function fill(
  typed: Placeholder,
  escaped: Placeholder | undefined,
  personalisation: Personalisation,
  mode: Mode,
): string {
  // What has a value in plain text has the same one in HTML, and there `((a&amp;b))` finds the key `a&b` too.
  const value = personalisation.get(typed.key) ?? (escaped && personalisation.getEscaped(escaped.key));
  const slot = escaped ?? typed;
  if (value === null || value === undefined) return missingForm(slot, mode);
  const text = Array.isArray(value) ? listText(value, mode.lists) : valueText(value);
  if (slot.text !== null) return isYes(text) ? slot.text : '';
  return escaped ? escapeHtml(text) : text;
}

function missingForm({ name, text }: Placeholder, { field, redact = false, brackets = true }: Mode): string {
  if (field === 'html') {
    if (redact) return `<span class='placeholder-redacted'>hidden</span>`;
    if (text !== null)
      return `<span class='placeholder-conditional'>&#40;&#40;${name}??</span>${text}&#41;&#41;`;
    if (!brackets) return `<span class='placeholder-no-brackets'>${name}</span>`;
    return `<span class='placeholder'>&#40;&#40;${name}&#41;&#41;</span>`;
  }
  if (redact) return '[hidden]';
  if (text !== null) return `((${name}??${text}))`;
  return brackets ? `((${name}))` : name;
}

function distinctNames(slots: readonly Placeholder[]): string[] {
  const names = new Map<string, string>();
  for (const { name, key } of slots) if (!names.has(key)) names.set(key, name);
  return [...names.values()];
}
