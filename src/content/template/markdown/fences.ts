import { type Cursor, firstFrom } from './cursor.ts';

const MARKS = / *(`+|~+)/y;
const AFTER_MARKS = / *[^`\s]* *\n/y;
const CLOSING_RUN = /(?<!`)`{3,}(?= *(?:\n|$))|(?<!~)~{3,}(?= *(?:\n|$))/g;

type Run = { readonly start: number; readonly length: number; longestFromHere: number };
type Fence = { readonly text: string; readonly end: number };

/** Fenced code at `position` and the end of its last line (spec 02 section 6.2, item 4); null where there is none. */
export function fenceAt(cursor: Cursor, position: number): Fence | null {
  const { text } = cursor;
  MARKS.lastIndex = position;
  const marks = MARKS.exec(text)?.[1];
  if (marks === undefined || marks.length < 3) return null;
  AFTER_MARKS.lastIndex = MARKS.lastIndex;
  if (!AFTER_MARKS.test(text)) return null;
  const start = AFTER_MARKS.lastIndex;
  // The content has at least one character, even where that is white space.
  const close = closingMarks(cursor, marks, start + 1);
  if (close === -1) return null;
  return { text: text[start]! + text.slice(start + 1, close).trimEnd(), end: cursor.lineEnd(close) };
}

/** Where the marks that close a fence start, at or after `from`; -1 where none do. */
function closingMarks(cursor: Cursor, marks: string, from: number): number {
  const mark = marks[0]!;
  const runs = cursor.remember(`fence ${mark}`, 0, () => closingRuns(cursor.text, mark));
  const first = firstFrom(placesFor(cursor, mark, runs, marks.length), from);
  if (first !== -1 || mark === '`') return first;
  // The rest of a run of tildes counts as the language, so a shorter run may close it: the longest there is.
  const longest = runs.find(({ start }) => start >= from)?.longestFromHere;
  return longest === undefined ? -1 : firstFrom(placesFor(cursor, mark, runs, longest), from);
}

/** Where exactly `length` marks are left of a run that has as many or more. */
function placesFor(cursor: Cursor, mark: string, runs: readonly Run[], length: number): readonly number[] {
  return cursor.remember(`fence ${mark}`, length, () =>
    runs.filter((run) => run.length >= length).map((run) => run.start + run.length - length),
  );
}

function closingRuns(text: string, mark: string): Run[] {
  const runs: Run[] = [];
  for (const { 0: run, index } of text.matchAll(CLOSING_RUN)) {
    if (run[0] === mark) runs.push({ start: index, length: run.length, longestFromHere: run.length });
  }
  for (let index = runs.length - 2; index >= 0; index -= 1) {
    const run = runs[index]!;
    run.longestFromHere = Math.max(run.length, runs[index + 1]!.longestFromHere);
  }
  return runs;
}
