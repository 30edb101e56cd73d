/** Posts the receipts of the sandbox: when they are due, in which order, over which connections, and how often. */
import { Pool } from 'undici';
import { type Calls, createCalls, withoutOwnLimits } from '../src/ground/http-call.ts';
import type { Log } from '../src/ground/log.ts';
import { type Behaviour, shuffle } from './behaviour.ts';
import type { KeptMessage } from './inbox.ts';
import {
  detailOf,
  type Receipt,
  type ReceiptState,
  type ReceiptStatus,
  type ReceiptTarget,
} from './message.ts';

type Deps = {
  behaviour: Behaviour;
  log: Pick<Log, 'warn'>;
  now: () => number;
  /** Milliseconds before each retry. */
  retryDelays: readonly number[];
};

/** Connections to each receiver, and so the most receipts in flight to it. */
const connectionsPerLane = 256;
/** The most receipts that may be pending; further ones fail at once. About 100 MB. */
const maxPending = 300_000;
const maxLanes = 100;
/** How long shuffled receipts are held, in milliseconds, and how many at most. */
const shuffleWindow = 200;
const shuffleSize = 200;
/** Milliseconds that pending receipts get when the sandbox stops. */
const stopGrace = 1_500;

/**
 * Posts each receipt at least once to the URL that came with the message, unless the behaviour drops it or every
 * attempt fails. Receipts of one message go in order, each after the previous one was answered or given up, unless they
 * are shuffled. A 2xx answer settles a receipt; a lost connection, a missing answer, 408, 429 and 5xx are retried; any
 * other answer fails it at once.
 */
export class Receipts {
  readonly #deps: Deps;
  readonly #delays = new Delays(10);
  readonly #lanes = new Map<string, ReceiptLane>();
  #held: Receipt[] = [];
  /** Starts the next receipt of the same message. */
  readonly #successors = new Map<Receipt, () => void>();
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };
  #pending = 0;
  #stopping = false;
  #drained: (() => void) | null = null;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** `failed`: given up after the last attempt; `dropped`: withheld by the behaviour; `pending`: not settled yet. */
  present() {
    return { ...this.#counts, pending: this.#pending };
  }

  clearCounts(): void {
    Object.assign(this.#counts, { sent: 0, failed: 0, dropped: 0 });
  }

  /** Starts the receipts of a message in this order; `drop` withholds all of them. */
  start(
    message: KeptMessage,
    target: ReceiptTarget,
    statuses: readonly ReceiptStatus[],
    drop: boolean,
  ): void {
    const receipts = statuses.map((status): Receipt => {
      const { id, reference } = message;
      const detail = detailOf(message.type, status);
      return { id, reference, status, detail, target, state: 'waiting', attempts: 0, answer: null, body: '' };
    });
    message.receipts.push(...receipts);
    this.#pending += receipts.length;
    if (this.#pending <= maxPending) this.#schedule(receipts, 0, message.receipts, drop);
    else for (const receipt of receipts) this.#settle(receipt, 'failed');
  }

  #schedule(receipts: readonly Receipt[], index: number, siblings: Receipt[], drop: boolean): void {
    const receipt = receipts[index];
    if (receipt === undefined) return;
    const { behaviour } = this.#deps;
    const wait = this.#stopping ? 0 : behaviour.draw(behaviour.settings.receipt_delay_ms);
    this.#delays.after(wait, () => {
      const next = () => this.#schedule(receipts, index + 1, siblings, drop);
      const { receipt_shuffle, receipt_drop_rate } = behaviour.settings;
      if (!receipt_shuffle && index + 1 < receipts.length) this.#successors.set(receipt, next);
      if (drop || behaviour.happens(receipt_drop_rate)) this.#settle(receipt, 'dropped');
      else this.#release(receipt, siblings);
      if (receipt_shuffle) next();
    });
  }

  /** Posts a receipt that is due, or holds it to be shuffled; two copies of it if it is to be duplicated. */
  #release(receipt: Receipt, siblings: Receipt[]): void {
    const { behaviour, now } = this.#deps;
    const { reference, id, status, detail } = receipt;
    receipt.body = JSON.stringify({ reference, id, status, detail, sent_at: new Date(now()).toISOString() });
    const copies = [receipt];
    if (behaviour.happens(behaviour.settings.receipt_duplicate_rate)) {
      const copy = { ...receipt };
      siblings.push(copy);
      this.#pending += 1;
      copies.push(copy);
    }
    if (!behaviour.settings.receipt_shuffle || this.#stopping) {
      for (const copy of copies) this.#post(copy);
      return;
    }
    if (this.#held.length === 0) this.#delays.after(shuffleWindow, () => this.#releaseHeld());
    this.#held.push(...copies);
    if (this.#held.length >= shuffleSize) this.#releaseHeld();
  }

  #releaseHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const receipt of shuffle(held, this.#deps.behaviour.random)) this.#post(receipt);
  }

  #post(receipt: Receipt): void {
    const lane = this.#lane(receipt.target.origin);
    if (lane === null) this.#settle(receipt, 'failed');
    else lane.post(receipt);
  }

  #lane(origin: string): ReceiptLane | null {
    const known = this.#lanes.get(origin);
    if (known !== undefined) return known;
    if (this.#lanes.size >= maxLanes) {
      for (const [other, lane] of this.#lanes) {
        if (!lane.idle) continue;
        lane.stop();
        this.#lanes.delete(other);
        break;
      }
      if (this.#lanes.size >= maxLanes) return null;
    }
    const lane = new ReceiptLane(origin, (receipt) => this.#answered(receipt));
    this.#lanes.set(origin, lane);
    return lane;
  }

  #answered(receipt: Receipt): void {
    const { answer } = receipt;
    const accepted = answer !== null && answer >= 200 && answer < 300;
    const isRetryable = answer === null || answer === 408 || answer === 429 || answer >= 500;
    const wait = this.#stopping ? undefined : this.#deps.retryDelays[receipt.attempts - 1];
    if (accepted) this.#settle(receipt, 'sent');
    else if (!isRetryable || wait === undefined) this.#settle(receipt, 'failed');
    else this.#delays.after(wait, () => this.#post(receipt));
  }

  #settle(receipt: Receipt, state: Exclude<ReceiptState, 'waiting'>): void {
    receipt.state = state;
    this.#counts[state] += 1;
    this.#pending -= 1;
    // Only failures 1, 2, 4, 8 … are logged: enough to notice without flooding the log.
    const { failed } = this.#counts;
    if (state === 'failed' && (failed & (failed - 1)) === 0) {
      const { origin } = receipt.target;
      this.#deps.log.warn(
        { origin, status: receipt.answer, failed },
        'Sandbox: a receipt could not be delivered',
      );
    }
    const next = this.#successors.get(receipt);
    if (next !== undefined) {
      this.#successors.delete(receipt);
      next();
    }
    if (this.#pending === 0) this.#drained?.();
  }

  /** Posts everything pending at once, without retries, and gives up on the rest after 1.5 seconds. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#delays.hasten();
    this.#releaseHeld();
    if (this.#pending > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#drained = resolve;
      const timer = setTimeout(resolve, stopGrace);
      await promise;
      clearTimeout(timer);
    }
    for (const lane of this.#lanes.values()) lane.stop();
  }
}

/** Milliseconds that a receiver has to accept the connection, and in all until it has answered. */
const connectTimeout = 2_000;
const answerTimeout = 10_000;
/** Most bytes of an answer that are read so that the connection can be reused; only its status matters. */
const longestAnswer = 131_072;

