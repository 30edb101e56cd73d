import { badRequest, type Problem } from '../../ground/problem.ts';
import { type Branding, emailPage } from './email-page.ts';
import { mostComposedBytes, tooLargeComposed } from './markdown/composed.ts';
import { renderHtml } from './markdown/html.ts';
import { type Node, parseMarkdown } from './markdown/parse.ts';
import { renderPlainText, renderPreheader } from './markdown/plain-text.ts';
import type { Personalisation } from './personalisation.ts';
import {
  filledLength,
  modes,
  type ParsedText,
  parseText,
  placeholdersOf,
  substitute,
} from './placeholder.ts';
import { decodeReferences, escapeHtml } from './text/escape.ts';
import { breakGovUk, stripUnsupported, typeset } from './text/typography.ts';
import { collapseSpaces, normaliseWhiteSpace, trim, trimStart } from './text/whitespace.ts';

/** Maximum size of an email's content, in UTF-8 bytes (spec 02, section 5.5). */
export const maxEmailBytes = 2_000_000;
const maxPreheaderCharacters = 256;

/** One version of an email template, parsed. Keep it with the version. */
export type CompiledEmail = {
  readonly subject: ParsedText;
  readonly content: ParsedText;
  /** Names in the order of spec 02, section 1.3. */
  readonly placeholders: readonly string[];
};

/** `unsubscribeLink` is the URL of the link at the end of the body, if it has one (spec 02, section 5.2). */
export type BodyOptions = { readonly unsubscribeLink?: string | null };

/** Parses an email template, in time linear in its length. Do it once per version. */
export function compileEmail(subject: string, content: string): CompiledEmail {
  const texts = { subject: parseText(subject), content: parseText(content) };
  return { ...texts, placeholders: placeholdersOf(texts.subject, texts.content) };
}

/** The subject as sent and as the API shows it, on one line (spec 02, section 5.1). */
export function emailSubject(template: CompiledEmail, values: Personalisation): string {
  return normaliseWhiteSpace(typeset(substitute(template.subject, values, modes.emailSubject)));
}

/** The subject as HTML, for the title of the page (spec 02, section 5.1). */
export function emailTitle(template: CompiledEmail, values: Personalisation): string {
  return normaliseWhiteSpace(typeset(substitute(template.subject, values, modes.emailTitle)));
}

/** The API's `body`: placeholders filled in, trimmed, Markdown as typed (spec 02, section 5.4). */
export function emailBody(template: CompiledEmail, values: Personalisation): string {
  return trim(substitute(template.content, values, modes.emailBody));
}

/** An email as the API shows it. */
export type ShownEmail = { readonly subject: string; readonly body: string };

export function showEmail(template: CompiledEmail, values: Personalisation): ShownEmail {
  return { subject: emailSubject(template, values), body: emailBody(template, values) };
}

/**
 * An email of fewer UTF-16 units cannot grow beyond `mostComposedBytes`: no Markdown gives more than 250 bytes for each.
 */
export const leastComposed = mostComposedBytes / 250;

/** `bytes`: of the body, in UTF-8. If they are too many, there is no subject and no body. */
export type DraftEmail = ShownEmail & { readonly bytes: number };

/**
 * The same for an email that is to be sent. One that could be larger than providers take when it is formatted is
 * formatted to find out. Throws a Problem if it is; a body that is too long as it stands is the caller's to refuse
 * (`emailTooLong`).
 */
export function draftEmail(template: CompiledEmail, values: Personalisation): DraftEmail {
  const body = emailBody(template, values);
  const bytes = Buffer.byteLength(body, 'utf8');
  if (bytes > maxEmailBytes) return { subject: '', body: '', bytes };
  const subject = emailSubject(template, values);
  if (subject.length + body.length > leastComposed) renderEmail(template, values);
  return { subject, body, bytes };
}

/**
 * The draft of an email whose values alone are too long, which takes milliseconds; null for any other.
 */
export function farTooLong(template: CompiledEmail, values: Personalisation): DraftEmail | null {
  if (filledLength(template.content, values) <= maxEmailBytes) return null;
  const bytes = Buffer.byteLength(emailBody(template, values), 'utf8');
  return bytes > maxEmailBytes ? { subject: '', body: '', bytes } : null;
}

/** 400 for a body of so many bytes (spec 01, section 3.6). */
export function emailTooLong(bytes: number): Problem {
  return badRequest(
    `Your message is too long. Emails cannot be longer than ${maxEmailBytes} bytes. Your message is ${bytes} bytes.`,
  );
}

/** An email as the pages show it while its template is being written; `bytes`: of the text, in UTF-8. */
export type EditedEmail = Readonly<{ subject: string; text: string; html: string; bytes: number }>;

/**
 * The subject and the text (the API's `body`) with placeholders that have no value as typed, and the body as HTML
 * without the page around it. Throws a Problem if it could not be sent.
 */
export function editEmail(template: CompiledEmail, values: Personalisation): EditedEmail {
  const { bytes } = draftEmail(template, values);
  if (bytes > maxEmailBytes) throw emailTooLong(bytes);
  const subject = substitute(template.subject, values, { ...modes.emailSubject, field: 'plain' });
  const text = trim(substitute(template.content, values, { ...modes.emailBody, field: 'plain' }));
  return {
    ...{ subject: normaliseWhiteSpace(typeset(subject)), text, html: emailHtmlBody(template, values) },
    bytes: Buffer.byteLength(text, 'utf8'),
  };
}

/** Whether the message must be refused as empty: content of white space alone does not count (spec 02, section 5.5). */
export function isEmptyEmail(template: CompiledEmail, values: Personalisation): boolean {
  return mayBeEmpty(template.content) && emailBody(template, values) === '';
}

