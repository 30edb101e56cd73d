import type { Log } from '../src/ground/log.ts';
import type { Behaviour } from './behaviour.ts';
import { Delays } from './delays.ts';
import type { KeptMessage } from './inbox.ts';
import { detailOf, type ReceiptStatus } from './outcome.ts';
import { shuffle } from './random.ts';
import type { Receipt, ReceiptState } from './receipt.ts';
import { ReceiptLane } from './receipt-lane.ts';
import type { ReceiptTarget } from './receipt-target.ts';

type Deps = {
  behaviour: Behaviour;
  log: Pick<Log, 'warn'>;
  now: () => number;
  /** Milliseconds before each further try after a failed one. */
  retryDelays: readonly number[];
};

/** Open connections, and so receipts under way, per place that receipts go to. */
const connections = 32;
/** The most receipts that may wait; further ones fail at once. About 100 MB. */
const mostPending = 300_000;
const mostLanes = 100;
/** How long shuffled receipts are held, and how many of them at most. */
const shuffleWindow = 200;
const shuffleSize = 200;
/** A stop gives receipts that wait this long to go out. */
const grace = 1_500;

/**
 * Reports on messages: at least once each, to the URL that came with the message, unless the behaviour drops it or
 * all tries fail. Receipts of one message go in order, each only after the one before was answered or given up,
 * unless they are shuffled. A 2xx answer settles a receipt; no connection, no answer, 408, 429 and 5xx are tried
 * again; any other answer is a failure at once.
 */
export class Receipts {
  readonly #deps: Deps;
  readonly #delays = new Delays(10);
  readonly #lanes = new Map<string, ReceiptLane>();
  #held: Receipt[] = [];
  /** What comes after a receipt of the same message. */
  readonly #successors = new Map<Receipt, () => void>();
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };
  #pending = 0;
  #stopping = false;
  #drained: (() => void) | null = null;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** `failed`: given up after the last try; `dropped`: withheld by the behaviour; `pending`: not settled yet. */
  present() {
    return { ...this.#counts, pending: this.#pending };
  }

  clearCounts(): void {
    Object.assign(this.#counts, { sent: 0, failed: 0, dropped: 0 });
  }

  /** Starts the receipts of a message, in this order; `drop`: none of them is to arrive. */
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
    if (this.#pending <= mostPending) this.#schedule(receipts, 0, message.receipts, drop);
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

  /** The moment has come: posts the receipt, or holds it to be shuffled; twice, if the dice say so. */
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
    if (this.#lanes.size >= mostLanes) {
      for (const [other, lane] of this.#lanes) {
        if (!lane.idle) continue;
        lane.stop();
        this.#lanes.delete(other);
        break;
      }
      if (this.#lanes.size >= mostLanes) return null;
    }
    const lane = new ReceiptLane(origin, connections, (receipt) => this.#answered(receipt));
    this.#lanes.set(origin, lane);
    return lane;
  }

  #answered(receipt: Receipt): void {
    const { answer } = receipt;
    const taken = answer !== null && answer >= 200 && answer < 300;
    const again = answer === null || answer === 408 || answer === 429 || answer >= 500;
    const wait = this.#stopping ? undefined : this.#deps.retryDelays[receipt.attempts - 1];
    if (taken) this.#settle(receipt, 'sent');
    else if (!again || wait === undefined) this.#settle(receipt, 'failed');
    else this.#delays.after(wait, () => this.#post(receipt));
  }

  #settle(receipt: Receipt, state: Exclude<ReceiptState, 'waiting'>): void {
    receipt.state = state;
    this.#counts[state] += 1;
    this.#pending -= 1;
    // Of many failures every power of two is told: enough to notice, and no flood.
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

  /** Sends at once what waits, without retries, and gives up on what has not gone out within 1.5 seconds. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#delays.hasten();
    this.#releaseHeld();
    if (this.#pending > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#drained = resolve;
      const timer = setTimeout(resolve, grace);
      await promise;
      clearTimeout(timer);
    }
    for (const lane of this.#lanes.values()) lane.stop();
  }
}
