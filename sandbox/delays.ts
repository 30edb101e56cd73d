/** A task that was put off; null once it has been called off, so that nothing it holds is kept until its moment. */
export type Delayed = { task: (() => void) | null };

/**
 * Work put off for a while, so that a stop can bring all of it forward and leave no timer behind. What falls due
 * within the same few milliseconds shares one timer: thousands of receipts a second then wake the process a hundred
 * times, not thousands.
 */
export class Delays {
  readonly #grain: number;
  /** By the number of the moment when they fall due. */
  readonly #moments = new Map<number, { timer: NodeJS.Timeout; delayed: Delayed[] }>();

  /** @param grain milliseconds that share a timer: a task may run that much late */
  constructor(grain: number) {
    this.#grain = grain;
  }

  /** Runs the task after so many milliseconds (at once, before returning, if there is nothing to wait for). */
  after(milliseconds: number, task: () => void): Delayed {
    const delayed: Delayed = { task };
    if (milliseconds <= 0) {
      task();
      return delayed;
    }
    const now = performance.now();
    const number = Math.ceil((now + milliseconds) / this.#grain);
    const moment = this.#moments.get(number);
    if (moment !== undefined) {
      moment.delayed.push(delayed);
      return delayed;
    }
    const timer = setTimeout(() => this.#run(number), number * this.#grain - now);
    this.#moments.set(number, { timer, delayed: [delayed] });
    return delayed;
  }

  cancel(delayed: Delayed): void {
    delayed.task = null;
  }

  /** Runs everything that waits, the earliest first. */
  hasten(): void {
    for (const number of [...this.#moments.keys()].sort((a, b) => a - b)) this.#run(number);
  }

  #run(number: number): void {
    const moment = this.#moments.get(number);
    if (moment === undefined) return;
    this.#moments.delete(number);
    clearTimeout(moment.timer);
    for (const { task } of moment.delayed) task?.();
  }
}
