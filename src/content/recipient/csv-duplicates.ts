/**
 * Recipients that a file has more than once, in fixed memory: a table of 64-bit fingerprints with the row each was
 * first seen in. Two different recipients of a file of 100,000 share a fingerprint once in some billion files, and
 * then a count that only informs is off by one.
 */
export class Duplicates {
  /** Rows whose recipient stands in an earlier row. */
  count = 0;
  /** The first of these rows with the row they repeat, as indexes. */
  readonly shown: { readonly index: number; readonly firstIndex: number }[] = [];

  readonly #most: number;
  #free: number;
  readonly #mask: number;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  /** Index of the row plus one; 0 is an unused place. */
  readonly #rows: Uint32Array;

  /** `capacity`: the most recipients that will be added, after which nothing new is remembered. */
  constructor(capacity: number, most: number) {
    // At most half full, so that a search is short.
    const size = 2 ** Math.ceil(Math.log2(2 * Math.max(capacity, 1)));
    this.#most = most;
    this.#free = capacity;
    this.#mask = size - 1;
    this.#high = new Uint32Array(size);
    this.#low = new Uint32Array(size);
    this.#rows = new Uint32Array(size);
  }

  /** Notes the recipient of a row, in the form that recipients are compared in. */
  add(recipient: string, index: number): void {
    let high = 0x811c9dc5;
    let low = 0x9747b28c;
    // FNV-1a and a multiplicative hash of another kind, side by side, each mixed at the end.
    for (let at = 0; at < recipient.length; at += 1) {
      const code = recipient.charCodeAt(at);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul((low << 5) - low + code, 0x85ebca6b) ^ (low >>> 13);
    }
    high = mix(high);
    low = mix(low);
    let place = low & this.#mask;
    while (this.#rows[place] !== 0) {
      if (this.#high[place] === high && this.#low[place] === low) {
        this.#repeat(index, place);
        return;
      }
      place = (place + 1) & this.#mask;
    }
    if (this.#free === 0) return;
    this.#free -= 1;
    this.#high[place] = high;
    this.#low[place] = low;
    this.#rows[place] = index + 1;
  }

  #repeat(index: number, place: number): void {
    this.count += 1;
    if (this.shown.length < this.#most) this.shown.push({ index, firstIndex: this.#rows[place]! - 1 });
  }
}

/** Spreads every bit of a 32-bit number over all of them. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
