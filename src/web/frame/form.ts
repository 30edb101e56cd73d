import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { type Html, html } from '../../ground/html.ts';

/** What was filled in. Texts are trimmed of nothing and have line ends of one kind (\n). */
export type Form = Readonly<{
  /** The first value of a field; '' if it is missing. */
  text: (name: string) => string;
  /** Every value of a field, such as those of ticked boxes. */
  all: (name: string) => readonly string[];
  has: (name: string) => boolean;
  /** Names of the fields, without those of `FormFields`. */
  names: readonly string[];
  /** This copy of the form, for `Idempotency-Key`: a form that is sent twice takes effect once. */
  id: string;
}>;

/** The hidden fields of a form that posts: whose session it was made for, and which copy it is. */
export type FormFields = Html;

export const tokenField = '_token';
export const idField = '_form';

/** The largest form, in bytes: the text of an email may have 2,000,000, and every character may be written with 9. */
export const mostFormBytes = 20_000_000;
const mostFields = 5000;

/** Reads a form that was sent to `path`; null if it has too many fields. */
export function readForm(body: Buffer, path: string): Form | null {
  const entries = [...new URLSearchParams(body.toString('latin1'))];
  if (entries.length > mostFields) return null;
  return formOf(
    entries.map(([name, value]) => [name, value.replace(/\r\n?/g, '\n')]),
    path,
  );
}

/** `path`: what it was sent to. */
export function formOf(entries: readonly (readonly [string, string])[], path = ''): Form {
  const values = new Map<string, string[]>();
  for (const [name, value] of entries) values.set(name, [...(values.get(name) ?? []), value]);
  const id = values.get(idField)?.[0] ?? '';
  return {
    text: (name) => values.get(name)?.[0] ?? '',
    all: (name) => values.get(name) ?? [],
    has: (name) => values.has(name),
    names: [...values.keys()].filter((name) => name !== tokenField && name !== idField),
    id: /^[0-9a-f-]{36}$/.test(id) ? copyId(id, path, entries) : randomUUID(),
  };
}

/**
 * One of a form's copies as it was filled in. All forms of a page have one id, and whoever goes back fills a form in anew:
 * only the same form with the same answers is the same request.
 */
function copyId(id: string, path: string, entries: readonly (readonly [string, string])[]): string {
  const filled = entries.filter(([name]) => name !== tokenField);
  const hash = createHash('sha256')
    .update(JSON.stringify([id, path, filled]))
    .digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** The hidden fields for a session's secret. The token differs each time, so that compressing pages tells nothing. */
export function formFields(secret: string, id: string = randomUUID()): FormFields {
  return html`<input type="hidden" name="${tokenField}" value="${maskedToken(secret)}"><input type="hidden" name="${idField}" value="${id}">`;
}

function maskedToken(secret: string): string {
  const bytes = Buffer.from(secret, 'base64url');
  const mask = randomBytes(bytes.length);
  return Buffer.concat([mask, exclusiveOr(bytes, mask)]).toString('base64url');
}

/** Whether a form was made for the session with this secret. */
export function isTokenOf(secret: string, token: string): boolean {
  const bytes = Buffer.from(secret, 'base64url');
  const given = Buffer.from(token, 'base64url');
  if (given.length !== 2 * bytes.length || bytes.length === 0) return false;
  return timingSafeEqual(exclusiveOr(given.subarray(bytes.length), given.subarray(0, bytes.length)), bytes);
}

function exclusiveOr(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ other[index]!));
}

/** The fields of a form as hidden ones, for a page that sends it once more. */
export function hiddenFields(form: Form): readonly Html[] {
  return form.names.flatMap((name) =>
    form.all(name).map((value) => html`<input type="hidden" name="${name}" value="${value}">`),
  );
}
