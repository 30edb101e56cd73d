import { connect, type Socket } from 'node:net';
import { makeToken } from '../src/cli/client.ts';
import type { Account } from './installation.ts';

export type LoadOptions = Readonly<{
  url: string;
  requests: Requests;
  connections: number;
  /** Called with the body of each 201. */
  onAccepted?: (body: Buffer) => void;
}>;

/** The result of a load. */
export type Tally = Readonly<{
  /** Answered 201. */
  accepted: number;
  /** From the first request to the last answer. */
  milliseconds: number;
  /** Other answers, and lost connections: what, and how often. */
  refusals: ReadonlyMap<string, number>;
}>;

/** Each connection sends its next request as soon as the previous one is answered, while `more()` is true. */
export async function closedLoop(options: LoadOptions, more: () => boolean): Promise<Tally> {
  const count = new Count(options);
  const wires = await openWires(options);
  const started = performance.now();
  await Promise.all(
    wires.map(async (wire) => {
      while (wire.open && more()) count.add(await wire.send(options.requests.take()));
      wire.close();
    }),
  );
  return count.tally(performance.now() - started);
}

/**
 * Sends requests at fixed times, however slow the server is. The latency of each counts from the time it was due,
 * waiting for a free connection included: a server that stalls is charged with everything it held up.
 *
 * @returns also the latencies in milliseconds, sorted
 */
export async function openLoop(
  options: LoadOptions,
  rate: Readonly<{ perSecond: number; seconds: number }>,
): Promise<Tally & { latencies: Float64Array }> {
  const count = new Count(options);
  const free = await openWires(options);
  const wires = [...free];
  const total = Math.max(1, Math.round(rate.perSecond * rate.seconds));
  const latencies = new Float64Array(total);
  const { promise, resolve } = Promise.withResolvers<void>();
  const started = performance.now();
  const dueAt = (index: number) => started + (index * 1000) / rate.perSecond;
  let sent = 0;
  let answered = 0;

  const pump = () => {
    const now = performance.now();
    while (sent < total && free.length > 0 && dueAt(sent) <= now) void send(free.pop()!, dueAt(sent++));
    // A server that has broken every connection ends the run; `refusals` says so.
    if (answered === total || wires.every((wire) => !wire.open)) resolve();
  };
  const send = async (wire: Wire, due: number) => {
    count.add(await wire.send(options.requests.take()));
    latencies[answered++] = performance.now() - due;
    if (wire.open) free.push(wire);
    pump();
  };

  // Timers have a resolution of a millisecond, which is part of the latencies.
  const timer = setInterval(pump, 1);
  await promise;
  clearInterval(timer);
  for (const wire of wires) wire.close();
  return { ...count.tally(performance.now() - started), latencies: latencies.subarray(0, answered).sort() };
}

function openWires({ url, connections }: LoadOptions): Promise<Wire[]> {
  return Promise.all(Array.from({ length: connections }, () => Wire.open(url)));
}

class Count {
  readonly #onAccepted: ((body: Buffer) => void) | undefined;
  readonly #refusals = new Map<string, number>();
  #accepted = 0;

  constructor({ onAccepted }: LoadOptions) {
    this.#onAccepted = onAccepted;
  }

  add({ status, body }: Answer): void {
    if (status === 201) {
      this.#accepted += 1;
      this.#onAccepted?.(body);
      return;
    }
    const what = status === 0 ? 'connection lost' : `${status} ${body.toString('utf8', 0, 300)}`;
    this.#refusals.set(what, (this.#refusals.get(what) ?? 0) + 1);
  }

