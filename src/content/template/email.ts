import { type Branding, emailPage } from './email-page.ts';
import { decodeReferences, escapeHtml } from './escape.ts';
import { parseMarkdown } from './markdown/document.ts';
import { renderHtml } from './markdown/html.ts';
import { renderPlainText, renderPreview } from './markdown/plain-text.ts';
import type { Personalisation } from './personalisation.ts';
import { modes, type ParsedText, parseText, placeholdersOf, substitute } from './placeholder.ts';
import { breakGovUk, stripUnsupported, typeset } from './typography.ts';
import { normaliseWhiteSpace, trim, WHITE_SPACE } from './whitespace.ts';

/** UTF-8 bytes of content; more is too long (spec 02 section 5.5). */
export const EMAIL_SIZE_LIMIT = 2_000_000;
const PREHEADER_LENGTH = 256;

/** A version of an email template, parsed once; keep it with the version. */
export type EmailTemplate = {
  readonly subject: ParsedText;
  readonly content: ParsedText;
  /** Names in the order of spec 02 section 1.3, for the check of missing personalisation. */
  readonly placeholders: readonly string[];
};

/** What is left out is not there; `unsubscribeLink` is the link that the body ends in (spec 02 section 5.2). */
export type BodyOptions = { readonly unsubscribeLink?: string | null };

export function compileEmail(subject: string, content: string): EmailTemplate {
  const texts = { subject: parseText(subject), content: parseText(content) };
  return { ...texts, placeholders: placeholdersOf(texts.subject, texts.content) };
}

/** The subject as sent and as the API shows it: one line (spec 02 section 5.1). */
export function emailSubject(template: EmailTemplate, values: Personalisation): string {
  return oneLine(substitute(template.subject, values, modes.emailSubject));
}

/** The subject as HTML, for the title of the page. */
export function emailTitle(template: EmailTemplate, values: Personalisation): string {
  return oneLine(substitute(template.subject, values, modes.emailTitle));
}

/** The `body` of the API: placeholders filled, trimmed, Markdown untouched (spec 02 section 5.4). */
export function emailBody(template: EmailTemplate, values: Personalisation): string {
  return trim(substitute(template.content, values, modes.emailBody));
}

export type EmailMeasure = {
  /** Code points of the API's body. */
  readonly characters: number;
  /** UTF-8 bytes of it. */
  readonly bytes: number;
  readonly tooLong: boolean;
  /** The message is empty and has to be refused; content of blanks alone is not. */
  readonly empty: boolean;
};

/** Counts and limits of the filled-in content (spec 02 section 5.5). Does not include the unsubscribe link. */
export function measureEmail(template: EmailTemplate, values: Personalisation): EmailMeasure {
  const { content } = template.content;
  const body = emailBody(template, values);
  const bytes = Buffer.byteLength(body, 'utf8');
  const onlyPlaceholders = content.startsWith('((') && content.endsWith('))');
  return {
    characters: codePoints(body),
    bytes,
    tooLong: bytes > EMAIL_SIZE_LIMIT,
    empty: content === '' || (onlyPlaceholders && body === ''),
  };
}

const MARK = /w\ufdd0w/g;
const LEADING_SPACE = new RegExp(`^[${WHITE_SPACE}]+`);

/** The plain-text body as sent, with a newline at its end (spec 02 section 5). */
export function emailPlainText(
  template: EmailTemplate,
  values: Personalisation,
  { unsubscribeLink }: BodyOptions = {},
): string {
  const markdown = prepared(substitute(template.content, values, modes.emailPlain), unsubscribeLink);
  // Addresses wait outside while quotes and dashes are set, which would damage them (spec 02 section 12.2). What
  // stands for one is a noncharacter, which no text may hold, between two letters, which is how an address reads.
  const addresses: string[] = [];
  const source = markdown.replaceAll('\ufdd0', '');
  const text = renderPlainText(parseMarkdown(source), (address) => {
    addresses.push(decodeReferences(address));
    return 'w\ufdd0w';
  });
  let next = 0;
  const decoded = decodeReferences(typeset(text, { keepLines: true }));
  const complete = addresses.length > 0 ? decoded.replace(MARK, () => addresses[next++]!) : decoded;
  return `${complete.replace(LEADING_SPACE, '')}\n`;
}

/** The HTML body without the page around it, as the template preview of the API shows it (spec 02 section 5). */
export function emailHtmlBody(
  template: EmailTemplate,
  values: Personalisation,
  { unsubscribeLink }: BodyOptions = {},
): string {
  const link = unsubscribeLink && escapeHtml(unsubscribeLink);
  const markdown = prepared(substitute(template.content, values, modes.emailHtml), link);
  return typeset(renderHtml(parseMarkdown(markdown)));
}

/**
 * What an inbox shows beside the subject, as HTML: at most 256 characters, nothing of the unsubscribe link (spec 02
 * section 5.3). A tag or reference that the cut went through is left out.
 */
export function emailPreheader(template: EmailTemplate, values: Personalisation): string {
  const markdown = prepared(substitute(template.content, values, modes.emailHtml), null);
  const line = oneLineOf(typeset(renderPreview(parseMarkdown(markdown))));
  const cut = firstCodePoints(line, PREHEADER_LENGTH);
  return trim(cut.length < line.length ? cut.replace(/(?:<[^<>]*|&[^\s;&<>]*)$/, '') : cut);
}

export type EmailOptions = BodyOptions & { readonly branding?: Branding | null };

/**
 * Everything of an email that a provider is handed: the subject, the plain-text body, and the HTML page with the
 * branding around it.
 */
export function renderEmail(
  template: EmailTemplate,
  values: Personalisation,
  options: EmailOptions = {},
): { readonly subject: string; readonly text: string; readonly html: string } {
  return {
    subject: emailSubject(template, values),
    text: emailPlainText(template, values, options),
    html: emailPage({
      title: emailTitle(template, values),
      preheader: emailPreheader(template, values),
      body: emailHtmlBody(template, values, options),
      branding: options.branding ?? null,
    }),
  };
}

/** Steps 1, 3 and 4 of the pipelines of spec 02 section 5. */
function prepared(content: string, unsubscribeLink: string | null | undefined): string {
  const block = unsubscribeLink ? `\n\n---\n\n[Unsubscribe from these emails](${unsubscribeLink})` : '';
  return stripUnsupported(breakGovUk(content + block));
}

function oneLine(text: string): string {
  return normaliseWhiteSpace(typeset(text));
}

const SPACE_RUN = new RegExp(`[${WHITE_SPACE}]+`, 'g');

function oneLineOf(text: string): string {
  return trim(text.replace(SPACE_RUN, ' '));
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
