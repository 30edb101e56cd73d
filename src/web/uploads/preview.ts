import { type Html, html } from '../../ground/html.ts';
import { paragraph } from '../components/content.ts';
import { counted } from '../words/counts.ts';
import type { RowPreview } from './upload.ts';

/**
 * The message of a row as its recipient sees it. `mailHref`: the address of the email as a page, shown in a frame; null:
 * an email is shown as text.
 */
export function messageOf(type: 'sms' | 'email', preview: RowPreview, mailHref: string | null): Html {
  const { recipient, subject, body, fragments, characters, row } = preview;
  const to = html`To: <span dir="auto">${recipient ?? 'nobody'}</span>`;
  if (type === 'sms')
    return html`<div class="app-phone">${paragraph(to)}<div class="app-bubble govuk-body" dir="auto">${body}</div></div>${
      fragments == null || characters == null
        ? null
        : paragraph(
            `${counted(characters, 'character')}, sent as ${counted(fragments, 'fragment')}.`,
            'app-quiet',
          )
    }`;
  return html`<div class="app-mail">${paragraph(to)}${paragraph(html`Subject: <strong dir="auto">${subject ?? ''}</strong>`)}${
    mailHref === null
      ? html`<div class="app-text govuk-body" dir="auto">${body}</div>`
      : html`<iframe src="${mailHref}" title="The email of row ${row}" sandbox="allow-popups"></iframe>`
  }</div>`;
}
