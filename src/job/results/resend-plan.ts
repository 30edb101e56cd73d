import { setImmediate } from 'node:timers/promises';
import { parseEmailAddress } from '../../content/recipient/email-address.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import { longestPhoneNumber, parsePhoneNumber } from '../../content/recipient/phone-number.ts';
import { type Given, personalisationOf } from '../../content/template/personalisation.ts';
import type { Content, TemplateVersion } from '../../content/template/template.ts';
import type { Db } from '../../database/connection.ts';
import type { Reads } from '../../database/reads.ts';
import type { NotificationType } from '../../database/tables.ts';
import { stopwatch } from '../../ground/clock.ts';
import { parseLossless } from '../../ground/json.ts';
import { badRequest } from '../../ground/problem.ts';
import { type Circumstances, findCircumstances } from '../../message/reading/admin/store.ts';
import { findByIds } from '../../message/reading/store.ts';
import type { ReadingDeps } from '../../message/reading/v2/show.ts';
import type { StoredNotification } from '../../message/status/notification.ts';
import type { Service } from '../../tenant/service/service.ts';
import type { JobRecord } from '../run/job.ts';
import {
  type Layout,
  type LeftOut,
  layOut,
  layoutOf,
  mayArriveTwice,
  type Repeat,
  valuesOf,
  whyLeftOut,
} from './resend.ts';
import { findRows } from './store.ts';
import type { Resent } from './store-resend.ts';

export type PlanDeps = ReadingDeps & Readonly<{ reads: Reads; rates: Rates }>;

/** Which messages are to be sent again. */
export type Selection = Readonly<
  { ids: readonly string[] } | { job: JobRecord; statuses: readonly string[] | null }
>;

/** What sending messages again would do. */
export type Plan = Readonly<{
  /** null: none of the messages is kept. */
  template: TemplateVersion | null;
  type: NotificationType | null;
  /** The messages that are sent again, each with its row. */
  rows: readonly Readonly<{ id: string; cells: readonly string[]; mayArriveTwice: boolean; units: number }>[];
  header: readonly string[];
  leftOut: ReadonlyMap<LeftOut, number>;
  resentAs: readonly Resent[];
  /** The first messages that are left out because of their recipient. */
  unreachable: readonly Readonly<{ id: string; recipient: string }>[];
  /** The sender or reply-to address that all had; null: they differ. */
  replyToText: string | null;
  /** The job that all were of; null: they differ. */
  resentFrom: string | null;
}>;

const messagesPerRead = 500;
/** UTF-16 units of all values and recipients that one request may send again: about what a file may have. */
const mostCharacters = 10 * 1024 * 1024;
const pauseMilliseconds = 10;
/** Messages left out because of their recipient that are named: as many as somebody gives another one by hand. */
const mostUnreachable = 20;

type Chosen = Repeat & Readonly<{ mayArriveTwice: boolean; units: number }>;

/**
 * Looks at the messages of a selection, opens their values and lays them out as rows. Throws a Problem (400) if they are
 * of several templates or versions, or are too much. `recipients`: other ones, by the id of the message, which have been
 * checked.
 */
export async function planResend(
  deps: PlanDeps,
  service: Service,
  selection: Selection,
  recipients: ReadonlyMap<string, string>,
  left: AbortSignal,
): Promise<Plan> {
  const leftOut = new Map<LeftOut, number>();
  const count = (why: LeftOut, by = 1) => leftOut.set(why, (leftOut.get(why) ?? 0) + by);
  const chosen: Chosen[] = [];
  const resentAs: Resent[] = [];
  const unreachable: Plan['unreachable'][number][] = [];
  const senders = new Set<string | null>();
  const jobs = new Set<string | null>();
  let layout: Layout | null = null;
  let type: NotificationType | null = null;
  let characters = 0;
  let kept = 0;
  let elapsed = stopwatch();
  for await (const { message, circumstances } of readSelection(deps, service.id, selection, left)) {
    kept += 1;
    layout ??= layoutOf(await versionOf(deps, message));
    type ??= message.type;
    refuseOther(layout.template, message);
    const other = recipients.get(message.id);
    const why = whyLeftOut(message, circumstances, other !== undefined);
    if (why !== null) count(why);
    if (why === 'recipient' && unreachable.length < mostUnreachable)
      unreachable.push({ id: message.id, recipient: message.recipient });
    const { resentAs: resent } = circumstances;
    if (resent) resentAs.push({ id: message.id, job: resent.job, jobRowNumber: resent.job_row_number });
    if (why !== null) continue;
    const given = openValues(deps, message);
    const repeat = {
      ...{ id: message.id, recipient: other ?? message.recipient, reference: message.clientReference },
      values: valuesOf(layout, given),
    };
    characters += JSON.stringify(repeat).length;
    if (characters > mostCharacters)
      throw badRequest('These are too many messages to be sent again at once: choose fewer');
    senders.add(message.replyToText);
    jobs.add(message.jobId);
    const units = await unitsOf(deps, service, layout.template.content, message, given, other);
    chosen.push({ ...repeat, mayArriveTwice: mayArriveTwice(message, circumstances), units });
    if (elapsed() < pauseMilliseconds) continue;
    await setImmediate();
    elapsed = stopwatch();
  }
  if ('ids' in selection && kept < selection.ids.length) count('not-found', selection.ids.length - kept);
  const only = (values: ReadonlySet<string | null>) => (values.size === 1 ? [...values][0]! : null);
  const facts = { template: layout?.template ?? null, type, leftOut, resentAs, unreachable };
  if (!layout) return { ...facts, header: [], rows: [], replyToText: null, resentFrom: null };
  const { header, cellsOf } = layOut(layout, chosen);
  const rows: Plan['rows'][number][] = [];
  for (const one of chosen) {
    const cells = cellsOf(one);
    if (cells) rows.push({ id: one.id, cells, mayArriveTwice: one.mayArriveTwice, units: one.units });
    else count('values');
    if (elapsed() < pauseMilliseconds) continue;
    await setImmediate();
    elapsed = stopwatch();
  }
  return { ...facts, header, rows, replyToText: only(senders), resentFrom: only(jobs) };
}

