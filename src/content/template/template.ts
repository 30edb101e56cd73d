import type { NotificationType } from '../../database/tables.ts';
import { parseLossless } from '../../ground/json.ts';
import {
  type CompiledEmail,
  compileEmail,
  draftEmail,
  type EmailOptions,
  editEmail,
  emailHtmlBody,
  emailTooLong,
  farTooLong,
  leastComposed,
  maxEmailBytes,
  renderEmail,
  showEmail,
} from './email.ts';
import { type Given, type Personalisation, personalisationOf } from './personalisation.ts';
import { filledLength, type ParsedText, valueLength } from './placeholder.ts';
import { sanitisePersonalisation } from './sanitise.ts';
import { type CompiledSms, charactersOver, compileSms, editSms, renderSms } from './sms.ts';

/** The subject and content of one template version, parsed. */
export type Content =
  | Readonly<{ type: 'sms'; sms: CompiledSms }>
  | Readonly<{ type: 'email'; email: CompiledEmail }>;

/** Parses a subject and content, in time linear in their length. Do it once per version. */
export function compileContent(type: NotificationType, subject: string | null, content: string): Content {
  return type === 'sms'
    ? { type, sms: compileSms(content) }
    : { type, email: compileEmail(subject ?? '', content) };
}

/** Names as the template spells them, an email's subject first (spec 02, section 1.3). */
export function placeholdersIn(content: Content): readonly string[] {
  return content.type === 'sms' ? content.sms.placeholders : content.email.placeholders;
}

/** One version of a template, parsed. Never changes. */
export type TemplateVersion = Readonly<{
  templateId: string;
  version: number;
  name: string;
  /** Its messages overtake others of their type. */
  priority: boolean;
  /** Its emails end with a link to unsubscribe (spec 02, section 5.2). */
  hasUnsubscribeLink: boolean;
  content: Content;
}>;

/** A template and its current version. */
export type Template = Readonly<{
  id: string;
  serviceId: string;
  type: NotificationType;
  archived: boolean;
  hidden: boolean;
  current: TemplateVersion;
}>;

/** What is made of a content and values. Each is a pure function that can run in another thread. */
export const renderings = {
  /** A text message; with the name of the service as its prefix, as it is sent. */
  sms: ({ sms }: SmsContent, values: Personalisation, prefix: string | null) =>
    renderSms(sms, values, prefix),
  /** An email to accept. */
  draft: ({ email }: EmailContent, values: Personalisation, _options: null) => draftEmail(email, values),
  /** An email to send. */
  email: ({ email }: EmailContent, values: Personalisation, options: EmailOptions) =>
    renderEmail(email, values, options),
  /** The values of an email with those of `keys` sanitised, as JSON text. */
  sanitise(_content: EmailContent, { source }: Given, keys: readonly string[]) {
    const { personalisation, ...others } = sanitisePersonalisation(source, keys);
    return { json: JSON.stringify(personalisation), ...others };
  },
  /** An email to show. */
  show: ({ email }: EmailContent, values: Personalisation, _options: null) => showEmail(email, values),
  /** An email to show before it is sent, with the same limits. */
  preview({ email }: EmailContent, values: Personalisation, _options: null) {
    const { subject, body, bytes } = draftEmail(email, values);
    if (bytes > maxEmailBytes) throw emailTooLong(bytes);
    return { body, html: emailHtmlBody(email, values), subject };
  },
  /** A message to show while its template is being written; of a text, `prefix` as for `sms`. */
  editSms: ({ sms }: SmsContent, values: Personalisation, prefix: string | null) =>
    editSms(sms, values, prefix),
  editEmail: ({ email }: EmailContent, values: Personalisation, _options: null) => editEmail(email, values),
  /** How much longer a text is than texts may be. */
  charactersOver: ({ sms }: SmsContent, values: Personalisation, _options: null) =>
    charactersOver(sms, values),
} as const;

type Renderings = typeof renderings;
export type Rendering = keyof Renderings;
type SmsContent = Extract<Content, { type: 'sms' }>;
type EmailContent = Extract<Content, { type: 'email' }>;

/** A rendering for another thread: everything in it can be copied. */
export type RenderTask = Readonly<{
  rendering: Rendering;
  type: NotificationType;
  subject: string | null;
  content: string;
  /** The values as JSON text. */
  values: string;
  options: unknown;
}>;

/** Where large messages are rendered. */
export type RenderThreads = Readonly<{ render(task: RenderTask): Promise<unknown> }>;

/**
 * Renders a message: a small one at once, a large one in another thread, so that nobody else waits for it. `values`:
 * made by `personalisationOf`, or as JSON text. Throws a Problem for what is too long to send, or rejects with it.
 */
export type Render = <Name extends Rendering>(
  rendering: Name,
  content: Parameters<Renderings[Name]>[0],
  values: Given | string,
  options: Parameters<Renderings[Name]>[2],
) => ReturnType<Renderings[Name]> | Promise<ReturnType<Renderings[Name]>>;

/** UTF-16 units of a message that is large: it is kept apart from others, and few are under way at a time. */
export const largeLength = 50_000;

/** The same of one that is rendered at once. Formatting it takes some milliseconds, and 100 at worst. */
const mostAtOnce: Readonly<Record<Rendering, number>> = {
  sms: 10_000,
  draft: leastComposed,
  sanitise: 10_000,
  email: 10_000,
  show: largeLength,
  preview: 10_000,
  editSms: 10_000,
  editEmail: 10_000,
  charactersOver: 10_000,
};

export function createRender(threads: RenderThreads): Render {
  return (rendering, content, values, options) => {
    if (typeof values !== 'string' || values.length <= largeLength) {
      const given = typeof values === 'string' ? openValues(values) : values;
      // Any value can be sanitised, whether or not the template has a place for it.
      const length = rendering === 'sanitise' ? valueLength(given.source) : lengthOf(content, given);
      if (length <= mostAtOnce[rendering])
        return (renderings[rendering] as (...args: unknown[]) => never)(content, given, options);
      // What is far too long is sooner found out than copied to a thread.
      const draft = content.type === 'email' ? farTooLong(content.email, given) : null;
      if (draft && rendering === 'draft') return draft as never;
      if (draft && rendering === 'preview') throw emailTooLong(draft.bytes);
    }
    const [subject, text] = textsOf(content);
    return threads.render({
      ...{ rendering, type: content.type, subject: subject?.content ?? null, content: text.content, options },
      values: typeof values === 'string' ? values : JSON.stringify(values.source),
    }) as never;
  };
}

/** Values from their JSON text. */
export function openValues(json: string): Given {
  return personalisationOf(parseLossless(json) as Record<string, unknown>);
}

/** About how many UTF-16 units the message will have. */
export function lengthOf(content: Content, values: Personalisation): number {
  const [subject, text] = textsOf(content);
  return (subject ? filledLength(subject, values) : 0) + filledLength(text, values);
}

function textsOf(content: Content): readonly [ParsedText | null, ParsedText] {
  return content.type === 'sms' ? [null, content.sms.text] : [content.email.subject, content.email.content];
}
