import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { stopwatch } from './clock.ts';
import { InFlight, type Member } from './in-flight.ts';

/** How a call ended. */
export type CallResult = Readonly<{
  /** null if no response began. Informational ones (1xx) do not count. */
  status: number | null;
  headers: IncomingHttpHeaders;
  /** What arrived of the body; empty if bodies are not kept. */
  body: Buffer;
  /** Whether the response arrived to its end. */
  isWhole: boolean;
  /** What ended the call otherwise: anything that a signal was aborted with. */
  error: unknown;
  endedBy: 'itself' | 'deadline' | 'signal';
  /** Whether the receiver may have a byte of the request. */
  mayBeSent: boolean;
}>;

export type Calls = Readonly<{
  /** Never rejects. A call whose signal is aborted already is never made. */
  call: (options: Dispatcher.DispatchOptions, signal: AbortSignal | null) => Promise<CallResult>;
  close: () => Promise<void>;
}>;

export type CallOptions = Readonly<{
  /** Bounds the whole of a call, from waiting for a connection to the last byte of the response. */
  milliseconds: number;
  keepBodies: boolean;
}>;

/** For a dispatcher of calls: undici's own time limits are off, because a call has one that bounds all of it. */
export const withoutOwnLimits = Object.freeze({ headersTimeout: 0, bodyTimeout: 0 });

/**
 * HTTP calls through one of undici's dispatchers, which also bounds the size of a response (`maxResponseSize`). They all
 * have the same time, so the oldest is the first to run out, and one timer serves them all.
 */
export function createCalls(dispatcher: Dispatcher, { milliseconds, keepBodies }: CallOptions): Calls {
  const underWay = new InFlight<Call>();
  const now = stopwatch();
  let timer: NodeJS.Timeout | null = null;

  function endLate(): void {
    timer = null;
    const time = now();
    let next = Number.POSITIVE_INFINITY;
    for (const call of underWay.all())
      if (call.deadline <= time)
        call.end('deadline', new DOMException('The call took too long', 'TimeoutError'));
      else next = Math.min(next, call.deadline);
    if (next < Number.POSITIVE_INFINITY) watch(next - time);
  }

  function watch(left: number): void {
    timer = setTimeout(endLate, Math.ceil(left)).unref();
  }

  return {
    call(options, signal) {
      return new Promise((resolve) => {
        const call = new Call(signal, now() + milliseconds, keepBodies, (ended) => {
          underWay.delete(ended);
          resolve(ended);
        });
        if (signal?.aborted) {
          call.handleEvent();
          return;
        }
        underWay.add(call);
        signal?.addEventListener('abort', call);
        if (timer === null) watch(milliseconds);
        dispatcher.dispatch(options, call);
      });
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      await dispatcher.destroy();
    },
  };
}

/** One call, as undici's handler of it, as the listener of its signal and, once it has ended, as its result. */
class Call implements Dispatcher.DispatchHandler, CallResult, Member {
  place = -1;
  readonly deadline: number;
  status: number | null = null;
  headers: IncomingHttpHeaders = {};
  isWhole = false;
  error: unknown = null;
  endedBy: CallResult['endedBy'] = 'itself';
  mayBeSent = false;
  readonly #signal: AbortSignal | null;
  readonly #keepBody: boolean;
  readonly #ended: (call: Call) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;

  constructor(signal: AbortSignal | null, deadline: number, keepBody: boolean, ended: (call: Call) => void) {
    this.#signal = signal;
    this.deadline = deadline;
    this.#keepBody = keepBody;
    this.#ended = ended;
  }

  get body(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.end('signal', this.#signal?.reason);
  }

  end(endedBy: 'deadline' | 'signal', error: unknown): void {
    this.endedBy = endedBy;
    this.#finish(error);
    // Where it still waits for a connection, undici hears of it when it gets one.
    this.#controller?.abort(error as Error);
  }

  /** It has a connection, to which nothing has been written yet. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) {
      controller.abort(this.error as Error);
      return;
    }
    this.#controller = controller;
    this.mayBeSent = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#keepBody) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.isWhole = !this.#isOver;
    this.#finish(null);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#finish(error);
  }

  #finish(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.error = error;
    this.#signal?.removeEventListener('abort', this);
    this.#ended(this);
  }
}
