import { type Html, html } from '../../ground/html.ts';
import { type Attributes, attributes, type Content, classes } from './attributes.ts';

/** Components of GOV.UK's design system that show something; options are named as its macros name them. */

export function insetText(content: Content): Html {
  return html`<div class="govuk-inset-text">${content}</div>`;
}

export function warningText(content: Content): Html {
  return html`<div class="govuk-warning-text"><span class="govuk-warning-text__icon" aria-hidden="true">!</span><strong class="govuk-warning-text__text"><span class="govuk-visually-hidden">Warning</span> ${content}</strong></div>`;
}

export function details({
  summary,
  content,
  open = false,
  id,
}: {
  summary: Content;
  content: Content;
  open?: boolean;
  id?: string;
}): Html {
  return html`<details${attributes({ id, class: 'govuk-details', open })}><summary class="govuk-details__summary"><span class="govuk-details__summary-text">${summary}</span></summary><div class="govuk-details__text">${content}</div></details>`;
}

/** Something that was done, or that whoever reads the page should know. */
export function notificationBanner({ text, type }: { text: Content; type?: 'success' }): Html {
  const title = type === 'success' ? 'Success' : 'Important';
  return html`<div class="${classes('govuk-notification-banner', type === 'success' && 'govuk-notification-banner--success')}" role="${type === 'success' ? 'alert' : 'region'}" aria-labelledby="govuk-notification-banner-title" data-module="govuk-notification-banner"><div class="govuk-notification-banner__header"><h2 class="govuk-notification-banner__title" id="govuk-notification-banner-title">${title}</h2></div><div class="govuk-notification-banner__content">${typeof text === 'string' ? html`<p class="govuk-notification-banner__heading">${text}</p>` : text}</div></div>`;
}

export type SummaryRow = Readonly<{
  key: Content;
  value: Content;
  actions?: readonly { href: string; text: string; visuallyHiddenText?: string }[];
}>;

export function summaryList({
  rows,
  classes: more,
}: {
  rows: readonly SummaryRow[];
  classes?: string;
}): Html {
  const anyActions = rows.some(({ actions = [] }) => actions.length > 0);
  return html`<dl class="${classes('govuk-summary-list', more)}">${rows.map(
    ({ key, value, actions = [] }) => {
      const links = actions.map(
        ({ href, text, visuallyHiddenText }) =>
          html`<a class="govuk-link" href="${href}">${text}${visuallyHiddenText === undefined ? null : html`<span class="govuk-visually-hidden"> ${visuallyHiddenText}</span>`}</a>`,
      );
      return html`<div class="${classes('govuk-summary-list__row', anyActions && links.length === 0 && 'govuk-summary-list__row--no-actions')}"><dt class="govuk-summary-list__key">${key}</dt><dd class="govuk-summary-list__value">${value}</dd>${
        links.length === 0
          ? null
          : html`<dd class="govuk-summary-list__actions">${
              links.length === 1
                ? links
                : html`<ul class="govuk-summary-list__actions-list">${links.map((each) => html`<li class="govuk-summary-list__actions-list-item">${each}</li>`)}</ul>`
            }</dd>`
      }</div>`;
    },
  )}</dl>`;
}

export type Cell = Content | Readonly<{ content: Content; numeric?: boolean; header?: boolean }>;

export type TableOptions = Readonly<{
  caption: Content;
  captionClasses?: string;
  head: readonly (string | Readonly<{ text: string; numeric?: boolean }>)[];
  rows: readonly (readonly Cell[])[];
  /** What stands in place of the table while it has no rows. */
  empty?: Content;
  id?: string;
}>;

/** A table that scrolls in a region of its own, and turns its rows into cards on a phone (spec 07, section 11). */
export function table({
  caption,
  captionClasses = 'govuk-table__caption--m',
  head,
  rows,
  empty,
  id,
}: TableOptions): Html {
  if (rows.length === 0 && empty !== undefined)
    return html`<p class="govuk-body"${attributes({ id })}>${empty}</p>`;
  const columns = head.map((column) =>
    typeof column === 'string' ? { text: column, numeric: false } : column,
  );
  const name = typeof caption === 'string' ? caption : 'Table';
  const header = columns.map(
    ({ text, numeric = false }) =>
      html`<th scope="col" class="${classes('govuk-table__header', numeric && 'govuk-table__header--numeric')}">${text}</th>`,
  );
  const body = rows.map(
    (row) =>
      html`<tr class="govuk-table__row">${row.map((cell, index) => cellOf(cell, columns[index]?.text ?? ''))}</tr>`,
  );
  return html`<div class="app-scroll" role="region" aria-label="${name}" tabindex="0"${attributes({ id })}><table class="govuk-table app-cards"><caption class="${classes('govuk-table__caption', captionClasses)}">${caption}</caption><thead class="govuk-table__head"><tr class="govuk-table__row">${header}</tr></thead><tbody class="govuk-table__body">${body}</tbody></table></div>`;
}

function cellOf(cell: Cell, label: string): Html {
  const isPlain = typeof cell === 'string' || !('content' in cell);
  const { content, numeric = false, header = false } = isPlain ? { content: cell as Content } : cell;
  const shown: Attributes = { 'data-label': label === '' ? null : label };
  if (header) return html`<th scope="row" class="govuk-table__header"${attributes(shown)}>${content}</th>`;
  return html`<td class="${classes('govuk-table__cell', numeric && 'govuk-table__cell--numeric')}"${attributes(shown)}>${content}</td>`;
}

/** A status in words. `tone` colours it; it never stands alone. */
export function tag(text: string, tone: 'good' | 'bad' | 'open' | 'quiet' = 'quiet'): Html {
  return html`<strong class="${classes('app-tag', tone !== 'quiet' && `app-tag--${tone}`)}">${text}</strong>`;
}

/** Text that can be copied with a button where script runs. */
export function copyable({ id, text, what }: { id: string; text: string; what: string }): Html {
  return html`<pre class="app-code" id="${id}" tabindex="0" aria-label="${what}">${text}</pre><button type="button" class="govuk-button govuk-button--secondary" data-copy="${id}" hidden>Copy ${what}</button>`;
}

export function heading(
  level: 1 | 2 | 3,
  text: Content,
  size: 'xl' | 'l' | 'm' | 's' = level === 1 ? 'l' : level === 2 ? 'm' : 's',
): Html {
  const shown = html`class="govuk-heading-${size}"`;
  if (level === 1) return html`<h1 ${shown}>${text}</h1>`;
  return level === 2 ? html`<h2 ${shown}>${text}</h2>` : html`<h3 ${shown}>${text}</h3>`;
}

export function paragraph(content: Content, more?: string): Html {
  return html`<p class="${classes('govuk-body', more)}">${content}</p>`;
}
