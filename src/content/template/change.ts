import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { maxEmailBytes } from './email.ts';
import { noPersonalisation } from './personalisation.ts';
import { refusePlatformText } from './platform-template.ts';
import { maxSmsCharacters } from './sms.ts';
import {
  changeTemplate,
  findWrittenTemplate,
  redactTemplate,
  type TemplateText,
  type WrittenTemplate,
} from './store.ts';
import { compileContent, type Render } from './template.ts';

export type ChangeDeps = Readonly<{ db: Db; clock: Clock; render: Render }>;

/** What may be asked of a template, in the names of the admin API; what is absent stays as it is. */
export type Asked = Readonly<{
  name?: string;
  subject?: string | null;
  content?: string;
  archived?: boolean;
  process_type?: 'normal' | 'priority';
  has_unsubscribe_link?: boolean | null;
  /** The version that the change was made to. */
  version?: number;
}>;

/** What a new template is laid over. */
export const blank: TemplateText = {
  ...{ name: '', subject: null, content: '', priority: false },
  ...{ hasUnsubscribeLink: false, archived: false },
};

/** What a body asks for, laid over what there is. */
export function textOf(type: 'sms' | 'email', asked: Asked, current: TemplateText): TemplateText {
  const { name, subject, content, archived, process_type: process, has_unsubscribe_link: link } = asked;
  return {
    name: name ?? current.name,
    subject: type === 'sms' ? null : subject === undefined ? current.subject : subject,
    content: content ?? current.content,
    priority: process === undefined ? current.priority : process === 'priority',
    hasUnsubscribeLink: link ?? current.hasUnsubscribeLink,
    archived: archived ?? current.archived,
  };
}

/** Throws a Problem (400) for what could never be sent (spec 04, section 5.1). */
export async function refuseText(
  { render }: ChangeDeps,
  type: 'sms' | 'email',
  text: TemplateText,
): Promise<void> {
  if (type === 'email' && (text.subject ?? '').trim() === '')
    throw invalidFields({ subject: ['Invalid template subject'] });
  if (type === 'sms' && text.hasUnsubscribeLink)
    throw invalidFields({ has_unsubscribe_link: ['Only emails can have an unsubscribe link'] });
  refuseBytes(text);
  const compiled = compileContent(type, text.subject, text.content);
  if (compiled.type === 'sms' && (await render('charactersOver', compiled, noPersonalisation, null)) > 0)
    throw invalidFields({
      content: [`Content has a character count greater than the limit of ${maxSmsCharacters}`],
    });
}

/** Throws a Problem (400) for texts that are too large to be kept. */
export function refuseBytes(text: Pick<TemplateText, 'subject' | 'content'>): void {
  for (const field of ['subject', 'content'] as const)
    if (Buffer.byteLength(text[field] ?? '', 'utf8') > maxEmailBytes)
      throw invalidFields({ [field]: [`Longer than ${maxEmailBytes} bytes`] });
}

/**
 * Changes the latest version. A change that names no version is made to whatever is the latest when it is written, so
 * that of two at once neither is lost; one that names another is stale. Throws a Problem if the result could not be sent.
 */
export async function changeLatest(
  deps: ChangeDeps,
  first: WrittenTemplate,
  body: Asked,
  userId: string | null,
): Promise<Readonly<{ template: WrittenTemplate; isStale: boolean }>> {
  const { db, clock } = deps;
  for (let current = first; ; current = await latest(db, current)) {
    if (body.version !== undefined && body.version !== current.version)
      return { template: current, isStale: true };
    const text = textOf(current.type, body, current);
    const changed = Object.keys(differences(current, text).after);
    if (changed.length === 0) return { template: current, isStale: false };
    refusePlatformText(current.id, text, changed);
    await refuseText(deps, current.type, text);
    const at = new Date(clock.now());
    const template = await db.transaction().execute(async (trx) => {
      if (!(await writeText(trx, current, text, userId, at))) return null;
      // Read before anybody can change it again.
      return await latest(trx, current);
    });
    if (template) return { template, isStale: false };
  }
}

/**
 * Writes a text over the latest version of a template, as the next one, and records it. Without `userId` its author is
 * the one before. Returns false, and changes nothing, if there is another version by now.
 */
export async function writeText(
  trx: Trx,
  current: WrittenTemplate,
  text: TemplateText,
  userId: string | null,
  at: Date,
): Promise<boolean> {
  const { id, serviceId, version } = current;
  const createdBy = userId ?? current.author.id;
  const next = await changeTemplate(trx, { id, version, text, createdBy }, at);
  if (next === null) return false;
  const { before, after } = differences(current, text);
  const data = { before: { ...before, version }, after: { ...after, version: next } };
  const restores = current.archived && !text.archived;
  const kind = text.archived && !current.archived ? 'archive' : restores ? 'restore' : 'update';
  await recordEvent(trx, { type: `${kind}_template`, serviceId, userId, subjectId: id, data }, at);
  return true;
}

/** What differs, as an event shows it. */
function differences(current: TemplateText, next: TemplateText) {
  const differing = (Object.keys(next) as (keyof TemplateText)[]).filter((key) => next[key] !== current[key]);
  const only = (text: TemplateText) =>
    Object.fromEntries(Object.entries(eventData(text)).filter(([key]) => differing.includes(key as never)));
  return { before: only(current), after: only(next) };
}

/** Texts can be megabytes long: an event has their beginning, and the versions have all of it. */
export function eventData({ name, subject, content, priority, hasUnsubscribeLink, archived }: TemplateText) {
  return {
    ...{
      name,
      subject: subject?.slice(0, longestInEvent) ?? null,
      content: content.slice(0, longestInEvent),
    },
    ...{ priority, hasUnsubscribeLink, archived },
  };
}
const longestInEvent = 1000;

/** Throws a Problem if nobody says who does it. */
export async function redact(
  { db, clock }: ChangeDeps,
  { id, serviceId }: WrittenTemplate,
  userId: string | null,
): Promise<void> {
  if (userId === null) throw invalidFields({ created_by: ['Field is required'] });
  const at = new Date(clock.now());
  await db.transaction().execute(async (trx) => {
    if (!(await redactTemplate(trx, id, userId, at))) return;
    const data = { before: { redact_personalisation: false }, after: { redact_personalisation: true } };
    await recordEvent(trx, { type: 'redact_template', serviceId, userId, subjectId: id, data }, at);
  });
}

async function latest(db: DbOrTrx, { serviceId, id }: WrittenTemplate): Promise<WrittenTemplate> {
  const found = await findWrittenTemplate(db, serviceId, id, null, { hidden: true });
  if (!found) throw noResultFound();
  return found;
}
