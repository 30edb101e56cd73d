/** Where receipts of a message go. */
export type ReceiptTarget = {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
};

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Is this host name (as the URL class writes it) the machine itself? */
export function isLoopback(hostname: string): boolean {
  return loopback.test(hostname);
}

/**
 * Reads receipt URLs. Only hosts of this machine are allowed, unless `anyHost`: otherwise whoever reaches the
 * sandbox could make it send requests into the network it runs in. Senders use few URLs, so read ones are kept.
 */
export class ReceiptTargets {
  readonly #anyHost: boolean;
  readonly #known = new Map<string, ReceiptTarget>();

  constructor(anyHost: boolean) {
    this.#anyHost = anyHost;
  }

  /** The target, or a sentence that says why there is none. */
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
