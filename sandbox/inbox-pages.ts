/** The inbox for people: pages, their style sheet, and the policies that keep a message from acting on them. */
import { createHash } from 'node:crypto';
import { Html, html, palette } from '../src/ground/html.ts';
import type { Inbox } from './inbox.ts';
import type { Message, MessageType, Receipt } from './message.ts';

/** The reader's search, and the counts above the list. */
type View = {
  q: string;
  type: MessageType | null;
  before: string | null;
  refresh: number | null;
  received: number;
  receipts: { sent: number; failed: number; pending: number };
};

const perPage = 50;

/** The list of messages, newest first. */
export function inboxPage(inbox: Inbox, view: View): string {
  const { q, type, before, refresh } = view;
  const search = { q, ...(type && { type }), ...(before && { before }), limit: perPage + 1 };
  const found = inbox.list(search);
  const shown = found.slice(0, perPage);
  const header = html`<h1><a href="/">Sandbox inbox</a></h1><p>Messages stop here; nobody receives them.</p>`;
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
  const failed = receipts.failed === 0 ? null : html`, ${figure(receipts.failed)} failed`;
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

/** An ordinary answer needs no mark. */
function answerMark({ answer }: Message): Html | null {
  if (answer === 'answered') return null;
  return html`<span class="tag open">${answer === 'reset' ? 'connection broken' : 'not answered'}</span>`;
}

function nothing(view: View): Html {
  const { q, type, before } = view;
  if (q !== '' || type !== null || before !== null)
    return html`<div class="empty"><p>No message matches.</p><p><a href="/">Show all messages</a></p></div>`;
  const refresh = html`<a href="${address(view, { refresh: 5 })}">refresh every 5 seconds</a>`;
  return html`<div class="empty"><p>No messages yet.</p>
<p class="quiet">Send one through the API; it appears here when you reload this page, or let the page ${view.refresh === null ? refresh : 'refresh by itself'}.</p></div>`;
}

/** The address of this view with some of it changed. */
function address({ q, type, refresh }: View, change: { before?: string; refresh?: number | null }): string {
  const next = { q, type: type ?? '', refresh, ...change };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(next)) {
    if (value !== '' && value !== null && value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? '/' : `/?${query}`;
}

/**
 * The policy for the HTML of an email, which is untrusted: no script, no form, no link out of the frame, and nothing
 * loaded from other machines (a remote image would reveal that the email was opened). The HTML has an address of its
 * own because a frame with `srcdoc` inherits the policy of its page, which forbids the styles that an email needs.
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

/** One message with all its details and receipts. */
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
  const main = html`<p>There is no such message, or it was dropped to make room for newer ones.</p>`;
  return page('Not found – Sandbox inbox', null, html`${back}<h1>Not found</h1>`, main);
}

function facts({ id, reference, to, from, replyTo, headers, receivedAt, answer }: Message): Html {
  const outcomes = {
    answered: 'accepted and answered',
    unanswered: 'accepted, but not answered',
    reset: 'accepted, but the connection was broken',
  };
  const rows: [string, Html | string][] = [
    ['To', to],
    ['From', from],
    ...(replyTo === null ? [] : [['Reply to', replyTo] as [string, string]]),
    ['Received', moment(receivedAt)],
    ['Outcome', outcomes[answer]],
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
  return html`<h2>Receipts</h2><table><thead><tr><th scope="col">Status</th><th scope="col">Posted</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function stateOf({ state, attempts, answer }: Receipt): string {
  const tries = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  if (state === 'dropped') return 'withheld, as the behaviour is set';
  if (state === 'waiting') return attempts === 0 ? 'waiting' : `waiting for a retry after ${tries}`;
  const response = answer === null ? 'no answer' : `answer ${answer}`;
  return state === 'sent' ? `accepted (${response}, ${tries})` : `failed (${response}, ${tries})`;
}

/** A whole page. `refresh`: seconds until the browser loads it again, null for never. */
function page(title: string, refresh: number | null, header: Html, main: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh === null ? null : html`<meta http-equiv="refresh" content="${refresh}">`}
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the messages</a>
<header>${header}</header>
<main id="main">${main}</main>
</body>
</html>
`.text;
}

/** A time in UTC, to the second. */
function moment(time: number): Html {
  const iso = new Date(time).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

/** The message's state as one mark: its last receipt that was posted, or else its last receipt. */
function receiptMark({ receipts }: Message): Html {
  const last = receipts.findLast(({ state }) => state === 'sent') ?? receipts.at(-1);
  return last === undefined ? html`<span class="tag open">no receipt yet</span>` : mark(last);
}

function mark({ status, state }: Receipt): Html {
  if (state === 'waiting') return html`<span class="tag open">receipt waiting</span>`;
  if (state === 'dropped') return html`<span class="tag open">receipt withheld</span>`;
  if (state === 'failed') return html`<span class="tag bad">receipt failed</span>`;
  const tone = status === 'delivered' ? 'good' : status === 'pending' ? 'open' : 'bad';
  return html`<span class="tag ${tone}">${status}</span>`;
}

/** One column on a phone; dark if the reader prefers dark. */
const style = `
${palette}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--link); }
a:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible, iframe:focus-visible, pre:focus-visible {
  outline: 3px solid var(--focus); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; }
header, main { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.25rem; display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
header a { color: inherit; text-decoration: none; }
header a:hover { text-decoration: underline; }
header p, .quiet { margin: 0; color: var(--soft); font-size: .875rem; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; margin: 1.25rem 0; }
.field { display: grid; gap: .25rem; }
.search { flex: 1 1 16rem; }
label { font-size: .875rem; font-weight: 600; }
input, select, button { font: inherit; min-height: 2.75rem; padding: .375rem .75rem; border: 1px solid var(--soft);
  border-radius: .375rem; background: var(--card); color: inherit; width: 100%; }
button { width: auto; background: var(--link); border-color: var(--link); color: var(--card); font-weight: 600; cursor: pointer; }
.bar { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1.5rem; margin: 0 0 .5rem; font-size: .875rem; }
.bar p { margin: 0; }
.list { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.list li { position: relative; background: var(--card); padding: .75rem 1rem; display: grid; gap: .25rem 1rem; }
.list li + li { border-top: 1px solid var(--line); }
.list li:hover { background: var(--ground); }
.list p { margin: 0; min-width: 0; }
.to { font-weight: 600; overflow-wrap: anywhere; }
.title { overflow-wrap: anywhere; display: -webkit-box; -webkit-line-clamp: 2;
  -webkit-box-orient: vertical; overflow: hidden; }
.title a::after { content: ""; position: absolute; inset: 0; }
.facts { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.facts > * { display: inline-block; margin-right: 1rem; }
.tags { display: flex; flex-wrap: wrap; gap: .25rem; align-content: start; }
.tag { font-size: .8125rem; line-height: 1.375rem; padding: 0 .5rem; border-radius: .25rem; white-space: nowrap;
  border: 1px solid var(--line); color: var(--soft); }
.good { color: var(--good); background: var(--good-ground); border-color: transparent; }
.bad { color: var(--bad); background: var(--bad-ground); border-color: transparent; }
.open { color: var(--open); background: var(--open-ground); border-color: transparent; }
.empty { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1.5rem 1rem; }
.empty p { margin: 0 0 .5rem; }
pre, .mail { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: 0; width: 100%; }
pre { padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; font: .9375rem/1.5 ui-monospace, monospace; }
.sms { font: inherit; max-width: 36rem; border-radius: 1rem 1rem 1rem .25rem; }
.mail { height: 40rem; background: #fff; resize: vertical; }
dl { margin: 1rem 0 0; }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); }
th, td { text-align: left; padding: .5rem .75rem; border-top: 1px solid var(--line); vertical-align: top; }
th { font-size: .875rem; color: var(--soft); }
.more { display: inline-block; padding: .75rem 0; }
main { padding-bottom: 2rem; }
footer.quiet { margin-top: 2rem; }
.back { flex-basis: 100%; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
@media (min-width: 60rem) {
  .list li { grid-template-columns: 18rem 1fr auto; }
  .title { -webkit-line-clamp: 1; }
  .tags { justify-content: end; }
  .facts { grid-column: 1 / -1; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
  dt { font-size: 1rem; }
  dd { margin: 0; }
}
`;

/**
 * The policy of our own pages: our style sheet, forms to ourselves and the frame that shows an email, but no script.
 */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
