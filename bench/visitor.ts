import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { brotliDecompressSync } from 'node:zlib';

/** What somebody got from the pages. */
export type Seen = Readonly<{
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Of the body, as it came: compressed. */
  bytes: number;
}>;

type Asked = Readonly<{
  method?: 'GET' | 'POST';
  body?: string | Buffer;
  headers?: Readonly<Record<string, string>>;
}>;

const boundary = 'despatch-bench-5f1c';

/** Somebody with a browser, as far as the pages can tell: cookies, compressed answers, forms of the page itself. */
export class Visitor {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #cookies = new Map<string, string>();

  constructor(url: string) {
    this.#url = url;
  }

  async ask(path: string, asked: Asked = {}): Promise<Seen> {
    const answer = await this.#send(path, asked);
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const plain = answer.headers['content-encoding'] === 'br' ? brotliDecompressSync(body) : body;
    return {
      ...{ status: answer.statusCode ?? 0, headers: answer.headers, bytes: body.length },
      text: plain.toString(),
    };
  }

  /** Throws an Error unless the answer is 200. */
  async get(path: string): Promise<Seen> {
    const seen = await this.ask(path);
    if (seen.status !== 200)
      throw new Error(`GET ${path} was answered ${seen.status} ${seen.headers.location ?? ''}`);
    return seen;
  }

  /** The form at `path`, filled in: what sends it, and returns where that leads. Throws an Error if it does not. */
  async formAt(path: string, fields: Readonly<Record<string, string>>): Promise<() => Promise<string>> {
    const body = new URLSearchParams([...hiddenIn((await this.get(path)).text), ...Object.entries(fields)]);
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    return async () => leadOf(await this.ask(path, { method: 'POST', body: body.toString(), headers }));
  }

  /** Sends a file as the form at `path` does. */
  async upload(path: string, name: string, content: Buffer): Promise<string> {
    const part = (head: string) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n`;
    const fields = hiddenIn((await this.get(path)).text).map(
      ([field, value]) => `${part(`name="${field}"`)}\r\n${value}\r\n`,
    );
    const file = part(`name="file"; filename="${name}"`);
    const body = Buffer.concat([
      Buffer.from(`${fields.join('')}${file}Content-Type: text/csv\r\n\r\n`),
      content,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` };
    return leadOf(await this.ask(path, { method: 'POST', body, headers }));
  }

  /** Reads a stream of events until `found` says that what has come so far is enough. */
  async listen(path: string, found: (text: string) => boolean): Promise<void> {
    const answer = await this.#send(path, {});
    if (answer.statusCode !== 200)
      throw new Error(`${path} was answered ${answer.statusCode} ${await text(answer)}`);
    let seen = '';
    for await (const chunk of answer.setEncoding('utf8')) {
      seen += chunk as string;
      if (found(seen)) return;
    }
    throw new Error(`The stream of ${path} ended: ${seen.slice(-300)}`);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(path: string, { method = 'GET', body, headers = {} }: Asked): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request(
      new URL(path, this.#url),
      {
        ...{ method, agent: this.#agent },
        headers: {
          'Accept-Encoding': 'br, gzip',
          'Sec-Fetch-Site': 'same-origin',
          Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      (answer) => {
        for (const line of answer.headers['set-cookie'] ?? []) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
          if (value === '') this.#cookies.delete(name!);
          else this.#cookies.set(name!, value!);
        }
        resolve(answer);
      },
    );
    sent.on('error', reject);
    sent.end(body);
    return promise;
  }
}

/** What the form of a page sends along unseen. */
function hiddenIn(document: string): [string, string][] {
  const main = document.slice(document.indexOf('<main'));
  return ['_token', '_form'].flatMap((name) => {
    const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(main)?.[1];
    return value === undefined ? [] : [[name, value] as [string, string]];
  });
}

function leadOf({ status, headers, text: said }: Seen): string {
  if (status !== 303 || headers.location === undefined)
    throw new Error(`A form was answered ${status}: ${/<main.*/s.exec(said)?.[0].slice(0, 500) ?? said}`);
  return headers.location;
}

/**
 * Loads a page for the first time: the document and all that it names, with what its scripts import. Returns the bytes
 * of each kind, compressed, and how many requests it took.
 */
export async function firstVisit(
  visitor: Visitor,
  path: string,
): Promise<Readonly<{ html: number; style: number; scripts: number; rest: number; requests: number }>> {
  const { text: document, bytes: html } = await visitor.get(path);
  const sums = { html, style: 0, scripts: 0, rest: 0, requests: 1 };
  const named = [...document.matchAll(/<(?:link|script|img)\b[^>]*\b(?:href|src)="([^"]+)"/g)];
  const due = [...new Set(named.map(([, at]) => at!))];
  for (let at = due.shift(); at !== undefined; at = due.shift()) {
    const { text: content, bytes } = await visitor.get(at);
    sums.requests += 1;
    sums[at.endsWith('.css') ? 'style' : at.endsWith('.js') ? 'scripts' : 'rest'] += bytes;
    if (at.endsWith('.js'))
      due.push(...[...content.matchAll(/^import\b[^;']*'([^']+)';?$/gm)].map(([, from]) => from!));
  }
  return sums;
}
