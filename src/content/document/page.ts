import { createHash } from 'node:crypto';
import { Html, html, palette } from '../../ground/html.ts';
import { typeName } from './file-type.ts';

/** The pages that recipients of files see. */

/** One column, large targets. */
const style = `
${palette}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.125rem/1.5 system-ui, sans-serif; }
header, main { max-width: 40rem; margin: 0 auto; padding: 0 1.25rem; }
header p { margin: 1.25rem 0 0; font-weight: 600; color: var(--soft); overflow-wrap: anywhere; }
main { margin-top: 1rem; margin-bottom: 2rem; padding-top: 1.5rem; padding-bottom: 1.5rem; background: var(--card);
  border: 1px solid var(--line); }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, input:focus-visible, button:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
form { margin: 1.5rem 0; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
input, button, .button { font: inherit; min-height: 3rem; padding: .5rem .75rem; border-radius: .375rem; }
input { display: block; width: 100%; background: var(--card); color: inherit; border: 2px solid var(--soft); }
input[aria-invalid] { border-color: var(--bad); }
button, .button { display: inline-block; background: var(--link); color: var(--card); border: 2px solid var(--link);
  font-weight: 600; text-decoration: none; text-align: center; cursor: pointer; }
button { margin-top: 1rem; }
.error { color: var(--bad); font-weight: 600; margin: 0 0 .5rem; }
.summary { border: 3px solid var(--bad); background: var(--bad-ground); padding: .75rem 1rem; margin-bottom: 1.5rem; }
.summary h2 { margin: 0 0 .25rem; }
.summary p { margin: 0; }
.summary a { color: var(--bad); font-weight: 600; }
dl { margin: 0; border-top: 1px solid var(--line); }
dl div { padding: .625rem 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); font-size: 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.contact { margin: 1.5rem 0 0; }
@media (max-width: 41rem) { main { border-width: 1px 0; } button, .button { width: 100%; } }
@media (min-width: 41rem) { dl div { display: grid; grid-template-columns: 10rem 1fr; gap: 1rem; align-items: baseline; } }
`;

/** The Content-Security-Policy of the pages: our own style sheet, a form to ourselves, and no scripts. */
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
  /** null until the email address is confirmed, because a name can reveal as much as the file. */
  filename: string | null;
  /** Where the file is, relative to the page. */
  downloadUrl: string;
  /** The email address that was entered, and what is wrong with it. */
  error: Readonly<{ entered: string; text: string }> | null;
}>;

/** The page that a link opens: a button to download the file, or a form that asks for the email address. */
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

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'Europe/London' });

function facts({ filename, contentType, size, expiresAt }: DownloadView): Html {
  const name = filename === null ? null : html`<div><dt>Name</dt><dd dir="auto">${filename}</dd></div>`;
  // It expires at the end of its last day.
  const lastDay = new Date(expiresAt.getTime() - 1);
  return html`<h2>About the file</h2>
<dl>
${name}
<div><dt>Type</dt><dd>${typeName(contentType)}</dd></div>
<div><dt>Size</dt><dd>${sizeText(size)}</dd></div>
<div><dt>Available until</dt><dd>${dateFormat.format(lastDay)}</dd></div>
</dl>`;
}

/** Only an obvious web or email address becomes a link. */
function contact({ serviceName, contactLink }: DownloadView): Html | null {
  if (contactLink === null) return null;
  const url = /^https?:\/\/\S+$/i.test(contactLink)
    ? contactLink
    : /^[^\s:/?#@]+@[^\s:/?#@]+$/.test(contactLink)
      ? `mailto:${contactLink}`
      : null;
  const linked = url === null ? html`<span>${contactLink}</span>` : html`<a href="${url}">${contactLink}</a>`;
  return html`<p class="contact">If you did not expect this file, or cannot open it, contact ${serviceName}: ${linked}</p>`;
}

/** The same page for a link that never existed, an incomplete link and an expired file. */
export function gonePage(): string {
  return page(
    'This file is not available',
    null,
    html`<h1>This file is not available</h1>
<p>The file may have expired, or the link may be incomplete.</p>
<p>If you copied the link, check that you copied all of it. Otherwise, ask whoever sent you the file to send it again.</p>`,
  );
}

/** The page after too many wrong email addresses; the next guess is allowed in `seconds`. */
export function lockedPage(serviceName: string, seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  return page(
    `Too many wrong email addresses – ${serviceName}`,
    serviceName,
    html`<h1>Too many wrong email addresses</h1>
<p>To keep the file safe, you cannot open it for now.</p>
<p>Try again in ${minutes === 1 ? '1 minute' : `${minutes} minutes`}. The same link will still work.</p>`,
  );
}

/** The page while the database cannot be reached. */
export function unavailablePage(): string {
  return page(
    'Sorry, there is a problem',
    null,
    html`<h1>Sorry, there is a problem</h1>
<p>You cannot open the file at the moment. Try again in a few minutes.</p>`,
  );
}

/** A page in the look of all pages for recipients; send it with `pagePolicy`. */
export function page(title: string, serviceName: string | null, main: Html): string {
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

/** A size in bytes as text: `900 bytes`, `10KB`, `1.5MB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const kilobytes = Math.round(bytes / 1024);
  if (kilobytes < 1024) return `${kilobytes}KB`;
  return `${Number((bytes / 1024 / 1024).toFixed(1))}MB`;
}
