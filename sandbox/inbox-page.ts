import { type Html, html } from '../src/ground/html.ts';
import type { Inbox } from './inbox.ts';
import type { Message, MessageType } from './message.ts';
import { moment, page, receiptMark } from './page.ts';

/** What the reader asked for, and the figures above the list. */
type View = {
  q: string;
  type: MessageType | null;
  before: string | null;
  refresh: number | null;
  received: number;
  receipts: { sent: number; failed: number; pending: number };
};

const perPage = 50;

/** The inbox for people: newest first. */
export function inboxPage(inbox: Inbox, view: View): string {
  const { q, type, before, refresh } = view;
  const search = { q, ...(type && { type }), ...(before && { before }), limit: perPage + 1 };
  const found = inbox.list(search);
  const shown = found.slice(0, perPage);
  const header = html`<h1><a href="/">Sandbox inbox</a></h1><p>Messages end here and reach nobody.</p>`;
  const main = html`${searchForm(view)}
${
  shown.length === 0
    ? nothing(view)
    : html`${bar(inbox, view)}
<ol class="list">${shown.map(entry)}</ol>`
}
${found.length > perPage ? html`<a class="more" href="${address(view, { before: shown.at(-1)!.id })}">Older messages</a>` : null}
<footer class="quiet"><a href="/messages">Messages as JSON</a> · <a href="/counts">Counts</a> · <a href="/behaviour">Behaviour</a></footer>`;
  return page(q === '' ? 'Sandbox inbox' : `${q} – Sandbox inbox`, refresh, header, main);
}

function searchForm({ q, type, refresh }: View): Html {
  const option = (value: string, label: string) =>
    value === (type ?? '')
      ? html`<option value="${value}" selected>${label}</option>`
      : html`<option value="${value}">${label}</option>`;
  return html`<form action="/" method="get" role="search">
<div class="field search"><label for="q">Recipient, sender, subject, text or reference</label>
<input id="q" name="q" type="search" value="${q}" maxlength="200" autocomplete="off"></div>
<div class="field"><label for="type">Type</label>
<select id="type" name="type">${option('', 'All')}${option('sms', 'Text messages')}${option('email', 'Emails')}</select></div>
${refresh === null ? null : html`<input type="hidden" name="refresh" value="${refresh}">`}
<button>Search</button>
</form>`;
}

function bar(inbox: Inbox, view: View): Html {
  const { received, receipts, refresh } = view;
  const figure = (value: number) => value.toLocaleString('en-GB');
  const failed = receipts.failed === 0 ? null : html`, ${figure(receipts.failed)} not taken`;
  return html`<div class="bar"><p class="quiet">${figure(received)} received, ${figure(inbox.size)} kept · receipts: ${figure(receipts.sent)} sent, ${figure(receipts.pending)} waiting${failed}</p>
<p>${
    refresh === null
      ? html`<a href="${address(view, { refresh: 5 })}">Refresh every 5 seconds</a>`
      : html`<a href="${address(view, { refresh: null })}">Stop refreshing</a>`
  }</p></div>`;
}

function entry(message: Message): Html {
  const { id, type, to, from, subject, text, reference, receivedAt } = message;
  const title = (subject ?? text).trim().slice(0, 300);
  return html`<li>
<p class="to">${to}</p>
<p class="title"><a href="/messages/${id}">${title === '' ? '(empty)' : title}</a></p>
<p class="tags"><span class="tag">${type === 'sms' ? 'SMS' : 'Email'}</span>${answerMark(message)}${receiptMark(message)}</p>
<p class="facts">${moment(receivedAt)} <span>from ${from}</span> <span>reference ${reference}</span></p>
</li>`;
}

/** Only what is out of the ordinary needs a mark. */
function answerMark({ answer }: Message): Html | null {
  if (answer === 'answered') return null;
  return html`<span class="tag open">${answer === 'reset' ? 'connection broken' : 'not answered'}</span>`;
}

function nothing(view: View): Html {
  const { q, type, before } = view;
  if (q !== '' || type !== null || before !== null)
    return html`<div class="empty"><p>No message matches.</p><p><a href="/">Show all messages</a></p></div>`;
  const refresh = html`<a href="${address(view, { refresh: 5 })}">look again every 5 seconds</a>`;
  return html`<div class="empty"><p>No message has come in yet.</p>
<p class="quiet">Send one through the API; it appears here when you load this page again, or let the page ${view.refresh === null ? refresh : 'look again by itself'}.</p></div>`;
}

/** The address of this view, with something changed. */
function address({ q, type, refresh }: View, change: { before?: string; refresh?: number | null }): string {
  const next = { q, type: type ?? '', refresh, ...change };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(next)) {
    if (value !== '' && value !== null && value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? '/' : `/?${query}`;
}
