import { createHash } from 'node:crypto';
import { Html, html } from '../src/ground/html.ts';
import type { Message } from './message.ts';
import type { Receipt } from './receipt.ts';
import { style } from './style.ts';

/** Nothing but our own style sheet, forms to ourselves, and the frame that shows an email; no script at all. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A whole page. `refresh`: seconds until the browser loads it again, null for never. */
export function page(title: string, refresh: number | null, header: Html, main: Html): string {
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

/** The time in UTC, to the second. */
export function moment(time: number): Html {
  const iso = new Date(time).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

/** How the message stands, as one mark: the last of its receipts that says something. */
export function receiptMark({ receipts }: Message): Html {
  const last = receipts.findLast(({ state }) => state === 'sent') ?? receipts.at(-1);
  return last === undefined ? html`<span class="tag open">no receipt yet</span>` : mark(last);
}

function mark({ status, state }: Receipt): Html {
  if (state === 'waiting') return html`<span class="tag open">receipt waiting</span>`;
  if (state === 'dropped') return html`<span class="tag open">receipt withheld</span>`;
  if (state === 'failed') return html`<span class="tag bad">receipt not taken</span>`;
  const tone = status === 'delivered' ? 'good' : status === 'pending' ? 'open' : 'bad';
  return html`<span class="tag ${tone}">${status}</span>`;
}
