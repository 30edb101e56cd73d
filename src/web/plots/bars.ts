import { type Html, html } from '../../ground/html.ts';
import { inFigures } from '../words/counts.ts';
import { block, patterns, plotKey } from './patterns.ts';
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

/**
 * Bars beside each other, one for each row, its series stacked with the first at the bottom: messages by day (spec 07,
 * section 9). A row without figures is a gap.
 */
export function stackedBars(options: PlotOptions): Html {
  const { id, sentence, series, rows, format = inFigures } = options;
  const totals = rows.map(({ values }) => totalOf(values));
  const top = roundUp(Math.max(0, ...totals));
  const step = width / Math.max(1, rows.length);
  const gap = Math.min(step * 0.25, 12);
  const bars = rows.flatMap(({ values, unfinished = false }, row) => {
    let floor = height;
    return values.map((value, index) => {
      // What is not nothing can be seen.
      const size = value ? Math.max(1.5, (height * value) / top) : 0;
      floor -= size;
      if (size === 0) return html``;
      const area = {
        ...{ x: at(row * step + gap / 2), y: at(Math.max(0, floor)) },
        ...{ width: at(step - gap), height: at(size) },
      };
      return block(id, lookOf(series[index]!, index), area, unfinished);
    });
  });
  const zeros = rows.map(({ values }, row) =>
    values.some((value) => value !== null) && totals[row] === 0
      ? html`<rect x="${at(row * step + gap / 2)}" y="${height - 2}" width="${at(step - gap)}" height="2" class="app-zero"/>`
      : html``,
  );
  const picture = framed({
    sentence,
    marks: [top, top / 2, 0].map(format),
    labels: rows.map(({ label, short = label }) => short),
    drawing: html`${patterns(id)}${bars}${zeros}`,
  });
  return plotFrame(
    options,
    html`${plotKey(
      id,
      series,
      rows.some(({ unfinished = false }) => unfinished),
    )}${picture}`,
  );
}

/**
 * Bars below each other, each with its label and figure: reasons of failure. The labels are text beside the picture,
 * so that they can be read on a phone. Only the first series is drawn.
 */
export function horizontalBars(
  options: PlotOptions & Readonly<{ hrefs?: readonly (string | null)[] }>,
): Html {
  const { id, sentence, series, rows, hrefs = [], format = inFigures } = options;
  const top = Math.max(1, ...rows.map(({ values }) => values[0] ?? 0));
  const look = lookOf(series[0]!, 0);
  const bars = rows.map(({ label, values }, row) => {
    const value = values[0] ?? null;
    const size = value ? Math.max(2, (width * value) / top) : 0;
    const href = hrefs[row] ?? null;
    const name =
      href === null
        ? html`<span dir="auto">${label}</span>`
        : html`<a class="govuk-link" href="${href}" dir="auto">${label}</a>`;
    return html`<li>${name} <span class="app-number">${value === null ? 'no figure' : format(value)}</span><svg viewBox="0 0 ${width} 12" preserveAspectRatio="none" aria-hidden="true" focusable="false">${block(id, look, { x: 0, y: 0, width: at(size), height: 12 })}</svg></li>`;
  });
  // One picture with a name, whose parts are text: the list stands for it.
  return plotFrame(
    options,
    html`<svg class="app-plot__none" viewBox="0 0 1 1" role="img" aria-label="${sentence}">${patterns(id)}</svg><ul class="app-plot__bars govuk-body">${bars}</ul>`,
  );
}

/** One bar whose parts are the series of the only row: how far a file is. */
export function progressBar({
  id,
  sentence,
  series,
  values,
  total,
}: Readonly<{
  id: string;
  sentence: string;
  series: PlotOptions['series'];
  values: readonly number[];
  total: number;
}>): Html {
  let from = 0;
  const parts = values.map((value, index) => {
    if (value === 0) return html``;
    const size = Math.max(2, (width * value) / Math.max(1, total));
    const x = Math.min(from, width - size);
    from = x + size;
    return block(id, lookOf(series[index]!, index), { x: at(x), y: 0, width: at(size), height: 24 });
  });
  return html`<div class="app-plot">${plotKey(id, series, false)}<svg class="app-plot__bar" viewBox="0 0 ${width} 24" preserveAspectRatio="none" role="img" aria-label="${sentence}">${patterns(id)}${parts}</svg></div>`;
}

/** The sum of what there are figures of. */
export const totalOf = (values: readonly (number | null)[]): number =>
  values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
