import { WHITE_SPACE } from '../whitespace.ts';

const NOT_SPACE = new RegExp(`[^${WHITE_SPACE}]`);

/**
 * Looking ahead in one text without ever paying twice for the same stretch: whatever a rule has to search for far
 * away is remembered, so that a text in which no rule ever succeeds still costs time linear in its length.
 */
export type Cursor = {
  readonly text: string;
  /** The first position from `from` on that does not hold `character`. */
  skip(from: number, character: ' ' | '\n'): number;
  /** Where the line that holds `from` ends: the position of its newline, or the length of the text. */
  lineEnd(from: number): number;
  /** The position of `wanted` at or after `from`, or -1. Cheap when `from` mostly grows from call to call. */
  next(wanted: string, from: number): number;
  /** Nothing but white space from `from` to the end. */
  isBlankFrom(from: number): boolean;
  /** The answer of `find` for `position`, asked for once. */
  remember<Answer>(kind: string, position: number, find: () => Answer): Answer;
  /** What was remembered for `position`; undefined when nothing was. */
  recall(kind: string, position: number): unknown;
};

export function cursorOn(text: string): Cursor {
  // Most texts are short and need neither.
  let found: Map<string, { from: number; at: number }> | undefined;
  let memory: Map<string, Map<number, unknown>> | undefined;
  let lastInk: number | undefined;
  return {
    text,
    skip(from, character) {
      let position = from;
      while (text[position] === character) position += 1;
      return position;
    },
    lineEnd(from) {
      const end = text.indexOf('\n', from);
      return end === -1 ? text.length : end;
    },
    next(wanted, from) {
      found ??= new Map();
      const known = found.get(wanted);
      if (known && from >= known.from && (known.at === -1 || from <= known.at)) return known.at;
      const at = text.indexOf(wanted, from);
      found.set(wanted, { from, at });
      return at;
    },
    isBlankFrom(from) {
      if (lastInk === undefined) {
        lastInk = text.length - 1;
        while (lastInk >= 0 && !NOT_SPACE.test(text[lastInk]!)) lastInk -= 1;
      }
      return from > lastInk;
    },
    remember<Answer>(kind: string, position: number, find: () => Answer): Answer {
      memory ??= new Map();
      let answers = memory.get(kind);
      if (!answers) {
        answers = new Map();
        memory.set(kind, answers);
      }
      if (!answers.has(position)) answers.set(position, find());
      return answers.get(position) as Answer;
    },
    recall: (kind, position) => memory?.get(kind)?.get(position),
  };
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
