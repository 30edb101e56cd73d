import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { type Html, html } from '../../ground/html.ts';
import { details, paragraph, table } from '../components/content.ts';
import { link } from '../components/navigation.ts';

/**
 * What all plots have in common (spec 07, section 9): a heading, one sentence that says what is to be seen, a picture
 * that has this sentence as its name, and the same figures as a table that can be downloaded.
 */

/** One kind of figure. `look`: its colour and pattern; by default the first series looks like 1, the second like 2. */
export type Series = Readonly<{ name: string; look?: Look }>;

/** 1 plain, for what went well; 2 striped, for what is under way; 3 dotted, for what failed; 4 crossed, for the rest. */
export type Look = 1 | 2 | 3 | 4;

export type PlotRow = Readonly<{
  /** Such as a day, a reason, or a minute. */
  label: string;
  /** The label at the axis; by default `label`. */
  short?: string;
  /** One for each series; null: there is no figure, which is something else than 0. */
  values: readonly (number | null)[];
  /** More may come, such as today. */
  unfinished?: boolean;
}>;

export type PlotOptions = Readonly<{
  /** Of the whole, unique within the page. */
  id: string;
  heading: string;
  level?: 2 | 3;
  /** What is to be seen, such as that of `rangeSentence`. */
  sentence: string;
  series: readonly Series[];
  rows: readonly PlotRow[];
  /** Names the first column of the table, such as Day. */
  rowHeader: string;
  /** Where the figures can be downloaded; null: nowhere. */
  csvHref: string | null;
  /** Figures in words; by default whole numbers with commas. */
  format?: (value: number) => string;
}>;

const figures = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });

/** 12345 as 12,345. */
export function inFigures(value: number): string {
  return figures.format(value);
}

/** "Between 30 and 520 a day", of totals; what is unfinished does not count as the least. */
export function rangeSentence(totals: readonly number[], per: string): string {
  if (totals.length === 0) return 'There are no figures.';
  const least = Math.min(...totals);
  const most = Math.max(...totals);
  if (most === 0) return `None ${per}`;
  return least === most
    ? `${inFigures(most)} ${per}`
    : `Between ${inFigures(least)} and ${inFigures(most)} ${per}`;
}

/** A share in whole per cent; what is more than nothing is never 0 %, what is less than all never 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0%';
  const share = Math.round((100 * part) / whole);
  if (share === 0) return 'under 1%';
  return share === 100 && part < whole ? 'over 99%' : `${share}%`;
}

/** The plot around its picture, which is made by `picture` of the sentence's id. */
export function plotFrame(options: PlotOptions, picture: Html): Html {
  const { id, heading: title, level = 2, sentence, rows, csvHref } = options;
  const missing = rows.filter(({ values }) => values.every((value) => value === null));
  return html`<section class="app-plot" aria-labelledby="${id}-heading">${level === 2 ? html`<h2 class="govuk-heading-m" id="${id}-heading">${title}</h2>` : html`<h3 class="govuk-heading-s" id="${id}-heading">${title}</h3>`}${paragraph(sentence)}${picture}${
    missing.length === 0
      ? null
      : paragraph(
          `There are no figures for ${missing.length === 1 ? missing[0]!.label : `${missing.length} of these`}: that is a gap, not a zero.`,
          'app-quiet',
        )
  }${details({
    summary: html`The same as a table<span class="govuk-visually-hidden">: ${title}</span>`,
    id: `${id}-table`,
    content: html`${figuresTable(options)}${csvHref === null ? null : paragraph(link(csvHref, html`Download these figures as CSV<span class="govuk-visually-hidden">: ${title}</span>`))}`,
  })}</section>`;
}

/** The figures of a plot as a table. */
function figuresTable({ heading: title, series, rows, rowHeader, format = inFigures }: PlotOptions): Html {
  return table({
    caption: title,
    captionClasses: 'govuk-visually-hidden',
    head: [rowHeader, ...series.map(({ name }) => ({ text: name, numeric: true }))],
    rows: rows.map(({ label, values, unfinished = false }) => [
      { content: unfinished ? `${label} (so far)` : label, header: true },
      ...values.map((value) => ({ content: value === null ? 'no figure' : format(value), numeric: true })),
    ]),
    empty: 'There are no figures.',
  });
}

/** The figures of a plot as a file (spec 07, section 9). `name`: of the file, without its ending. */
export function figuresCsv(
  name: string,
  { series, rows, rowHeader }: Pick<PlotOptions, 'series' | 'rows' | 'rowHeader'>,
): Readonly<{ kind: 'file'; headers: Readonly<Record<string, string>>; body: string }> {
  const lines = [
    [rowHeader, ...series.map((each) => each.name)],
    ...rows.map(({ label, values }) => [
      label,
      ...values.map((value) => (value === null ? '' : String(value))),
    ]),
  ];
  return {
    kind: 'file',
    headers: {
      'Content-Type': 'text/csv; charset=utf-8',
      'Content-Disposition': `attachment; filename="${name.replace(/[^\w.-]+/g, '-')}.csv"`,
    },
    body: byteOrderMark + lines.map(csvLine).join(''),
  };
}

/** The look of the series at this place. */
export function lookOf({ look }: Series, index: number): Look {
  return look ?? (((index % 4) + 1) as Look);
}

/** A round figure at or above `value` for the top of an axis, whose half is round as well. */
export function roundUp(value: number): number {
  if (value <= 0) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = power === 1 ? [2, 4, 6, 8, 10] : [1, 2, 4, 5, 6, 8, 10];
  return Number((steps.find((step) => step * power >= value)! * power).toPrecision(12));
}

/** Numbers in markup: two decimals are finer than a pixel. */
export const at = (value: number): number => Math.round(value * 100) / 100;

/** The size of a picture, in units of its own: it is stretched to the width of the page. */
export const pictureWidth = 600;
export const pictureHeight = 180;

/**
 * A picture between its axes. Labels are text beside it: text inside of a picture that is scaled cannot be read on a
 * phone. `marks`: at the left, evenly from top to bottom; each has a line.
 */
export function framed({
  sentence,
  marks,
  labels,
  drawing,
}: Readonly<{
  sentence: string;
  marks: readonly string[];
  labels: readonly string[];
  drawing: Html;
}>): Html {
  const lines = marks.map((_, index) => {
    const y = at((pictureHeight * index) / Math.max(1, marks.length - 1));
    return html`<line x1="0" x2="${pictureWidth}" y1="${y}" y2="${y}" class="app-grid"/>`;
  });
  // As many as a phone has room for.
  const shown = labels.length <= 2 ? labels : [labels[0]!, labels[labels.length >> 1]!, labels.at(-1)!];
  const texts = (list: readonly string[]) => list.map((text) => html`<span>${text}</span>`);
  return html`<div class="app-plot__frame"><div class="app-plot__scale" aria-hidden="true">${texts(marks)}</div><div class="app-plot__picture"><svg viewBox="0 0 ${pictureWidth} ${pictureHeight}" preserveAspectRatio="none" role="img" aria-label="${sentence}">${lines}${drawing}</svg><div class="app-plot__axis" aria-hidden="true">${texts(shown)}</div></div></div>`;
}
