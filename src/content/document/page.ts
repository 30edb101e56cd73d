import { createHash } from 'node:crypto';
import { Html, html } from '../../ground/html.ts';
import { typeName } from './file-type.ts';
import { sizeText } from './size.ts';
import { style } from './style.ts';

/** Nothing but our own style sheet and a form to ourselves; no script at all. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export type DownloadView = Readonly<{
  serviceName: string;
  contactLink: string | null;
  contentType: string;
  size: number;
  expiresAt: Date;
  /** null: not to be shown before the address is confirmed, since a name can tell as much as the file. */
  filename: string | null;
  /** Where the file itself is, relative to the page. */
  downloadUrl: string;
  /** The address that was entered, and why it does not do. */
  error: Readonly<{ entered: string; text: string }> | null;
}>;

/** What whoever follows the link sees first: the way to the file, or the question for the address. */
export function downloadPage(view: DownloadView): string {
  const { serviceName, filename, error } = view;
  const heading = filename === null ? 'Confirm your email address' : 'You have a file to download';
  const main = html`${error === null ? null : summary(error.text)}
<h1>${heading}</h1>
<p>${serviceName} sent you a file.${filename === null ? ' To open it, enter the email address that the message was sent to.' : null}</p>
${filename === null ? form(error) : html`<p><a class="button" href="${view.downloadUrl}">Download file</a></p>`}
${facts(view)}
${contact(view)}`;
  return page(`${error === null ? '' : 'Error: '}${heading} – ${serviceName}`, serviceName, main);
}

function summary(text: string): Html {
  return html`<div class="summary" role="alert" aria-labelledby="problem">
<h2 id="problem">There is a problem</h2>
<p><a href="#email_address">${text}</a></p>
</div>`;
}

function form(error: DownloadView['error']): Html {
  const state =
    error === null ? null : html` value="${error.entered}" aria-invalid="true" aria-describedby="error"`;
  return html`<form method="post" novalidate>
<label for="email_address">Email address</label>
${error === null ? null : html`<p class="error" id="error">${error.text}</p>`}
<input id="email_address" name="email_address" type="email" autocomplete="email" spellcheck="false" required${state}>
<button>Download file</button>
</form>`;
}

const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'Europe/London' });

function facts({ filename, contentType, size, expiresAt }: DownloadView): Html {
  const name = filename === null ? null : html`<div><dt>Name</dt><dd dir="auto">${filename}</dd></div>`;
  // It expires as its last day ends.
  const lastDay = new Date(expiresAt.getTime() - 1);
  return html`<h2>About the file</h2>
<dl>
${name}
<div><dt>Type</dt><dd>${typeName(contentType)}</dd></div>
<div><dt>Size</dt><dd>${sizeText(size)}</dd></div>
<div><dt>Available until</dt><dd>${date.format(lastDay)}</dd></div>
</dl>`;
}

/** Only what is plainly a web or email address becomes a link. */
function contact({ serviceName, contactLink }: DownloadView): Html | null {
  if (contactLink === null) return null;
  const url = /^https?:\/\/\S+$/i.test(contactLink)
    ? contactLink
    : /^[^\s:/?#@]+@[^\s:/?#@]+$/.test(contactLink)
      ? `mailto:${contactLink}`
      : null;
  const way = url === null ? html`<span>${contactLink}</span>` : html`<a href="${url}">${contactLink}</a>`;
  return html`<p class="contact">If you did not expect this file, or cannot open it, contact ${serviceName}: ${way}</p>`;
}

/** The same for a link that was never made, one that is not whole, and a file that has expired. */
export function gonePage(): string {
  return page(
    'This file is not available',
    null,
    html`<h1>This file is not available</h1>
<p>The time in which it could be downloaded may have ended, or the link may not be complete.</p>
<p>If you copied the link, check that you copied all of it. Otherwise ask whoever sent you the file to send it again.</p>`,
  );
}

/** Too many wrong addresses; `seconds` until there are tries again. */
export function lockedPage(serviceName: string, seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  return page(
    `Too many wrong email addresses – ${serviceName}`,
    serviceName,
    html`<h1>Too many wrong email addresses</h1>
<p>To keep the file safe, it cannot be opened for now.</p>
<p>Try again in ${minutes === 1 ? '1 minute' : `${minutes} minutes`}. The link stays the same.</p>`,
  );
}

/** The database cannot be reached. */
export function unavailablePage(): string {
  return page(
    'Sorry, there is a problem',
    null,
    html`<h1>Sorry, there is a problem</h1>
<p>The file cannot be reached at the moment. Try again in a few minutes.</p>`,
  );
}

function page(title: string, serviceName: string | null, main: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
${serviceName === null ? null : html`<header><p>${serviceName}</p></header>`}
<main>${main}</main>
</body>
</html>
`.text;
}
