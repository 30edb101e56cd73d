import type { Figure, Outcome } from './scenario.ts';

const head = ['scenario', 'figure', 'measured', 'target', ''];

/** The figures of all scenarios as aligned lines of text. */
export function table(outcomes: ReadonlyMap<string, Outcome>): string {
  const rows = [...outcomes].flatMap(([name, { figures }]) =>
    figures.map((figure, index) => [
      index === 0 ? name : '',
      figure.meaning,
      `${written(figure.value)}${figure.unit ? ` ${figure.unit}` : ''}`,
      targetOf(figure),
      verdictOf(figure),
    ]),
  );
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]!.length)));
  const isNumber = (column: number) => column === 2;
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The figures as one object, by scenario and key. */
export function document(
  outcomes: ReadonlyMap<string, Outcome>,
): Record<string, Record<string, number | null>> {
  return Object.fromEntries(
    [...outcomes].map(([name, { figures }]) => [
      name,
      Object.fromEntries(
        figures.map(({ key, value }) => [key, Number.isFinite(value) ? round(value) : null]),
      ),
    ]),
  );
}

/** Three digits that count; more would promise what a run on a shared machine cannot keep. */
function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function written(value: number): string {
  return Number.isFinite(value) ? round(value).toLocaleString('en-GB') : 'not known';
}

function targetOf({ target }: Figure): string {
  if (!target) return '';
  if ('atLeast' in target) return `at least ${written(target.atLeast)}`;
  return 'atMost' in target ? `at most ${written(target.atMost)}` : `under ${written(target.under)}`;
}

function verdictOf({ target, value }: Figure): string {
  if (!target) return '';
  if (!Number.isFinite(value)) return 'not known';
  const isMet =
    'atLeast' in target
      ? value >= target.atLeast
      : 'atMost' in target
        ? value <= target.atMost
        : value < target.under;
  return isMet ? 'met' : 'MISSED';
}
