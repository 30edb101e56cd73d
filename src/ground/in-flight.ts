/** What can be in an InFlight. `place` is its own: -1 at first, and while it is in none. */
export type Member = { place: number };

/**
 * What is under way at the moment, in no order, where things come and go by the thousand: requests, calls, tasks. A Set or
 * a Map would do, but V8 gives it a new table after so many changes, to which the old one points, with everything that was
 * under way then. Once a table has grown old, what it points to lives until the whole heap is collected, and grows old with
 * all that it refers to in turn, however long ago it ended (docs/decisions/0022).
 */
export class InFlight<Item extends Member> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    item.place = this.#items.push(item) - 1;
  }

  has({ place }: Item): boolean {
    return place !== -1;
  }

  /** Returns false if it is not in here. */
  delete(item: Item): boolean {
    if (!this.has(item)) return false;
    const { place } = item;
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#items[place] = last;
      last.place = place;
    }
    item.place = -1;
    return true;
  }

  /** All of them now, whatever is added or deleted meanwhile. */
  all(): readonly Item[] {
    return [...this.#items];
  }
}
