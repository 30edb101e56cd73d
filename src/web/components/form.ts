import { type Html, html } from '../../ground/html.ts';
import { type Attributes, attributes, type Content, classes, joined } from './attributes.ts';

/** Components of GOV.UK's design system to fill in; options are named as its macros name them. */

export type ErrorMessage = Readonly<{ text: string }> | null;

export function button({
  text,
  href,
  name,
  value,
  classes: more,
  type = 'submit',
  attributes: extra,
  preventDoubleClick,
}: {
  text: Content;
  href?: string;
  name?: string;
  value?: string;
  classes?: string;
  type?: 'submit' | 'button';
  attributes?: Attributes;
  preventDoubleClick?: boolean;
}): Html {
  const className = classes('govuk-button', more);
  if (href !== undefined)
    return html`<a href="${href}" role="button" draggable="false" class="${className}" data-module="govuk-button"${attributes(extra)}>${text}</a>`;
  return html`<button type="${type}"${attributes({ name, value })} class="${className}" data-module="govuk-button"${attributes({ 'data-prevent-double-click': preventDoubleClick === undefined ? null : String(preventDoubleClick), ...extra })}>${text}</button>`;
}

function label(text: Content, id: string, more?: string): Html {
  return html`<label class="${classes('govuk-label', more)}" for="${id}">${text}</label>`;
}

export function hint({ id, content }: { id?: string; content: Content }): Html {
  return html`<div${attributes({ id })} class="govuk-hint">${content}</div>`;
}

function hintOf(id: string, content: Content | undefined): Html | null {
  return content === undefined ? null : hint({ id: `${id}-hint`, content });
}

function errorOf(id: string, error: ErrorMessage | undefined): Html | null {
  if (!error) return null;
  return html`<p id="${id}-error" class="govuk-error-message"><span class="govuk-visually-hidden">Error:</span> ${error.text}</p>`;
}

function describedBy(id: string, hint: Content | undefined, error: ErrorMessage | undefined): string | null {
  return classes(hint !== undefined && `${id}-hint`, error && `${id}-error`) || null;
}

function group(error: ErrorMessage | undefined, content: Html): Html {
  return html`<div class="${classes('govuk-form-group', error && 'govuk-form-group--error')}">${content}</div>`;
}

export type FieldOptions = Readonly<{
  name: string;
  id?: string;
  label: Content;
  labelClasses?: string;
  hint?: Content;
  error?: ErrorMessage;
  classes?: string;
  attributes?: Attributes;
}>;

export function input({
  name,
  id = name,
  label: text,
  labelClasses,
  hint,
  error,
  classes: more,
  value = '',
  type = 'text',
  prefix,
  attributes: extra,
}: FieldOptions & { value?: string; type?: string; prefix?: string }): Html {
  const field = html`<input class="${classes('govuk-input', more, error && 'govuk-input--error')}" id="${id}" name="${name}" type="${type}"${attributes({ value: value === '' ? null : value, 'aria-describedby': describedBy(id, hint, error), 'aria-invalid': error ? 'true' : null, ...extra })}>`;
  const wrapped =
    prefix === undefined
      ? field
      : html`<div class="govuk-input__wrapper"><div class="govuk-input__prefix" aria-hidden="true">${prefix}</div>${field}</div>`;
  return group(
    error,
    html`${label(text, id, labelClasses)}${hintOf(id, hint)}${errorOf(id, error)}${wrapped}`,
  );
}

export function textarea({
  name,
  id = name,
  label: text,
  labelClasses,
  hint,
  error,
  classes: more,
  value = '',
  rows = 5,
  attributes: extra,
}: FieldOptions & { value?: string; rows?: number }): Html {
  // A line end that directly follows the tag is not part of the text.
  return group(
    error,
    html`${label(text, id, labelClasses)}${hintOf(id, hint)}${errorOf(id, error)}<textarea class="${classes('govuk-textarea', error && 'govuk-textarea--error', more)}" id="${id}" name="${name}" rows="${rows}"${attributes({ 'aria-describedby': describedBy(id, hint, error), 'aria-invalid': error ? 'true' : null, ...extra })}>
${value}</textarea>`,
  );
}

export type Choice = Readonly<{
  value: string;
  text: Content;
  hint?: Content;
  selected?: boolean;
  disabled?: boolean;
}>;

export function select({
  name,
  id = name,
  label: text,
  labelClasses,
  hint,
  error,
  classes: more,
  items,
  attributes: extra,
}: FieldOptions & { items: readonly Choice[] }): Html {
  const options = items.map(
    ({ value, text: shown, selected = false, disabled = false }) =>
      html`<option value="${value}"${attributes({ selected, disabled })}>${shown}</option>`,
  );
  return group(
    error,
    html`${label(text, id, labelClasses)}${hintOf(id, hint)}${errorOf(id, error)}<select class="${classes('govuk-select', more, error && 'govuk-select--error')}" id="${id}" name="${name}"${attributes({ 'aria-describedby': describedBy(id, hint, error), 'aria-invalid': error ? 'true' : null, ...extra })}>${options}</select>`,
  );
}