/**
 * The queue to one receiver: first in, first out, over a bounded number of kept-alive connections. Each receiver has
 * its own lane, so that one that hangs does not hold up the others.
 */
class ReceiptLane {
  readonly #calls: Calls;
  readonly #answered: (receipt: Receipt) => void;
  #queue: Receipt[] = [];
  /** Index of the first waiting receipt. Those before it are cut off in batches, since shifting each is slow. */
  #head = 0;
  #busy = 0;
  #stopped = false;

  /** @param answered called after each attempt, when `attempts` and `answer` of the receipt are up to date */
  constructor(origin: string, answered: (receipt: Receipt) => void) {
    this.#answered = answered;
    const pool = new Pool(origin, {
      ...withoutOwnLimits,
      connections: connectionsPerLane,
      connect: { timeout: connectTimeout },
      maxResponseSize: longestAnswer,
    });
    this.#calls = createCalls(pool, { milliseconds: answerTimeout, keepBodies: false });
  }

  get idle(): boolean {
    return this.#busy === 0 && this.#head === this.#queue.length;
  }

  post(receipt: Receipt): void {
    this.#queue.push(receipt);
    this.#fill();
  }

  stop(): void {
    this.#stopped = true;
    void this.#calls.close();
  }

  #fill(): void {
    while (!this.#stopped && this.#busy < connectionsPerLane && this.#head < this.#queue.length) {
      const receipt = this.#queue[this.#head]!;
      this.#head += 1;
      if (this.#head >= 1_000 && this.#head * 2 > this.#queue.length) {
        this.#queue = this.#queue.slice(this.#head);
        this.#head = 0;
      }
      this.#busy += 1;
      void this.#send(receipt).then(() => {
        this.#busy -= 1;
        if (this.#stopped) return;
        this.#answered(receipt);
        this.#fill();
      });
    }
  }

  async #send(receipt: Receipt): Promise<void> {
    const { target, body } = receipt;
    receipt.attempts += 1;
    receipt.answer = null;
    const { path, headers } = target;
    // An answer that broke off after its status has one all the same.
    receipt.answer = (await this.#calls.call({ method: 'POST', path, headers, body }, null)).status;
  }
}

/** A delayed task; null once cancelled, so that whatever it holds can be freed. */
export type Delayed = { task: (() => void) | null };

/**
 * Delayed tasks that a stop can bring forward, leaving no timer behind. Tasks due within the same few milliseconds
 * share a timer: thousands of receipts a second then wake the process a hundred times a second, not thousands.
 */
export class Delays {
  readonly #grain: number;
  /** By the number of the time slot in which they are due. */
  readonly #slots = new Map<number, { timer: NodeJS.Timeout; delayed: Delayed[] }>();

  /** @param grain milliseconds that share a timer: a task may run late by that much */
  constructor(grain: number) {
    this.#grain = grain;
  }

  /** Runs the task after the delay; immediately, before returning, if there is none. */
  after(milliseconds: number, task: () => void): Delayed {
    const delayed: Delayed = { task };
    if (milliseconds <= 0) {
      task();
      return delayed;
    }
    const now = performance.now();
    const number = Math.ceil((now + milliseconds) / this.#grain);
    const slot = this.#slots.get(number);
    if (slot !== undefined) {
      slot.delayed.push(delayed);
      return delayed;
    }
    const timer = setTimeout(() => this.#run(number), number * this.#grain - now);
    this.#slots.set(number, { timer, delayed: [delayed] });
    return delayed;
  }

  cancel(delayed: Delayed): void {
    delayed.task = null;
  }

  /** Runs all delayed tasks now, the earliest first. */
  hasten(): void {
    for (const number of [...this.#slots.keys()].sort((a, b) => a - b)) this.#run(number);
  }

  #run(number: number): void {
    const slot = this.#slots.get(number);
    if (slot === undefined) return;
    this.#slots.delete(number);
    clearTimeout(slot.timer);
    for (const { task } of slot.delayed) task?.();
  }
}
