/** A stretch of a text that both versions have, or only the older or the newer one. */
export type Stretch = Readonly<{ kind: 'same' | 'gone' | 'new'; text: string }>;

/** More changed words than this are shown as one text in place of another. */
const mostChanges = 400;

/**
 * How one text became another, by words: as few words as possible are gone or new. Joined, the stretches that are not
 * new are the older text, and those that are not gone the newer one. Takes time in proportion to the words times the
 * changed ones, of which more than 400 count as all.
 */
export function wordDifference(older: string, newer: string): readonly Stretch[] {
  const before = wordsOf(older);
  const after = wordsOf(newer);
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  )
    end += 1;
  const head = before.slice(0, start).map((text): Stretch => ({ kind: 'same', text }));
  const tail = before.slice(before.length - end).map((text): Stretch => ({ kind: 'same', text }));
  const middle = changed(before.slice(start, before.length - end), after.slice(start, after.length - end));
  return joinedUp([...head, ...middle, ...tail]);
}

/** Words, runs of white space, and each other sign by itself. */
function wordsOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{M}\p{N}_’']+|\s+|[^\p{L}\p{M}\p{N}_’'\s]/gu) ?? [];
}

/** The shortest way from one list of words to the other: for each number of changes, how far each diagonal leads. */
function changed(before: readonly string[], after: readonly string[]): readonly Stretch[] {
  const furthest = new Map<number, number>([[1, 0]]);
  const steps: ReadonlyMap<number, number>[] = [];
  const most = Math.min(before.length + after.length, mostChanges);
  for (let changes = 0; changes <= most; changes += 1) {
    steps.push(new Map(furthest));
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      let x = comesFromAbove(furthest, diagonal, changes)
        ? furthest.get(diagonal + 1)!
        : furthest.get(diagonal - 1)! + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x += 1;
      furthest.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) return wayBack(steps, before, after);
    }
  }
  return [
    { kind: 'gone', text: before.join('') },
    { kind: 'new', text: after.join('') },
  ];
}

/** Whether the last change on a diagonal adds a word; otherwise one is gone. */
function comesFromAbove(furthest: ReadonlyMap<number, number>, diagonal: number, changes: number): boolean {
  if (diagonal === -changes) return true;
  return diagonal !== changes && furthest.get(diagonal - 1)! < furthest.get(diagonal + 1)!;
}

function wayBack(
  steps: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let x = before.length;
  let y = after.length;
  for (let changes = steps.length - 1; changes >= 0; changes -= 1) {
    const furthest = steps[changes]!;
    const diagonal = x - y;
    const isNew = comesFromAbove(furthest, diagonal, changes);
    const from = isNew ? diagonal + 1 : diagonal - 1;
    const fromX = changes === 0 ? 0 : furthest.get(from)!;
    const fromY = changes === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      stretches.push({ kind: 'same', text: before[x]! });
    }
    if (changes === 0) break;
    if (isNew) stretches.push({ kind: 'new', text: after[fromY]! });
    else stretches.push({ kind: 'gone', text: before[fromX]! });
    x = fromX;
    y = fromY;
  }
  return stretches.reverse();
}

/** Neighbours of a kind as one; where both are between the same words, what is gone comes first. */
function joinedUp(stretches: readonly Stretch[]): readonly Stretch[] {
  const all: Stretch[] = [];
  let gone = '';
  let added = '';
  const flush = () => {
    if (gone !== '') all.push({ kind: 'gone', text: gone });
    if (added !== '') all.push({ kind: 'new', text: added });
    gone = '';
    added = '';
  };
  for (const { kind, text } of stretches) {
    if (text === '') continue;
    if (kind === 'gone') gone += text;
    else if (kind === 'new') added += text;
    else {
      flush();
      const last = all.at(-1);
      if (last?.kind === 'same') all[all.length - 1] = { kind, text: last.text + text };
      else all.push({ kind, text });
    }
  }
  flush();
  return all;
}