  tally(milliseconds: number): Tally {
    return { accepted: this.#accepted, milliseconds, refusals: this.#refusals };
  }
}

/** A sentence for each kind of refusal. */
export function describeRefusals(who: string, { refusals }: Tally): string[] {
  return [...refusals].map(([what, times]) => `${who}: ${times} of the requests were not accepted (${what})`);
}

const variety = 600;
const tokenMilliseconds = 10_000;

const names = ['Rowan', 'Zoë', 'Oluwaseun', 'Mrs van der Berg', 'Ash'];
const titles = ['Sea Charts', 'The Tides of the North Coast', 'Knots', 'A Short History of Lighthouses'];

/**
 * Requests to send a message, prepared in advance so that a run measures the server and not its client: a few hundred
 * different ones, used in turn, with a token that is renewed every 10 seconds (it is valid for 30).
 */
export class Requests {
  readonly #account: Account;
  readonly #bodies: readonly (readonly ['sms' | 'email', string])[];
  #ready: Buffer[] = [];
  #signedAt = Number.NEGATIVE_INFINITY;
  #next = 0;

  /** @param emails share of the requests that send an email, 0 to 1, spread evenly */
  constructor(account: Account, emails: number) {
    this.#account = account;
    this.#bodies = Array.from({ length: variety }, (_, index) => {
      const isEmail = Math.floor((index + 1) * emails) > Math.floor(index * emails);
      const personalisation = {
        name: names[index % names.length],
        title: titles[index % titles.length],
        date: `${(index % 28) + 1} May`,
      };
      // Numbers that nobody has, without those that mean something to the API or the sandbox.
      const recipient = isEmail
        ? { email_address: `reader-${index}@example.com` }
        : { phone_number: `07700 900${300 + index}` };
      const type = isEmail ? 'email' : 'sms';
      const template_id = account.templates[type];
      return [type, JSON.stringify({ template_id, ...recipient, personalisation })] as const;
    });
  }

  /** The next request, as bytes. */
  take(): Buffer {
    const now = Date.now();
    if (now - this.#signedAt > tokenMilliseconds) this.#sign(now);
    this.#next = this.#next + 1 < variety ? this.#next + 1 : 0;
    return this.#ready[this.#next]!;
  }

  #sign(now: number): void {
    this.#signedAt = now;
    const token = makeToken(this.#account.key, now);
    this.#ready = this.#bodies.map(([type, body]) =>
      Buffer.from(
        [
          `POST /v2/notifications/${type} HTTP/1.1`,
          'Host: localhost',
          'User-Agent: despatch-bench',
          `Authorization: Bearer ${token}`,
          'Content-Type: application/json',
          `Content-Length: ${Buffer.byteLength(body)}`,
          '',
          body,
        ].join('\r\n'),
      ),
    );
  }
}

/** `status` 0: the connection ended without an answer. The body is valid until the next request is sent. */
export type Answer = Readonly<{ status: number; body: Buffer }>;

const headEnd = Buffer.from('\r\n\r\n');
const noAnswer: Answer = { status: 0, body: Buffer.alloc(0) };

/**
 * A kept-alive HTTP/1.1 connection for one request at a time, which supports just what the servers under test need:
 * answers with a Content-Length. On two cores, a request costs the client 9 µs this way and 19 µs with undici, and the
 * client's share is not available to the server that is measured.
 */
export class Wire {
  readonly #socket: Socket;
  #received: Buffer | null = null;
  #answered: ((answer: Answer) => void) | null = null;
  #open = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#read(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#open = false;
      this.#finish(noAnswer);
    });
  }

  static async open(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(Number(port), hostname, resolve);
    socket.once('error', reject);
    await promise;
    socket.off('error', reject);
    return new Wire(socket);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sends a whole request and waits for its answer. Never rejects. */
  send(request: Buffer): Promise<Answer> {
    if (!this.#open) return Promise.resolve(noAnswer);
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    const received = this.#received ? Buffer.concat([this.#received, data]) : data;
    this.#received = received;
    const end = received.indexOf(headEnd);
    if (end === -1) return;
    const head = received.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (!length) {
      this.#socket.destroy(new Error('An answer came without a Content-Length.'));
      return;
    }
    const total = end + headEnd.length + Number(length[1]);
    if (received.length < total) return;
    this.#received = null;
    this.#finish({ status: Number(head.slice(9, 12)), body: received.subarray(end + headEnd.length, total) });
  }

  #finish(answer: Answer): void {
    const answered = this.#answered;
    this.#answered = null;
    answered?.(answer);
  }
}
