import { type Html, html } from '../../ground/html.ts';
import { inFigures } from '../words/counts.ts';
import {
  at,
  framed,
  pictureHeight as height,
  lookOf,
  type PlotOptions,
  plotFrame,
  roundUp,
  pictureWidth as width,
} from './plot.ts';

export type LinesOptions = PlotOptions &
  Readonly<{
    /** `logarithmic` for what differs by orders of magnitude, such as delays: 1, 10, 100. */
    scale?: 'linear' | 'logarithmic';
  }>;

/** The length of what is drawn of a single figure. */
const dash = 8;

/** One line for each series over the rows. What has no figure interrupts the line (spec 07, section 9). */
export function lines(options: LinesOptions): Html {
  const { sentence, series, rows, scale = 'linear', format = inFigures } = options;
  const figures = rows.flatMap(({ values }) => values.filter((value) => value !== null));
  const most = Math.max(0, ...figures);
  const isLog = scale === 'logarithmic';
  const powers = Math.max(1, Math.ceil(Math.log10(Math.max(1, most))));
  const top = isLog ? 10 ** powers : roundUp(most);
  const marks = isLog
    ? Array.from({ length: powers + 1 }, (_, index) => 10 ** (powers - index))
    : [top, top / 2, 0];
  // A logarithmic scale has no zero: what lies below 1 is drawn at the bottom.
  const share = (value: number) =>
    isLog ? Math.max(0, Math.log10(Math.max(1, value)) / powers) : value / top;
  const step = width / Math.max(1, rows.length - 1);
  const drawn = series.map((each, index) => {
    const points = rows.map(({ values }) => values[index] ?? null);
    const path = points
      .map((value, row) => {
        if (value === null) return '';
        const before = row > 0 ? points[row - 1] : null;
        const isAlone = before === null && (points[row + 1] ?? null) === null;
        const y = at(height - height * share(value));
        // A figure between two gaps would be a line without length, and one at the end would lie outside.
        if (isAlone) return `M${at(Math.min(Math.max(0, row * step - dash / 2), width - dash))} ${y}h${dash}`;
        return `${before === null || before === undefined ? 'M' : 'L'}${at(row * step)} ${y}`;
      })
      .join('');
    const look = lookOf(each, index);
    return html`<path d="${path}" class="app-series-${look} app-line app-line--${look}"/>`;
  });
  const key = html`<ul class="app-plot__key govuk-body">${series.map((each, index) => {
    const look = lookOf(each, index);
    return html`<li><svg viewBox="0 0 32 16" class="app-plot__key-line" aria-hidden="true" focusable="false"><path d="M0 8H32" class="app-series-${look} app-line app-line--${look}"/></svg>${each.name}</li>`;
  })}</ul>`;
  const picture = framed({
    sentence,
    marks: marks.map(format),
    labels: rows.map(({ label, short = label }) => short),
    drawing: html`${drawn}`,
  });
  return plotFrame(options, html`${key}${picture}`);
}
