import { WHITE_SPACE } from '../whitespace.ts';

const NOT_SPACE = new RegExp(`[^${WHITE_SPACE}]`);

/**
 * Looking ahead in one text without ever paying twice for the same stretch: whatever a rule has to search for far
 * away is remembered, so that a text in which no rule ever succeeds still costs time linear in its length.
 */
export class Cursor {
  readonly text: string;
  // Made when first needed: most texts are short and need neither.
  #found: Map<string, { readonly from: number; readonly at: number }> | undefined;
  #memory: Map<string, Map<number, unknown>> | undefined;
  #lastInk: number | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The first position from `from` on that does not hold `character`. */
  skip(from: number, character: ' ' | '\n'): number {
    let position = from;
    while (this.text[position] === character) position += 1;
    return position;
  }

  /** Where the line that holds `from` ends: the position of its newline, or the length of the text. */
  lineEnd(from: number): number {
    const end = this.text.indexOf('\n', from);
    return end === -1 ? this.text.length : end;
  }

  /** The position of `wanted` at or after `from`, or -1. Cheap when `from` mostly grows from call to call. */
  next(wanted: string, from: number): number {
    this.#found ??= new Map();
    const known = this.#found.get(wanted);
    if (known && from >= known.from && (known.at === -1 || from <= known.at)) return known.at;
    const at = this.text.indexOf(wanted, from);
    this.#found.set(wanted, { from, at });
    return at;
  }

  /** Nothing but white space from `from` to the end. */
  isBlankFrom(from: number): boolean {
    if (this.#lastInk === undefined) {
      let last = this.text.length - 1;
      while (last >= 0 && !NOT_SPACE.test(this.text[last]!)) last -= 1;
      this.#lastInk = last;
    }
    return from > this.#lastInk;
  }

  /** The answer of `find` for `position`, asked for once. */
  remember<Answer>(kind: string, position: number, find: () => Answer): Answer {
    this.#memory ??= new Map();
    let answers = this.#memory.get(kind);
    if (!answers) {
      answers = new Map();
      this.#memory.set(kind, answers);
    }
    if (!answers.has(position)) answers.set(position, find());
    return answers.get(position) as Answer;
  }

  /** What was remembered for `position`; undefined when nothing was. */
  recall(kind: string, position: number): unknown {
    return this.#memory?.get(kind)?.get(position);
  }
}

/** The least number in ascending `positions` that is at least `from`, or -1. */
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