export type EmailMeasure = {
  /** Code points of the API's `body`. */
  readonly characters: number;
  /** Its UTF-8 bytes. */
  readonly bytes: number;
  readonly tooLong: boolean;
  /** The message must be refused as empty. Content of white space alone does not count as empty. */
  readonly empty: boolean;
};

/** Counts and limits of the filled-in content, without the unsubscribe link (spec 02, section 5.5). */
export function measureEmail(template: CompiledEmail, values: Personalisation): EmailMeasure {
  const body = emailBody(template, values);
  const bytes = Buffer.byteLength(body, 'utf8');
  return {
    characters: codePoints(body),
    bytes,
    tooLong: bytes > maxEmailBytes,
    empty: mayBeEmpty(template.content) && body === '',
  };
}

/** Whether filling in a content can make the message count as empty (spec 02, section 5.5). */
export function mayBeEmpty({ content }: ParsedText): boolean {
  return content === '' || (content.startsWith('((') && content.endsWith('))'));
}

/** The plain-text body as sent, with a newline at its end (spec 02, section 5). */
export function emailPlainText(
  template: CompiledEmail,
  values: Personalisation,
  { unsubscribeLink }: BodyOptions = {},
): string {
  const markdown = prepare(substitute(template.content, values, modes.emailPlain), unsubscribeLink);
  // Setting quotes and dashes would damage URLs (spec 02, section 12.2), so a mark replaces each: a noncharacter,
  // which no text may hold, between two letters, because to the typography rules a URL starts and ends in letters.
  const urls: string[] = [];
  const nodes = parseMarkdown(markdown.replaceAll('\ufdd0', ''));
  const text = renderPlainText(nodes, (url) => {
    urls.push(decodeReferences(url));
    return 'w\ufdd0w';
  });
  const decoded = decodeReferences(typeset(text, { keepLines: true }));
  let next = 0;
  const complete = urls.length > 0 ? decoded.replace(/w\ufdd0w/g, () => urls[next++]!) : decoded;
  return `${trimStart(complete)}\n`;
}

/** The HTML body without the page around it, as the API's template preview shows it (spec 02, section 5). */
export function emailHtmlBody(
  template: CompiledEmail,
  values: Personalisation,
  { unsubscribeLink }: BodyOptions = {},
): string {
  return htmlOf(htmlNodes(template, values, unsubscribeLink));
}

/** The content as it is shown in HTML. */
function htmlNodes(
  template: CompiledEmail,
  values: Personalisation,
  unsubscribeLink: string | null | undefined,
): readonly Node[] {
  const link = unsubscribeLink && escapeHtml(unsubscribeLink);
  return parseMarkdown(prepare(substitute(template.content, values, modes.emailHtml), link));
}

const htmlOf = (nodes: readonly Node[]) => typeset(renderHtml(nodes));

/**
 * The text that inboxes show beside the subject, as HTML: at most 256 code points, without the unsubscribe link (spec
 * 02, section 5.3). A tag or reference cut in half at the end is dropped.
 */
export function emailPreheader(template: CompiledEmail, values: Personalisation): string {
  return preheaderOf(htmlNodes(template, values, null));
}

function preheaderOf(nodes: readonly Node[]): string {
  const line = trim(collapseSpaces(typeset(renderPreheader(nodes))));
  const cut = firstCodePoints(line, maxPreheaderCharacters);
  return trim(cut.length < line.length ? cut.replace(/(?:<[^<>]*|&[^\s;&<>]*)$/, '') : cut);
}

export type RenderedEmail = { readonly subject: string; readonly text: string; readonly html: string };

export type EmailOptions = BodyOptions & { readonly branding?: Branding | null };

/**
 * What a provider is given: the subject, the plain-text body, and the HTML page with branding (spec 02, section 7).
 * Throws a Problem if it is larger than providers take.
 */
export function renderEmail(
  template: CompiledEmail,
  values: Personalisation,
  options: EmailOptions = {},
): RenderedEmail {
  const { unsubscribeLink } = options;
  // The body first: it is what grows.
  const nodes = htmlNodes(template, values, unsubscribeLink);
  const body = htmlOf(nodes);
  const email = {
    subject: emailSubject(template, values),
    text: emailPlainText(template, values, options),
    html: emailPage({
      title: emailTitle(template, values),
      preheader: preheaderOf(unsubscribeLink ? htmlNodes(template, values, null) : nodes),
      body,
      branding: options.branding ?? null,
    }),
  };
  // A unit of UTF-16 takes three bytes at most; counting them takes as long as a part of the rendering.
  for (const part of [email.html, email.text])
    if (3 * part.length > mostComposedBytes && Buffer.byteLength(part, 'utf8') > mostComposedBytes)
      throw tooLargeComposed();
  return email;
}

/** Steps 1, 3 and 4 of both pipelines (spec 02, section 5). */
function prepare(content: string, unsubscribeLink: string | null | undefined): string {
  const block = unsubscribeLink ? `\n\n---\n\n[Unsubscribe from these emails](${unsubscribeLink})` : '';
  return stripUnsupported(breakGovUk(content + block));
}

function codePoints(text: string): number {
  let count = text.length;
  for (let index = 1; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    const before = text.charCodeAt(index - 1);
    if (unit >= 0xdc00 && unit <= 0xdfff && before >= 0xd800 && before <= 0xdbff) count -= 1;
  }
  return count;
}

function firstCodePoints(text: string, count: number): string {
  let end = 0;
  for (let taken = 0; taken < count && end < text.length; taken += 1) {
    end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}
