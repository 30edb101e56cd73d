import type { Requests } from './requests.ts';
import { type Answer, Wire } from './wire.ts';

export type LoadOptions = Readonly<{
  url: string;
  requests: Requests;
  connections: number;
  /** Told of each 201. */
  onAccepted?: (body: Buffer) => void;
}>;

/** What a load came to. */
export type Tally = Readonly<{
  /** Answered 201. */
  accepted: number;
  /** From the first request to the last answer. */
  milliseconds: number;
  /** Answers other than 201, and connections that ended instead of one: what, and how often. */
  refusals: ReadonlyMap<string, number>;
}>;

/** Each connection sends its next request as soon as the last is answered, for as long as `more()` says so. */
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
 * Requests at fixed times, however the server is doing. The latency of each counts from the time it was due, also
 * while it waits for a free connection: a server that stalls is charged with everything it held up.
 *
 * @returns also the latencies in milliseconds, the shortest first
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
    // A server that has broken every connection ends the run; the refusals tell.
    if (answered === total || wires.every((wire) => !wire.open)) resolve();
  };
  const send = async (wire: Wire, due: number) => {
    count.add(await wire.send(options.requests.take()));
    latencies[answered++] = performance.now() - due;
    if (wire.open) free.push(wire);
    pump();
  };

  // Timers have a grain of a millisecond, which is part of the latencies.
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
