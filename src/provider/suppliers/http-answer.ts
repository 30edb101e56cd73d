import type { Answer } from './http-client.ts';

/** What was not taken, or may have been: every outcome but `accepted`. */
type NotAccepted = Readonly<{ outcome: 'failed' | 'unknown'; code: string; detail: string }>;

/** The JSON object of an answer; undefined where the text is no JSON at all, `{}` where it is JSON of another kind. */
export function answeredObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
  } catch {
    return undefined;
  }
}

export function isSuccess({ status }: Pick<Answer, 'status'>): boolean {
  return status >= 200 && status < 300;
}

/**
 * A gateway says so when the server behind it did not answer it (in time, or in HTTP). That server may have the message:
 * nobody knows, so no other provider may be given it.
 */
const gatewayStatuses: ReadonlySet<number> = new Set([502, 504]);

/**
 * An answer outside 2xx: the provider did not take the message. `ownCode` is the provider's code for it. What it says
 * in words is left out, because providers repeat the recipient in it and the detail is kept on the timeline.
 */
export function refusedBy(
  provider: string,
  { status }: Pick<Answer, 'status'>,
  ownCode?: unknown,
): NotAccepted {
  const isCode =
    typeof ownCode === 'number' || (typeof ownCode === 'string' && /^[\w.-]{1,60}$/.test(ownCode));
  return {
    outcome: gatewayStatuses.has(status) ? 'unknown' : 'failed',
    code: isCode ? String(ownCode) : String(status),
    detail: `${provider} answered ${status}`,
  };
}

/**
 * 2xx in words that cannot be read. It said yes, so it may well have the message: giving it to another provider would
 * risk a second copy, while waiting and asking again with the same reference does not.
 */
export function unreadableFrom(provider: string, { status }: Pick<Answer, 'status'>): NotAccepted {
  return {
    outcome: 'unknown',
    code: String(status),
    detail: `${provider} accepted in words that cannot be read`,
  };
}

/** The receipt URL as a provider gets it: with the credentials that it has to show, where there are any. */
export function receiptUrlWith(url: string | null, credentials: string | null): string | null {
  if (url === null || credentials === null) return url;
  const withCredentials = new URL(url);
  const colon = credentials.indexOf(':');
  withCredentials.username = encodeURIComponent(credentials.slice(0, colon));
  withCredentials.password = encodeURIComponent(credentials.slice(colon + 1));
  return withCredentials.href;
}

/** The origin to connect to, and the path with its query. */
export function splitUrl(url: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: pathname + search };
}
