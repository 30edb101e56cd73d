import type { MessageType } from './message.ts';
import { References } from './references.ts';

/** What happened to a request to send. The last three were taken in, the first four were not. */
export type Fate = 'malformed' | 'refused' | 'failed' | 'outage' | 'answered' | 'unanswered' | 'reset';

/** How many duplicates are listed by name. */
const listed = 1_000;

/**
 * Figures since the start (or since they were last cleared): they outlive the messages in the inbox, so that a
 * benchmark or a chaos run can prove that nothing was lost and nothing sent twice.
 */
export class Counts {
  readonly #limit: number;
  #references: References;
  #fates: Record<Fate, number> = noFates();
  #types: Record<MessageType, number> = { sms: 0, email: 0 };
  #uncounted = 0;
  #duplicated = 0;
  #duplicates = new Map<string, number>();

  /** @param limit the most different references that are told apart */
  constructor(limit: number) {
    this.#limit = limit;
    this.#references = new References(limit);
  }

  /** Counts a request that was not taken in. */
  reject(fate: Fate): void {
    this.#fates[fate] += 1;
  }

  /** Counts a message that was taken in. */
  accept(type: MessageType, reference: string, fate: Fate): void {
    this.#fates[fate] += 1;
    this.#types[type] += 1;
    const times = this.#references.add(reference);
    if (times === 0) this.#uncounted += 1;
    if (times === 2) this.#duplicated += 1;
    if (times >= 2 && (this.#duplicates.size < listed || this.#duplicates.has(reference)))
      this.#duplicates.set(reference, times);
  }

  clear(): void {
    this.#references = new References(this.#limit);
    this.#fates = noFates();
    this.#types = { sms: 0, email: 0 };
    this.#uncounted = 0;
    this.#duplicated = 0;
    this.#duplicates = new Map();
  }

  /**
   * The figures as `GET /counts` gives them. `received` counts every message taken in, one that came twice as two;
   * `uncounted` those whose reference could not be kept any more (0 means that the figures are exact).
   */
  present() {
    return {
      received: this.#types.sms + this.#types.email,
      sms: this.#types.sms,
      email: this.#types.email,
      distinct_references: this.#references.size,
      duplicate_references: this.#duplicated,
      duplicates: [...this.#duplicates].map(([reference, times]) => ({ reference, times })),
      uncounted: this.#uncounted,
      requests: { ...this.#fates },
    };
  }
}

function noFates(): Record<Fate, number> {
  return { malformed: 0, refused: 0, failed: 0, outage: 0, answered: 0, unanswered: 0, reset: 0 };
}
