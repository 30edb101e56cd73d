/** What the sandbox has counted, by kind of request and by reference. */
import type { MessageType } from './message.ts';

/** What happened to a request to send. The last three were accepted, the first four were not. */
export type Fate = 'malformed' | 'refused' | 'failed' | 'outage' | 'answered' | 'unanswered' | 'reset';

/** The most duplicates that are listed by reference. */
const maxListed = 10_000;

/**
 * Counts since the start, or since they were last cleared. They outlive the messages in the inbox, so a benchmark or a
 * chaos run can prove that nothing was lost or sent twice.
 */
export class Counts {
  readonly #limit: number;
  #references: References;
  #fates: Record<Fate, number> = noFates();
  #types: Record<MessageType, number> = { sms: 0, email: 0 };
  #uncounted = 0;
  #duplicated = 0;
  #duplicates = new Map<string, number>();

  /** @param limit the most distinct references that are tracked */
  constructor(limit: number) {
    this.#limit = limit;
    this.#references = new References(limit);
  }

  /** Counts a request that was not accepted. */
  reject(fate: Fate): void {
    this.#fates[fate] += 1;
  }

  /** Counts an accepted message. */
  accept(type: MessageType, reference: string, fate: Fate): void {
    this.#fates[fate] += 1;
    this.#types[type] += 1;
    const times = this.#references.add(reference);
    if (times === 0) this.#uncounted += 1;
    if (times === 2) this.#duplicated += 1;
    if (times >= 2 && (this.#duplicates.size < maxListed || this.#duplicates.has(reference)))
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
   * The body of `GET /counts`. `received` counts every accepted message, duplicates included; `uncounted` those whose
   * reference was beyond the limit (0 means that the counts are exact).
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

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Counts exactly how often each reference was seen. References are nearly always UUIDs; these are kept as 16 bytes and
 * a count in a hash table of plain numbers (open addressing, linear probing). That takes about 30 bytes each and costs
 * the garbage collector nothing, where a Map of strings takes five times as much. Anything else goes to a Map.
 */
export class References {
  readonly #limit: number;
  readonly #others = new Map<string, number>();
  #slots = 1 << 14;
  #keys = new Uint32Array(this.#slots * 4);
  #times = new Uint32Array(this.#slots);
  #used = 0;
  readonly #key = new Uint32Array(4);

  /** @param limit the most distinct references that are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The number of distinct references. */
  get size(): number {
    return this.#used + this.#others.size;
  }

  /** Counts the reference once more and returns its count so far; 0 if it is new and beyond the limit. */
  add(reference: string): number {
    if (!uuid.test(reference)) return this.#addOther(reference);
    this.#readKey(reference);
    const slot = this.#find();
    const times = this.#times[slot]!;
    if (times > 0) {
      this.#times[slot] = times + 1;
      return times + 1;
    }
    if (this.size >= this.#limit) return 0;
    this.#keys.set(this.#key, slot * 4);
    this.#times[slot] = 1;
    this.#used += 1;
    if (this.#used > this.#slots * 0.7) this.#grow();
    return 1;
  }

  #addOther(reference: string): number {
    const times = this.#others.get(reference) ?? 0;
    if (times === 0 && this.size >= this.#limit) return 0;
    this.#others.set(reference, times + 1);
    return times + 1;
  }

  #readKey(reference: string): void {
    this.#key[0] = Number.parseInt(reference.slice(0, 8), 16);
    this.#key[1] = Number.parseInt(reference.slice(9, 13) + reference.slice(14, 18), 16);
    this.#key[2] = Number.parseInt(reference.slice(19, 23) + reference.slice(24, 28), 16);
    this.#key[3] = Number.parseInt(reference.slice(28), 16);
  }

  /** The slot of the current key, or the free slot where it belongs. */
  #find(): number {
    const [a, b, c, d] = this.#key as unknown as [number, number, number, number];
    const keys = this.#keys;
    let hash =
      Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0x9e3779b1) ^
      Math.imul(c ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f);
    hash ^= hash >>> 15;
    let slot = (Math.imul(hash, 0x2c1b3c6d) >>> 0) & (this.#slots - 1);
    while (this.#times[slot]! > 0) {
      const at = slot * 4;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) break;
      slot = (slot + 1) & (this.#slots - 1);
    }
    return slot;
  }

  #grow(): void {
    const oldKeys = this.#keys;
    const oldTimes = this.#times;
    this.#slots *= 2;
    this.#keys = new Uint32Array(this.#slots * 4);
    this.#times = new Uint32Array(this.#slots);
    for (const [old, times] of oldTimes.entries()) {
      if (times === 0) continue;
      this.#key.set(oldKeys.subarray(old * 4, old * 4 + 4));
      const slot = this.#find();
      this.#keys.set(this.#key, slot * 4);
      this.#times[slot] = times;
    }
  }
}
