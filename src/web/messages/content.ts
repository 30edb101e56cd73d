import { type Html, html } from '../../ground/html.ts';
import type { ServiceVisit } from '../frame/page.ts';
import { type Message, textOf } from './message.ts';

/** A text as a phone shows it; `text` is anybody's. */
export function phone(text: string, sender: string | null): Html {
  return html`<div class="app-phone">${sender === null ? null : html`<p class="govuk-body app-quiet" dir="auto">${sender}</p>`}<p class="govuk-body app-bubble" dir="auto">${text}</p></div>`;
}

/**
 * A message as whoever received it saw it: a text as a bubble, an email in a document of its own, which loads nothing
 * (spec 07, section 13).
 */
export function contentOf(visit: ServiceVisit, message: Message): Html {
  const { template, notification_type: type, sent_by: _, reply_to_text: sender } = message;
  const { text, subject } = textOf(message);
  if (type === 'sms') {
    const prefix = visit.service.prefixesTexts ? `${visit.service.name}: ` : '';
    return html`${phone(prefix + text, sender)}${hidden(template.redact_personalisation)}`;
  }
  const isDocument = !template.redact_personalisation && typeof message.html === 'string';
  return html`<div class="app-mail"><p class="govuk-body"><strong dir="auto">${subject ?? ''}</strong></p>${
    isDocument
      ? html`<iframe src="${visit.at(`/messages/${message.id}/email`)}" title="The email as it was sent" sandbox="allow-popups allow-popups-to-escape-sandbox" loading="lazy"></iframe>`
      : html`<p class="govuk-body app-plain-mail" dir="auto">${text}</p>`
  }</div>${hidden(template.redact_personalisation)}`;
}

const hidden = (isHidden: boolean) =>
  isHidden
    ? html`<p class="govuk-body app-quiet">The values filled in are hidden, as this template asks.</p>`
    : null;
