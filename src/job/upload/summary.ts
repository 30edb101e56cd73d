/** What the check of an upload found, in figures that hold no personal data. They change when a row is mended. */

/** What is wrong with a row: an error of spec 03, section 4.4, trial mode, or a doubt. */
export const faultKinds = [
  'recipient',
  'missing',
  'too-long',
  'empty',
  'not-allowed',
  'unclosed-quote',
  'surplus-cells',
  'damaged-character',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export type RowFault = Readonly<{
  kind: FaultKind;
  /** In the file's spelling; null: the whole row. */
  header: string | null;
  /** Names no value of the row. */
  text: string;
}>;

/** Of text messages: recipients abroad, fragments, and fragments times their rate multiplier. */
export type Totals = Readonly<{ international: number; fragments: number; units: number }>;

/** What the check of a row found. */
export type RowOutcome = Readonly<{
  faults: readonly RowFault[];
  totals: Totals;
}> &
  ComparedRow;

/** What a row is compared by with the other rows. */
export type ComparedRow = Readonly<{
  /** A short hash by which repeated recipients are recognised; `''` for none. */
  recipient: string;
  /** Of the message, in characters: of a text as it is sent, of an email with its subject, before Markdown. */
  length: number;
}>;

export type Repeated = Readonly<{
  /** Rows whose recipient is also in an earlier row. */
  count: number;
  /** The first of them, as indexes. */
  shown: readonly (readonly [index: number, firstIndex: number])[];
}>;

/** The rows with the shortest and the longest message, the first if several are as long, as indexes; null: no rows. */
export type Extremes = Readonly<{ shortest: number; longest: number }> | null;

export type Compared = Readonly<{ repeated: Repeated; extremes: Extremes }>;

export type Summary = Readonly<{
  /** How the file was read; null for a workbook or rows that came in another way. */
  encoding: string | null;
  separator: string | null;
  /** The service's name, if its texts began with it when they were counted. */
  prefix: string | null;
  /** More than may be checked: then only the first ones are stored. */
  tooManyRows: boolean;
  unclosedQuoteInHeader: boolean;
  faults: number;
  faultyRows: number;
  /** Rows by kind of fault. */
  kinds: Readonly<Partial<Record<FaultKind, number>>>;
  /** Rows by fault: JSON of its kind, header and text. */
  groups: Readonly<Record<string, number>>;
  /** Of rows without faults, and of rows with one. */
  sendable: Totals;
  unsendable: Totals;
  repeated: Repeated;
  /** Not known of files that came before it was. */
  extremes?: Extremes;
}>;

const noTotals: Totals = { international: 0, fragments: 0, units: 0 };

/** Before any row is counted. */
export function emptySummary(form: Pick<Summary, 'encoding' | 'separator' | 'prefix'>): Summary {
  return {
    ...form,
    ...{ tooManyRows: false, unclosedQuoteInHeader: false, faults: 0, faultyRows: 0, kinds: {}, groups: {} },
    ...{ sendable: noTotals, unsendable: noTotals, repeated: { count: 0, shown: [] }, extremes: null },
  };
}

type CountedRow = Omit<RowOutcome, keyof ComparedRow>;

/** Counts rows into a summary, or out of it. */
export class Counter {
  #faults;
  #faultyRows;
  readonly #kinds: Map<FaultKind, number>;
  readonly #groups: Map<string, number>;
  #sendable;
  #unsendable;
  readonly #base: Summary;

  constructor(base: Summary) {
    this.#base = base;
    this.#faults = base.faults;
    this.#faultyRows = base.faultyRows;
    this.#kinds = new Map(Object.entries(base.kinds) as [FaultKind, number][]);
    this.#groups = new Map(Object.entries(base.groups));
    this.#sendable = base.sendable;
    this.#unsendable = base.unsendable;
  }

  add(outcome: CountedRow): void {
    this.#count(outcome, 1);
  }

  remove(outcome: CountedRow): void {
    this.#count(outcome, -1);
  }

  #count({ faults, totals }: CountedRow, sign: 1 | -1): void {
    if (faults.length === 0) {
      this.#sendable = sum(this.#sendable, totals, sign);
      return;
    }
    this.#unsendable = sum(this.#unsendable, totals, sign);
    this.#faultyRows += sign;
    this.#faults += sign * faults.length;
    for (const kind of new Set(faults.map((fault) => fault.kind))) change(this.#kinds, kind, sign);
    for (const { kind, header, text } of faults)
      change(this.#groups, JSON.stringify([kind, header, text]), sign);
  }

  summary(compared: Partial<Compared> = {}): Summary {
    return {
      ...this.#base,
      ...compared,
      ...{ faults: this.#faults, faultyRows: this.#faultyRows },
      ...{ kinds: Object.fromEntries(this.#kinds), groups: Object.fromEntries(this.#groups) },
      ...{ sendable: this.#sendable, unsendable: this.#unsendable },
    };
  }
}

function sum(one: Totals, other: Totals, sign: 1 | -1): Totals {
  return {
    international: one.international + sign * other.international,
    fragments: one.fragments + sign * other.fragments,
    units: one.units + sign * other.units,
  };
}

function change<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

/** The summaries of the rows without faults and of those with one, when they part. */
export function partSummary(
  summary: Summary,
  [good, bad]: readonly [sendable: Compared, unsendable: Compared],
): readonly [sendable: Summary, unsendable: Summary] {
  const none = { faults: 0, faultyRows: 0, kinds: {}, groups: {} };
  return [
    { ...summary, ...none, unsendable: noTotals, ...good },
    { ...summary, sendable: noTotals, ...bad },
  ];
}

/** Most repeated rows that are listed. */
const mostShown = 20;

/** Finds repeated recipients, and the shortest and longest message, in order of rows. */
export class ComparedRows {
  readonly #firstIndexes = new Map<string, number>();
  readonly #shown: (readonly [number, number])[] = [];
  #count = 0;
  #index = 0;
  #extremes: Extremes = null;
  #shortest = Infinity;
  #longest = -Infinity;

  /** The next row. */
  add({ recipient, length }: ComparedRow): void {
    const index = this.#index;
    this.#index += 1;
    this.#measure(index, length);
    if (recipient === '') return;
    const firstIndex = this.#firstIndexes.get(recipient);
    if (firstIndex === undefined) {
      this.#firstIndexes.set(recipient, index);
      return;
    }
    this.#count += 1;
    if (this.#shown.length < mostShown) this.#shown.push([index, firstIndex]);
  }

  #measure(index: number, length: number): void {
    if (length >= this.#shortest && length <= this.#longest) return;
    const { shortest, longest } = this.#extremes ?? { shortest: index, longest: index };
    this.#extremes = {
      shortest: length < this.#shortest ? index : shortest,
      longest: length > this.#longest ? index : longest,
    };
    this.#shortest = Math.min(this.#shortest, length);
    this.#longest = Math.max(this.#longest, length);
  }

  result(): Compared {
    return { repeated: { count: this.#count, shown: this.#shown }, extremes: this.#extremes };
  }
}

/** Whether all rows could be sent: of the file itself, whatever the limits of the day (spec 03, section 4.6). */
export function isValid(
  { tooManyRows, unclosedQuoteInHeader, faultyRows }: Summary,
  rowCount: number,
  columns: Readonly<{ missing: readonly string[]; duplicateRecipients: readonly string[] }>,
): boolean {
  const isWhole = !tooManyRows && !unclosedQuoteInHeader && faultyRows === 0 && rowCount > 0;
  return isWhole && columns.missing.length === 0 && columns.duplicateRecipients.length === 0;
}

/** What to do about the rows, in words and in the order of spec 03, section 4.6. */
export function summaryPhrases({ kinds }: Pick<Summary, 'kinds'>, type: 'sms' | 'email'): readonly string[] {
  const { recipient = 0, missing = 0, 'too-long': tooLong = 0, empty = 0 } = kinds;
  const name = type === 'sms' ? ['phone number', 'phone numbers'] : ['email address', 'email addresses'];
  const shown = (count: number) => count.toLocaleString('en-GB');
  const one = (count: number, single: string, several: string) => (count === 1 ? single : several);
  return [
    recipient > 0 && `fix ${shown(recipient)} ${one(recipient, name[0]!, name[1]!)}`,
    missing > 0 && `enter missing data in ${shown(missing)} ${one(missing, 'row', 'rows')}`,
    tooLong > 0 &&
      `shorten the ${one(tooLong, 'message', 'messages')} in ${shown(tooLong)} ${one(tooLong, 'row', 'rows')}`,
    empty > 0 &&
      `check you have content for the empty ${one(empty, 'message', 'messages')} in ${shown(empty)} ${one(empty, 'row', 'rows')}`,
  ].filter((phrase) => phrase !== false);
}
