/** What a client submits to the sandbox: the body of `POST /send/{type}` and the receipt URL in it. */
import type { MessageType, ReceiptTarget, Submission } from './message.ts';

const maxLengths: Record<string, number> = {
  reference: 255,
  // 320 characters, each of up to two UTF-16 units.
  to: 640,
  // With a name, of which quotes and backslashes are escaped.
  from: 5_000,
  reply_to: 640,
  receipt_url: 2_048,
};

/** Reads the JSON body of `POST /send/{type}`; returns a sentence that says what is wrong if it is malformed. */
export function readSubmission(type: MessageType, value: unknown): Submission | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'The body must be a JSON object';
  const body = value as Record<string, unknown>;
  const required = type === 'sms' ? ['body'] : ['subject', 'text', 'html'];
  for (const name of ['reference', 'to', 'from', 'receipt_url', ...required]) {
    const fault = faultOf(name, body[name], !required.includes(name));
    if (fault !== null) return fault;
  }
  const email = type === 'email';
  if (email && body['reply_to'] !== undefined && body['reply_to'] !== null) {
    const fault = faultOf('reply_to', body['reply_to'], true);
    if (fault !== null) return fault;
  }
  const headers = email ? (body['headers'] ?? {}) : {};
  if (!isHeaders(headers)) return 'headers must be an object whose values are text, with at most 100 entries';
  return {
    type,
    reference: body['reference'] as string,
    to: body['to'] as string,
    from: body['from'] as string,
    replyTo: email ? ((body['reply_to'] as string | null | undefined) ?? null) : null,
    subject: email ? (body['subject'] as string) : null,
    text: (email ? body['text'] : body['body']) as string,
    html: email ? (body['html'] as string) : null,
    headers,
    receiptUrl: body['receipt_url'] as string,
  };
}

function faultOf(name: string, value: unknown, filled: boolean): string | null {
  if (value === undefined) return `${name} is missing`;
  if (typeof value !== 'string') return `${name} must be text`;
  if (filled && value.trim() === '') return `${name} must not be empty`;
  const longest = maxLengths[name];
  return longest !== undefined && value.length > longest
    ? `${name} must have at most ${longest} characters`
    : null;
}

function isHeaders(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const texts = Object.values(value);
  return texts.length <= 100 && texts.every((text) => typeof text === 'string');
}

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether a host name, as the URL class writes it, is this machine. */
export function isLoopback(hostname: string): boolean {
  return loopback.test(hostname);
}

/**
 * Reads receipt URLs. Only hosts of this machine are allowed unless `anyHost` is set: otherwise anyone who reaches the
 * sandbox could make it send requests into its network. Clients use few URLs, so parsed ones are cached.
 */
export class ReceiptTargets {
  readonly #anyHost: boolean;
  readonly #known = new Map<string, ReceiptTarget>();

  constructor(anyHost: boolean) {
    this.#anyHost = anyHost;
  }

  /** The target, or a sentence that says why the URL is refused. */
  read(url: string): ReceiptTarget | string {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const target = this.#parse(url);
    if (typeof target !== 'string') {
      if (this.#known.size >= 1_000) this.#known.clear();
      this.#known.set(url, target);
    }
    return target;
  }

  #parse(text: string): ReceiptTarget | string {
    const url = URL.parse(text);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
      return 'receipt_url must be an http or https URL';
    if (!this.#anyHost && !isLoopback(url.hostname))
      return 'receipt_url must point to this machine (localhost, 127.0.0.1 or [::1])';
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'despatch-sandbox',
    };
    if (url.username !== '' || url.password !== '') {
      const credentials = decodeCredentials(url);
      if (credentials === null) return 'receipt_url has a user name or password that is not properly encoded';
      headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
    }
    return { origin: url.origin, path: url.pathname + url.search, headers };
  }
}

function decodeCredentials(url: URL): string | null {
  try {
    return `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  } catch {
    return null;
  }
}
