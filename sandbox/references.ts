const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * How often each reference was seen, exactly. References are nearly always UUIDs, so these are kept as 16 bytes and a
 * count in a hash table of plain numbers (open addressing, linear probing): about 30 bytes each, and nothing for the
 * garbage collector to walk over, where a Map of texts costs five times that. Anything else goes to a Map.
 */
export class References {
  readonly #limit: number;
  readonly #others = new Map<string, number>();
  #slots = 1 << 14;
  #keys = new Uint32Array(this.#slots * 4);
  #times = new Uint32Array(this.#slots);
  #used = 0;
  readonly #key = new Uint32Array(4);

  /** @param limit the most different references that are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many different references there are. */
  get size(): number {
    return this.#used + this.#others.size;
  }

  /** Counts one more of this reference; how often it was seen by now, 0 if it is new and there is no room for it. */
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

  /** The slot of the current key, or the free one where it belongs. */
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
