import { Pool } from 'undici';
import type { Receipt } from './receipt.ts';

/** Milliseconds a receiver has to take the connection, and then to answer. */
const connectTimeout = 2_000;
const answerTimeout = 10_000;

/**
 * The way to one receiver of receipts: first come first served, over a bounded number of connections that are kept
 * open. Each receiver has its own, so that one which hangs does not hold up the others.
 */
export class ReceiptLane {
  readonly #pool: Pool;
  readonly #connections: number;
  readonly #answered: (receipt: Receipt) => void;
  #queue: Receipt[] = [];
  /** Where the queue begins; its dead part is cut off now and then, as balancing every time would be slow. */
  #head = 0;
  #busy = 0;
  #stopped = false;

  /** @param answered told after each try; `attempts` and `answer` of the receipt are then up to date */
  constructor(origin: string, connections: number, answered: (receipt: Receipt) => void) {
    this.#connections = connections;
    this.#answered = answered;
    this.#pool = new Pool(origin, {
      connections,
      connect: { timeout: connectTimeout },
      headersTimeout: answerTimeout,
      bodyTimeout: answerTimeout,
    });
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
    this.#pool.destroy().catch(() => {});
  }

  #fill(): void {
    while (!this.#stopped && this.#busy < this.#connections && this.#head < this.#queue.length) {
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
    try {
      const answer = await this.#pool.request({
        method: 'POST',
        path: target.path,
        headers: target.headers,
        body,
      });
      receipt.answer = answer.statusCode;
      // The status says it all; the body is read only so that the connection can be used again.
      await answer.body.dump();
    } catch {
      // No answer, or one that broke off after its status: told by `answer`.
    }
  }
}
