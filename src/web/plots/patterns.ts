import { Html, html } from '../../ground/html.ts';
import { joined } from '../components/attributes.ts';
import { type Look, lookOf, type Series } from './plot.ts';

/**
 * Series differ by pattern as well as by colour (spec 07, section 11). A pattern lies over the colour, in the colour of
 * the page, so that what is printed or seen without colour still differs.
 */

/** What lies over the colour of each look; nothing over the first. `unfinished` goes over any of them. */
const drawings: Readonly<Record<2 | 3 | 4 | 'unfinished', Html>> = {
  2: new Html('<path d="M0 2H8M0 6H8" class="app-pattern"/>'),
  3: new Html(
    '<circle cx="2" cy="2" r="1.2" class="app-pattern-dot"/><circle cx="6" cy="6" r="1.2" class="app-pattern-dot"/>',
  ),
  4: new Html('<path d="M0 0L8 8M8 0L0 8" class="app-pattern"/>'),
  unfinished: new Html('<path d="M-2 2L2 -2M0 8L8 0M6 10L10 6" class="app-pattern app-pattern--strong"/>'),
};

type Drawing = keyof typeof drawings;

/** The patterns of a picture. `id`: of the picture, since ids are unique within a page. */
export function patterns(id: string): Html {
  return html`<defs>${Object.entries(drawings).map(
    ([name, drawing]) =>
      html`<pattern id="${id}-${name}" width="8" height="8" patternUnits="userSpaceOnUse">${drawing}</pattern>`,
  )}</defs>`;
}

/** A rectangle of a series: its colour, and its pattern over it. */
export function block(
  id: string,
  look: Look,
  area: Readonly<{ x: number; y: number; width: number; height: number }>,
  unfinished = false,
): Html {
  const { x, y, width, height } = area;
  const shape = html`x="${x}" y="${y}" width="${width}" height="${height}"`;
  const over = (drawing: Drawing) => html`<rect ${shape} fill="url(#${id}-${drawing})"/>`;
  return html`<rect ${shape} class="app-block app-series-${look}"/>${look === 1 ? null : over(look)}${unfinished ? over('unfinished') : null}`;
}

/** What the colours and patterns mean. */
export function plotKey(id: string, series: readonly Series[], hasUnfinished: boolean): Html {
  const sample = (content: Html, text: string) =>
    html`<li><svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">${content}</svg>${text}</li>`;
  const area = { x: 0, y: 0, width: 16, height: 16 };
  return html`<ul class="app-plot__key govuk-body">${series.map((each, index) =>
    sample(block(id, lookOf(each, index), area), each.name),
  )}${hasUnfinished ? sample(joined([block(id, 1, area, true)]), 'Slanted: not finished yet') : null}</ul>`;
}