type Read = Readonly<{ message: StoredNotification; circumstances: Circumstances }>;

/** The messages of a selection that are kept, some in memory at a time. */
async function* readSelection(
  { reads }: PlanDeps,
  serviceId: string,
  selection: Selection,
  left: AbortSignal,
): AsyncGenerator<Read> {
  const withCircumstances = async (db: Db, found: readonly StoredNotification[]) => {
    const ids = found.map(({ id }) => id);
    const known = await findCircumstances(db, ids, []);
    return found.flatMap((message) => {
      const circumstances = known.get(message.id);
      return circumstances ? [{ message, circumstances }] : [];
    });
  };
  if ('ids' in selection) {
    for (let at = 0; at < selection.ids.length; at += messagesPerRead)
      for (let rest: readonly string[] = selection.ids.slice(at, at + messagesPerRead); rest.length > 0; ) {
        const asked = rest;
        const batch = await reads(serviceId, left, async (db) => {
          const { found, rest } = await findByIds(db, asked);
          const own = found.filter((message) => message.serviceId === serviceId);
          return { read: await withCircumstances(db, own), rest };
        });
        yield* batch.read;
        rest = batch.rest;
      }
    return;
  }
  const { job, statuses } = selection;
  for (let from = 0; ; ) {
    const range = { from, until: null, statuses, limit: messagesPerRead, withValues: true };
    const batch = await reads(serviceId, left, async (db) =>
      withCircumstances(db, await findRows(db, job, range)),
    );
    yield* batch;
    if (batch.length === 0) return;
    from = (batch.at(-1)!.message.jobRowNumber ?? 0) + 1;
  }
}

async function versionOf(
  { templates }: PlanDeps,
  { templateId, templateVersion }: StoredNotification,
): Promise<TemplateVersion> {
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  return template;
}

/** One job has one template in one version. */
function refuseOther(template: TemplateVersion, { templateId, templateVersion }: StoredNotification): void {
  if (templateId !== template.templateId)
    throw badRequest(
      'The messages are of several templates: send those of each template again by themselves',
    );
  if (templateVersion !== template.version)
    throw badRequest(
      `The messages are of several versions of their template, such as ${template.version} and ${templateVersion}: send those of each version again by themselves`,
    );
}

function openValues({ cipher }: PlanDeps, { id, personalisation }: StoredNotification): Given {
  return personalisationOf(parseLossless(cipher.open(personalisation, id)) as Record<string, unknown>);
}

/** Fragments times the multiplier of their country; 0 for an email. */
async function unitsOf(
  { render, rates }: PlanDeps,
  { prefixSms, name }: Service,
  content: Content,
  { billableUnits, rateMultiplier }: StoredNotification,
  given: Given,
  other: string | undefined,
): Promise<number> {
  if (content.type !== 'sms') return 0;
  const counted = async () => (await render('sms', content, given, prefixSms ? name : null)).fragments;
  const fragments = billableUnits > 0 ? billableUnits : await counted();
  if (other === undefined) return fragments * (rateMultiplier ?? 1);
  const parsed = parsePhoneNumber(other.slice(0, longestPhoneNumber), rates);
  return fragments * ((parsed.ok && parsed.phoneNumber.rateMultiplier) || 1);
}

/** Whether another recipient is one, by the type of the messages. */
export function isRecipient(
  { rates }: Pick<PlanDeps, 'rates'>,
  type: NotificationType,
  text: string,
): boolean {
  if (type === 'email') return parseEmailAddress(text).ok;
  return text.length <= longestPhoneNumber && parsePhoneNumber(text, rates).ok;
}
