import { whiteSpace } from '../text/whitespace.ts';

const notSpace = new RegExp(`[^${whiteSpace}]`);

/**
 * Looks ahead in one text without searching the same stretch twice: what a rule has to search for far away is
 * remembered. So even a text in which no rule ever succeeds takes time linear in its length.
 */
export class Cursor {
  readonly text: string;
  // Made when first needed: most texts are short and need neither.
  #found: Map<string, { readonly from: number; readonly at: number }> | undefined;
  #memory: Map<string, Map<number, unknown>> | undefined;
  #lastNonSpace: number | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The first position at or after `from` that does not hold `character`. */
  skip(from: number, character: ' ' | '\n'): number {
    let position = from;
    while (this.text[position] === character) position += 1;
    return position;
  }

  /** The end of the line that holds `from`: the position of its newline, or the length of the text. */
  lineEnd(from: number): number {
    const end = this.text.indexOf('\n', from);
    return end === -1 ? this.text.length : end;
  }

  /** The end of the line that holds `position` and of the newlines after it. */
  afterLine(position: number): number {
    return this.skip(this.lineEnd(position), '\n');
  }

  /** The position of `wanted` at or after `from`, or -1. Cheap while `from` mostly grows from call to call. */
  next(wanted: string, from: number): number {
    this.#found ??= new Map();
    const known = this.#found.get(wanted);
    if (known && from >= known.from && (known.at === -1 || from <= known.at)) return known.at;
    const at = this.text.indexOf(wanted, from);
    this.#found.set(wanted, { from, at });
    return at;
  }

  /** Whether the text has only white space from `from` to its end. */
  isBlankFrom(from: number): boolean {
    if (this.#lastNonSpace === undefined) {
      let last = this.text.length - 1;
      while (last >= 0 && !notSpace.test(this.text[last]!)) last -= 1;
      this.#lastNonSpace = last;
    }
    return from > this.#lastNonSpace;
  }

  /** The result of `find` for `position`, computed once. */
  remember<Result>(kind: string, position: number, find: () => Result): Result {
    this.#memory ??= new Map();
    let results = this.#memory.get(kind);
    if (!results) {
      results = new Map();
      this.#memory.set(kind, results);
    }
    if (!results.has(position)) results.set(position, find());
    return results.get(position) as Result;
  }

  /** What `remember` stored for `position`, or undefined. */
  recall(kind: string, position: number): unknown {
    return this.#memory?.get(kind)?.get(position);
  }
}

/** Whether a sticky `pattern` matches at `position`; its `lastIndex` is then the end of the match. */
export function matchesAt(pattern: RegExp, text: string, position: number): boolean {
  pattern.lastIndex = position;
  return pattern.test(text);
}

/** The first number at or above `from` in ascending `positions`, or -1. */
export function firstFrom(positions: readonly number[], from: number): number {
  return positions[indexFrom(positions, from)] ?? -1;
}

/** The index of that number, or the length of `positions`. */
export function indexFrom(positions: readonly number[], from: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
