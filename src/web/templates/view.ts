import { Html, html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, fieldset, hint, input } from '../components/form.ts';
import type { Api } from '../frame/api.ts';
import { mailPolicy } from '../frame/headers.ts';
import type { Answer } from '../frame/page.ts';
import { costLine, dearCharacters, marked, type Plainer, type Preview, withPlainLetters } from './cost.ts';
import { type Draft, type Placeholder, valueField } from './template.ts';

export type Values = Readonly<Record<string, string>>;

/** A draft filled in by the API, or why it cannot be. */
export type Rendered =
  | Readonly<{ ok: true; preview: Preview; plainer: Plainer | null }>
  | Readonly<{ ok: false; sentences: readonly string[] }>;

/** Fills in a draft, and once more with plain letters if others make it dearer (spec 04, section 5.4). */
export async function renderDraft(
  api: Api,
  serviceId: string,
  draft: Draft,
  values: Values,
): Promise<Rendered> {
  const ask = ({ type, subject, content }: Draft, personalisation: Values) =>
    api.send<Preview>('POST', `/service/${serviceId}/template/preview`, {
      ...{ template_type: type, content, personalisation },
      ...(type === 'email' && { subject }),
    });
  const outcome = await ask(draft, values);
  if (!outcome.ok) return { ok: false, sentences: Object.values(outcome.fields).flat() };
  const preview = outcome.data;
  const dear = preview.ucs2_characters;
  if (dear.length === 0) return { ok: true, preview, plainer: null };
  const plain = Object.entries(values).map(([name, value]) => [name, withPlainLetters(value, dear)]);
  // Names of placeholders stay as they are, or values would be missing.
  const content = draft.content.replace(/(\(\([^()]+\)\))|[^(]+|\(/g, (part, placeholder?: string) =>
    placeholder === undefined ? withPlainLetters(part, dear) : part,
  );
  const second = await ask({ ...draft, content }, Object.fromEntries(plain));
  const plainer = second.ok
    ? { fragments: second.data.fragments ?? 1, cost_in_pounds: second.data.cost_in_pounds }
    : null;
  return { ok: true, preview, plainer };
}

/** What somebody gets: a text as a phone shows it; of an email the head, above its frame. `from`: null is not said. */
export function messageBox(rendered: Rendered, from: string | null): Html {
  if (!rendered.ok) return html`${rendered.sentences.map((sentence) => paragraph(sentence))}`;
  const { preview } = rendered;
  if (preview.template_type === 'email')
    return html`<dl class="app-mail__head govuk-body">${
      from === null ? null : html`<div><dt>From</dt><dd dir="auto">${from}</dd></div>`
    }<div><dt>Subject</dt><dd dir="auto">${preview.subject ?? ''}</dd></div></dl>`;
  const text = preview.text === '' ? ' ' : preview.text;
  return html`<div class="app-phone">${
    from === null
      ? null
      : html`<p class="govuk-body-s govuk-!-margin-bottom-2">From <span dir="auto">${from}</span></p>`
  }<p class="app-bubble govuk-body" dir="auto">${marked(text, dearCharacters(preview))}</p></div>`;
}

/** What the message costs and why. */
export function costOf(rendered: Rendered): string {
  return rendered.ok ? costLine(rendered.preview, rendered.plainer) : 'This could not be sent.';
}

/**
 * The part of an editor that is made anew while somebody types: the message, what it costs, and example values to type
 * over.
 */
export function previewRegion(
  rendered: Rendered,
  placeholders: readonly Placeholder[],
  values: Values,
): Html {
  const dear = rendered.ok ? dearCharacters(rendered.preview) : [];
  const fields = placeholders.map(({ name, isConditional }, index) => {
    const value = values[name] ?? '';
    const costly = dear.filter((character) => value.includes(character));
    return input({
      name: valueField(name),
      id: `value-${index + 1}`,
      label: html`<span dir="auto">${name}</span>`,
      value,
      ...(costly.length > 0
        ? { hint: `${costly.join(' ')} in this example makes the message dearer.` }
        : isConditional && { hint: '“yes” shows its text, “no” leaves it out.' }),
      attributes: { dir: 'auto', autocomplete: 'off' },
    });
  });
  return html`<div id="preview">${messageBox(rendered, null)}<p class="govuk-body" role="status" id="preview-cost">${costOf(rendered)}</p>${
    dear.length === 0
      ? null
      : paragraph(html`<mark class="app-mark">Marked</mark> characters make the message dearer.`)
  }${
    fields.length === 0
      ? null
      : fieldset({
          legend: 'Example values',
          legendClasses: 'govuk-fieldset__legend--s',
          content: html`${hint({ content: 'They are not saved: type over them to see other messages.' })}${fields}`,
        })
  }</div>`;
}

/** The frame of an email. `from`: where it is shown; null: the form around it is sent to `draft` for it. */
export function mailFrame({ from, draft }: { from: string | null; draft: string | null }): Html {
  const source = from === null ? null : html` src="${from}"`;
  const form = draft === null ? null : html` data-mail="${draft}"`;
  return html`<div class="app-mail"><iframe name="mail-preview" title="The email as a mail program shows it" sandbox="allow-popups allow-popups-to-escape-sandbox"${source}${form}></iframe></div>`;
}

/** For whoever has no script: shows in the frame what the form around it holds. */
export function mailButton(draft: string): Html {
  return button({
    text: 'Show the email',
    classes: 'govuk-button--secondary app-without-script',
    attributes: { formaction: draft, formtarget: 'mail-preview' },
  });
}

/** The document in that frame: it loads nothing, runs nothing, and opens links in a tab of their own. */
export function mailFile(rendered: Rendered): Answer {
  const body = rendered.ok
    ? // The API's own markup, made of escaped text.
      new Html(rendered.preview.html)
    : html`${rendered.sentences.map((sentence) => html`<p>${sentence}</p>`)}`;
  const document = html`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Email</title><base target="_blank"><style>body { font-family: Helvetica, Arial, sans-serif; color: #0b0c0c; background: #fff; margin: 0; padding: 15px; overflow-wrap: break-word; } .placeholder, .placeholder-conditional { background: #ffe3a1; }</style></head><body><main dir="auto"><h1 hidden>Email</h1>${body}</main></body></html>`;
  return {
    kind: 'file',
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': mailPolicy },
    body: document.text,
  };
}

/** A template's words with their differences: gone and new ones are told apart without colour, too. */
export function differenceView(stretches: readonly Readonly<{ kind: string; text: string }>[]): Html {
  return html`<p class="app-difference govuk-body" dir="auto">${stretches.map(({ kind, text }) =>
    kind === 'same' ? html`${text}` : kind === 'gone' ? html`<del>${text}</del>` : html`<ins>${text}</ins>`,
  )}</p>`;
}

/** The heading above what a message looks like. */
export const previewHeading = heading(2, 'Preview');