type ChoicesOptions = Readonly<{
  name: string;
  /** The question, as the legend. */
  legend: Content;
  legendClasses?: string;
  hint?: Content;
  error?: ErrorMessage;
  items: readonly Choice[];
  classes?: string;
}>;

export const radios = (options: ChoicesOptions) => choices('radios', options);
export const checkboxes = (options: ChoicesOptions) => choices('checkboxes', options);

function choices(
  kind: 'radios' | 'checkboxes',
  { name, legend, legendClasses, hint, error, items, classes: more }: ChoicesOptions,
): Html {
  const boxes = items.map((item, index) =>
    choice(kind, { name, id: index === 0 ? name : `${name}-${index + 1}` }, item),
  );
  return group(
    error,
    html`<fieldset class="govuk-fieldset"${attributes({ 'aria-describedby': describedBy(name, hint, error) })}><legend class="${classes('govuk-fieldset__legend', legendClasses)}">${legend}</legend>${hintOf(name, hint)}${errorOf(name, error)}<div class="${classes(`govuk-${kind}`, more)}" data-module="govuk-${kind}">${boxes}</div></fieldset>`,
  );
}

function choice(
  kind: 'radios' | 'checkboxes',
  { name, id }: { name: string; id: string },
  { value, text, hint: itemHint, selected = false, disabled = false }: Choice,
): Html {
  const described = attributes({ 'aria-describedby': itemHint === undefined ? null : `${id}-item-hint` });
  return html`<div class="govuk-${kind}__item"><input class="govuk-${kind}__input" id="${id}" name="${name}" type="${kind === 'radios' ? 'radio' : 'checkbox'}" value="${value}"${attributes({ checked: selected, disabled })}${described}><label class="govuk-label govuk-${kind}__label" for="${id}">${text}</label>${
    itemHint === undefined
      ? null
      : html`<div id="${id}-item-hint" class="govuk-hint govuk-${kind}__hint">${itemHint}</div>`
  }</div>`;
}

/** A box in a row of a table, to choose the row. `what`: names the row for those who do not see it. */
export function tickBox({
  id,
  name,
  value,
  what,
}: {
  id: string;
  name: string;
  value: string;
  what: string;
}): Html {
  const text = html`<span class="govuk-visually-hidden">${what}</span>`;
  return html`<div class="govuk-checkboxes govuk-checkboxes--small" data-module="govuk-checkboxes">${choice('checkboxes', { name, id }, { value, text })}</div>`;
}

export function fieldset({
  legend,
  legendClasses,
  content,
}: {
  legend: Content;
  legendClasses?: string;
  content: Html;
}): Html {
  return html`<fieldset class="govuk-fieldset"><legend class="${classes('govuk-fieldset__legend', legendClasses)}">${legend}</legend>${content}</fieldset>`;
}

export function fileUpload({
  name,
  id = name,
  label: text,
  labelClasses,
  hint,
  error,
  classes: more,
  attributes: extra,
}: FieldOptions): Html {
  return group(
    error,
    html`${label(text, id, labelClasses)}${hintOf(id, hint)}${errorOf(id, error)}<input class="${classes('govuk-file-upload', more, error && 'govuk-file-upload--error')}" id="${id}" name="${name}" type="file"${attributes({ 'aria-describedby': describedBy(id, hint, error), 'aria-invalid': error ? 'true' : null, ...extra })}>`,
  );
}

/** What is wrong with a form, first on its page. `href`: the id of the field, with #. */
export function errorSummary(items: readonly { text: string; href?: string }[]): Html | null {
  if (items.length === 0) return null;
  return html`<div class="govuk-error-summary" data-module="govuk-error-summary"><div role="alert"><h2 class="govuk-error-summary__title">There is a problem</h2><div class="govuk-error-summary__body"><ul class="govuk-list govuk-error-summary__list">${items.map(
    ({ text, href }) =>
      html`<li>${href === undefined ? html`${text}` : html`<a href="${href}">${text}</a>`}</li>`,
  )}</ul></div></div></div>`;
}

/** A form that posts to `action`, with the hidden fields of the visit. */
export function postForm(
  { action, fields, attributes: extra }: { action: string; fields: Html; attributes?: Attributes },
  ...content: readonly (Html | null)[]
): Html {
  return html`<form method="post" action="${action}" novalidate${attributes(extra)}>${fields}${joined(content)}</form>`;
}
