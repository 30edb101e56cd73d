import type { Html } from '../../ground/html.ts';
import { type ErrorMessage, errorSummary } from '../components/form.ts';
import type { Refused } from '../frame/api.ts';
import { Unexpected } from '../frame/page.ts';

/** What is wrong with a form, by the name of the field, in words for whoever fills it in. */
export type Faults = Readonly<Record<string, string>>;

export const noFaults: Faults = {};

/**
 * What the API refused, by the fields of a form. `fields`: the form's name of each field of the API. Throws Unexpected
 * if nothing of it is about these fields.
 */
export function faultsOf(refused: Refused, fields: Readonly<Record<string, string>>): Faults {
  const faults: Record<string, string> = {};
  for (const [field, name] of Object.entries(fields)) {
    const texts = refused.fields[field];
    if (texts?.length) faults[name] ??= sentenceOf(texts[0]!);
  }
  if (Object.keys(faults).length === 0) throw new Unexpected(refused);
  return faults;
}

/** An error of the API as a sentence that says what to do (spec 04, sections 0.3 and 3.2). Pure. */
export function sentenceOf(text: string): string {
  if (text === 'Missing data for required field.') return 'Fill in this field.';
  if (/^Not a valid email address/.test(text))
    return 'Enter an email address in the correct format, such as name@example.com.';
  if (text === 'Invalid name') return 'Enter a name.';
  if (text === 'Email address already in use') return 'Somebody has this email address already.';
  if (/^Duplicate service name/.test(text)) return 'There is a service with this name already.';
  const tooLong = /^Longer than maximum length (\d+)\.?$/.exec(text);
  if (tooLong) return `Enter at most ${tooLong[1]} characters.`;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The fault of a field, for its component. */
export function errorAt(faults: Faults, name: string): ErrorMessage {
  const text = faults[name];
  return text === undefined ? null : { text };
}

/** The summary of a form's faults; null without any. A fault under '' is about no field. */
export function faultSummary(faults: Faults): Html | null {
  return errorSummary(
    Object.entries(faults).map(([name, text]) => (name === '' ? { text } : { text, href: `#${name}` })),
  );
}

/** What a page with these faults answers. */
export function answering(faults: Faults): Readonly<{ isError: boolean; status: number }> {
  const isError = Object.keys(faults).length > 0;
  return { isError, status: isError ? 400 : 200 };
}
