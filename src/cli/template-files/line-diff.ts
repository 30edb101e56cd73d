import { diff } from 'node:util';

/** Lines around a change. */
const contextLines = 3;
/** Above this many differing lines on both sides together, their comparison would take too much memory. */
const mostCompared = 3000;

type Edit = Readonly<{ sign: ' ' | '-' | '+'; line: string }>;

/**
 * The difference between two texts as a unified diff, headed by their labels; empty if they are the same. Control
 * characters, such as a carriage return, are shown as their symbols: they would act on a terminal.
 */
export function unifiedDiff(before: string, after: string, labels: readonly [string, string]): string {
  const edits = compare(linesOf(before), linesOf(after));
  const changed = edits.flatMap(({ sign }, at) => (sign === ' ' ? [] : [at]));
  if (changed.length === 0) return '';
  const printed = [`--- ${visible(labels[0])}`, `+++ ${visible(labels[1])}`];
  const numbers = { before: 1, after: 1 };
  let next = 0;
  const pass = (until: number) => {
    for (; next < until; next++) {
      if (edits[next]!.sign !== '+') numbers.before++;
      if (edits[next]!.sign !== '-') numbers.after++;
    }
  };
  for (let first = 0; first < changed.length; ) {
    let last = first;
    // Changes whose surroundings touch are shown together.
    while (changed[last + 1]! - changed[last]! <= 2 * contextLines + 1) last++;
    const start = Math.max(0, changed[first]! - contextLines);
    const end = Math.min(edits.length, changed[last]! + 1 + contextLines);
    pass(start);
    const from = { ...numbers };
    pass(end);
    printed.push(
      `@@ -${range(from.before, numbers.before)} +${range(from.after, numbers.after)} @@`,
      ...edits.slice(start, end).map(show),
    );
    first = last + 1;
  }
  return `${printed.join('\n')}\n`;
}

/** With their line feeds, so that a last line without one differs from the same line with one. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function compare(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const same = (line: string): Edit => ({ sign: ' ', line });
  return [
    ...before.slice(0, head).map(same),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

function middle(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const isCompared = before.length > 0 && after.length > 0 && before.length + after.length <= mostCompared;
  const whole = [...before.map((line) => [-1, line] as const), ...after.map((line) => [1, line] as const)];
  const entries = isCompared ? diff(after, before) : whole;
  // What is removed comes before what is added in its place.
  const edits: Edit[] = [];
  const added: Edit[] = [];
  for (const [operation, line] of entries) {
    if (operation === 1) added.push({ sign: '+', line });
    else {
      if (operation === 0) edits.push(...added.splice(0));
      edits.push({ sign: operation === 0 ? ' ' : '-', line });
    }
  }
  return [...edits, ...added];
}

/** The lines from one number up to another, as a diff writes them: an empty range names the line before it. */
function range(from: number, to: number): string {
  const count = to - from;
  return count === 1 ? String(from) : `${count === 0 ? from - 1 : from},${count}`;
}

function show({ sign, line }: Edit): string {
  const isWhole = line.endsWith('\n');
  return `${sign}${visible(isWhole ? line.slice(0, -1) : line)}${isWhole ? '' : '\n\\ No newline at end of file'}`;
}

/** A text that cannot act on a terminal: each control character but the tab is replaced by its symbol. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\t]/gu, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
  });
}
