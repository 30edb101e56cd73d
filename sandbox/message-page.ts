import { type Html, html } from '../src/ground/html.ts';
import type { Message } from './message.ts';
import { moment, page } from './page.ts';
import type { Receipt } from './receipt.ts';

/**
 * For the HTML of an email, which is anybody's: no script, no form, no link out of the frame, and nothing loaded from
 * other machines (a picture there would tell that the email was opened). It has an address of its own, as a frame
 * with `srcdoc` would fall under the policy of the page around it, which forbids the styles an email needs.
 */
export const emailPolicy = [
  'sandbox',
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data: http://127.0.0.1:* http://localhost:*',
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
].join('; ');

const back = html`<p class="back"><a href="/">← Sandbox inbox</a></p>`;

/** One message with everything known about it. */
export function messagePage(message: Message): string {
  const { type, subject, to } = message;
  const title = type === 'sms' ? `Text message to ${to}` : subject?.trim() || '(no subject)';
  const header = html`${back}<h1>${title}</h1>`;
  return page(
    `${title} – Sandbox inbox`,
    null,
    header,
    html`${facts(message)}${receiptTable(message)}${content(message)}`,
  );
}

export function notFoundPage(): string {
  const main = html`<p>There is no such message, or it has made room for newer ones.</p>`;
  return page('Not found – Sandbox inbox', null, html`${back}<h1>Not found</h1>`, main);
}

function facts({ id, reference, to, from, replyTo, headers, receivedAt, answer }: Message): Html {
  const heard = {
    answered: 'taken, with an answer',
    unanswered: 'taken, but never answered',
    reset: 'taken, but the connection was broken',
  };
  const rows: [string, Html | string][] = [
    ['To', to],
    ['From', from],
    ...(replyTo === null ? [] : [['Reply to', replyTo] as [string, string]]),
    ['Received', moment(receivedAt)],
    ['Outcome', heard[answer]],
    ['Reference', html`<code>${reference}</code>`],
    ['Message id', html`<code>${id}</code>`],
    ...Object.entries(headers).map(([name, value]): [string, Html] => [name, html`<code>${value}</code>`]),
  ];
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function content({ id, type, text, html: mail }: Message): Html {
  if (type === 'sms') return html`<h2>Text</h2><pre class="sms">${text}</pre>`;
  return html`<h2>Email</h2>
${mail === null ? null : html`<iframe class="mail" sandbox="" src="/messages/${id}/html" title="The email as HTML"></iframe>`}
<h2>Plain text</h2><pre>${text}</pre>`;
}

function receiptTable({ receipts }: Message): Html {
  if (receipts.length === 0) return html`<h2>Receipts</h2><p>None yet.</p>`;
  const rows = receipts.map(
    (receipt) =>
      html`<tr><td>${receipt.status}<br><span class="quiet">${receipt.detail}</span></td><td>${stateOf(receipt)}</td></tr>`,
  );
  return html`<h2>Receipts</h2><table><thead><tr><th scope="col">Says</th><th scope="col">Posted</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function stateOf({ state, attempts, answer }: Receipt): string {
  const tries = `${attempts} ${attempts === 1 ? 'try' : 'tries'}`;
  if (state === 'dropped') return 'withheld, as the behaviour says';
  if (state === 'waiting') return attempts === 0 ? 'waiting' : `waiting to be tried again after ${tries}`;
  const heard = answer === null ? 'no answer' : `answer ${answer}`;
  return state === 'sent' ? `taken (${heard}, ${tries})` : `not taken (${heard}, ${tries})`;
}
