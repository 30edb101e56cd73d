/** Reading what providers post to us: receipts and received texts. */

import { jsonExcess } from '../../ground/json.ts';
import { readUtf8 } from '../../ground/text.ts';
import type { EndpointResponse, InboundResponse } from '../contract.ts';

/** Characters of a provider's text that are kept. */
const longest = 100;

/**
 * A value of a provider's post in a form that may be stored and logged: one line of limited length. PostgreSQL takes no
 * NUL, and no post may ever make a statement fail.
 */
export function receiptText(value: string | number): string {
  return String(value)
    .replace(/[\p{C}\u2028\u2029]/gu, ' ')
    .slice(0, longest);
}

/** A required field: null if it is absent, empty, null (spec 05, section 5.6) or neither text nor number. */
export function fieldText(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/**
 * The JSON object in a text or a body; undefined if it is not JSON in UTF-8 or nested too deeply, `{}` if it is any
 * other JSON.
 */
export function jsonFields(content: string | Buffer): Readonly<Record<string, unknown>> | undefined {
  const text = typeof content === 'string' ? content : readUtf8(content);
  if (text === null || jsonExcess(text) !== null) return undefined;
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
  } catch {
    return undefined;
  }
}

/** Fields by their names in lower case, the first of each: documents of providers differ in the case of names. */
export function namedFields(fields: Iterable<readonly [string, unknown]>): ReadonlyMap<string, unknown> {
  const named = new Map<string, unknown>();
  for (const [name, value] of fields)
    if (!named.has(name.toLowerCase())) named.set(name.toLowerCase(), value);
  return named;
}

/** The fields of a form. What is not UTF-8 is replaced, as browsers do; a byte order mark is no part of the first name. */
export function formFields(body: Buffer): ReadonlyMap<string, unknown> {
  return namedFields(new URLSearchParams(body.toString('utf8').replace(/^\ufeff/, '')));
}

/** The answer that refuses a receipt. */
export function refuseReceipt(
  message: string | readonly string[],
  status = 400,
): { answer: EndpointResponse } {
  return { answer: { status, body: { result: 'error', message } } };
}

/**
 * The status and our id in a receipt for a text, from fields by their name; an answer if they are absent or malformed
 * (spec 05, section 5.6).
 */
export function readSmsReceipt(
  name: string,
  status: readonly [field: string, value: unknown],
  reference: readonly [field: string, value: unknown],
): Readonly<{ status: string; id: string }> | { answer: EndpointResponse } {
  const given = fieldText(status[1]);
  const echoed = fieldText(reference[1]);
  if (given === null || echoed === null) {
    const missing = [given === null ? status[0] : [], echoed === null ? reference[0] : []].flat();
    return refuseReceipt(missing.map((field) => `${name} callback failed: ${field} missing`));
  }
  // Sign-in codes once had no notification, so their receipts carry no id.
  if (echoed === 'send-sms-code')
    return {
      answer: {
        status: 200,
        body: { result: 'success', message: `${name} callback succeeded: send-sms-code` },
      },
    };
  // Our id in any version and any case, but in no other spelling.
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(echoed))
    return refuseReceipt(`${name} callback with invalid reference ${receiptText(echoed)}`);
  return { status: given, id: echoed.toLowerCase() };
}

const inboundJson = (status: number, body: unknown): InboundResponse => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

export const inboundOk = inboundJson(200, { status: 'ok' });

/** 400: the text cannot be read. `message`: why, as one sentence or several. */
export function refuseText(message: string | readonly string[]): { answer: InboundResponse } {
  return { answer: inboundJson(400, { result: 'error', message }) };
}

/** The answer to a post without all of its required fields; null if none is missing. */
export function missingFields(
  name: string,
  fields: Readonly<Record<string, string | null>>,
): { answer: InboundResponse } | null {
  const missing = Object.keys(fields).filter((field) => fields[field] === null);
  if (missing.length === 0) return null;
  return refuseText(missing.map((field) => `${name} inbound SMS failed: ${field} missing`));
}
