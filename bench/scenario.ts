import type { Harness } from './harness.ts';

/** The settings from the command line. */
export type Settings = Readonly<{
  /** Length of one measured round. */
  seconds: number;
  /** Messages sent by scenarios that send a fixed number; null for the default of the scenario. */
  messages: number | null;
  /** Share of them that are emails, 0 to 1; the others are text messages. */
  emails: number;
  /** Messages that are in the tables before a scenario that reads them begins; null for the default of the scenario. */
  rows: number | null;
  /** Another checkout of the product, which a scenario that can compares this one with; null for none. */
  against: string | null;
}>;

/** A measured figure; its target, if any, is met or missed. */
export type Figure = Readonly<{
  /** Its key in the JSON of `--json`. */
  key: string;
  meaning: string;
  value: number;
  unit?: string;
  target?: Readonly<{ atLeast: number } | { atMost: number } | { under: number }>;
}>;

export type Outcome = Readonly<{
  figures: readonly Figure[];
  /** Details in the JSON of `--json`, one object for each part of the scenario. */
  rows?: readonly object[];
  /** What went wrong, in sentences. A run with faults proves nothing and ends with exit code 1. */
  faults: readonly string[];
}>;

/** One thing to measure, on a harness of its own. */
export type Scenario = Readonly<{
  name: string;
  summary: string;
  run(harness: Harness, settings: Settings): Promise<Outcome>;
}>;

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

/** The figures as JSON, by scenario and key. */
export function document(outcomes: ReadonlyMap<string, Outcome>): string {
  const byScenario = [...outcomes].map(([name, { figures, rows }]) => [
    name,
    { ...(rows && { rows }), ...Object.fromEntries(figures.map(({ key, value }) => [key, value])) },
  ]);
  return JSON.stringify(Object.fromEntries(byScenario), (_, value) => {
    if (typeof value !== 'number') return value;
    return Number.isFinite(value) ? round(value) : null;
  });
}

/** Three significant digits: a run on a shared machine is no more precise. */
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

/** The value that `part` (0 to 1) of the ascending sample does not exceed; NaN for an empty sample. */
export function quantile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
