import type { RecipientSet } from '../../content/recipient/allow-list.ts';
import { recipientSet } from '../../content/recipient/allow-list.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import type { Content, Template } from '../../content/template/template.ts';
import type { Db, Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { IdSource } from '../../ground/id.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { Service } from '../../tenant/service/service.ts';
import { findMembersOf } from '../../tenant/user/store.ts';
import type { CheckTask } from './check-thread.ts';
import { type CheckThreads, unreadable, type WaitingTask } from './check-threads.ts';
import type { RowRules } from './row-check.ts';
import {
  addPieces,
  beginUpload,
  deleteUnfinished,
  finishUpload,
  type NewUpload,
  type WrittenRows,
} from './store.ts';
import { addFaults } from './store-faults.ts';

export type ReceiveDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  rates: Rates;
  newId: IdSource;
  checks: CheckThreads;
}>;

/** A file that somebody uploads, or the rows of a request. */
export type ReceivedFile = Readonly<{
  service: Service;
  template: Template;
  fileName: string;
  given: CheckTask['given'];
  bytes: WaitingTask['bytes'];
  /** The contact list that its rows are a copy of. */
  contactListId: string | null;
  senderId: string | null;
  createdBy: string | null;
  apiKeyId: string | null;
  /** Faults that are stored: the first ones. */
  mostFaults: number;
}>;

const hour = 3_600_000;
const day = 24 * hour;

/** How long an upload is kept, and its rows after the end of its job, in days. */
export const uploadDays = 7;

export function expiryOf(now: Date): Date {
  return new Date(now.getTime() + uploadDays * day);
}

/**
 * Checks a file and stores its rows; returns the id of the upload. `hold` is called in the transaction after which it
 * exists. Throws a Problem if the file cannot be read or the caller leaves, and what `hold` throws.
 */
export async function receiveFile(
  deps: ReceiveDeps,
  file: ReceivedFile,
  left: AbortSignal,
  hold: (trx: Trx) => Promise<void> = async () => undefined,
): Promise<string> {
  const { service, template, fileName, createdBy } = file;
  const rules = await rulesFor(deps, service, template.type);
  return await receiveRows(deps, file, rules, left, async (upload, written, at) => {
    await deps.db.transaction().execute(async (trx) => {
      await hold(trx);
      await finishUpload(trx, deps.cipher, upload, written, at);
      const after = {
        ...{ template: template.id, original_file_name: fileName },
        ...{ notification_count: written.rowCount, valid: written.valid },
      };
      const event = { type: 'create_upload', serviceId: service.id, userId: createdBy, subjectId: upload.id };
      await recordEvent(trx, { ...event, data: { before: null, after } }, at);
    });
    return upload.id;
  });
}

/** An upload whose rows are written, and which exists when it is finished. */
export type Unfinished = Omit<NewUpload, 'format' | 'digest'>;

/**
 * Checks rows and stores them. They are written while they are checked, in many transactions, and are there only when
 * `end` has finished the upload (`finishUpload`), in its own transaction; returns what it returns. What is left of an
 * upload that was not finished is deleted at once, or when its hour is over. Throws what `end` throws, and a Problem if
 * the rows cannot be read or the caller leaves.
 */
export async function receiveRows<Result>(
  deps: ReceiveDeps,
  file: ReceivedFile,
  rules: RowRules,
  left: AbortSignal,
  end: (upload: Unfinished, written: WrittenRows, at: Date) => Promise<Result>,
): Promise<Result> {
  const { db, clock, cipher, newId, checks } = deps;
  const { service, template, fileName, bytes, given } = file;
  const now = new Date(clock.now());
  const upload: Unfinished = {
    ...{ id: newId(), serviceId: service.id, templateId: template.id, templateType: template.type },
    ...{ templateVersion: template.current.version, originalFileName: fileName },
    ...{ bytes: typeof bytes === 'function' ? 0 : bytes.length, contactListId: file.contactListId },
    ...{ senderId: file.senderId, createdBy: file.createdBy, apiKeyId: file.apiKeyId, leftOutOf: null },
    ...{ createdAt: now, expiresAt: expiryOf(now) },
  };
  const { id } = upload;
  const task = {
    ...{ bytes, fileName, given },
    type: template.type,
    ...textsOf(template.current.content),
    rules,
  };
  let hasBegun = false;
  let faultsLeft = file.mostFaults;
  try {
    const answer = await checks.check(service.id, task, left, async (message) => {
      if ('opened' in message) {
        const { format, digest } = message.opened;
        hasBegun = true;
        const until = new Date(now.getTime() + hour);
        await beginUpload(db, { ...upload, format, digest: Buffer.from(digest) }, until);
        return;
      }
      await db.transaction().execute(async (trx) => {
        await addPieces(trx, cipher, id, [message.piece]);
        await addFaults(trx, id, message.faults.slice(0, faultsLeft));
      });
      faultsLeft = Math.max(0, faultsLeft - message.faults.length);
    });
    if ('problem' in answer) throw unreadable(answer.problem);
    return await end(upload, answer.written, new Date(clock.now()));
  } catch (error) {
    // Should this fail too, the upload is deleted when its hour is over.
    if (hasBegun) await deleteUnfinished(db, id).catch(() => undefined);
    throw error;
  }
}

/** What rows are checked against as things are now (spec 03, sections 3.2 and 4.5). */
export async function rulesFor(
  { db, clock, rates }: Pick<ReceiveDeps, 'db' | 'clock' | 'rates'>,
  service: Service,
  type: 'sms' | 'email',
): Promise<RowRules> {
  return {
    prefix: type === 'sms' && service.prefixSms ? service.name : null,
    permissions: {
      international: service.permissions.has('international_sms'),
      ukLandlines: service.permissions.has('sms_to_uk_landlines'),
    },
    validatePhoneNumbers: true,
    allowed: service.restricted ? await teamOf(db, service.id, new Date(clock.now())) : null,
    rates,
  };
}

/** Who a service in trial mode may send files to: its team, and nobody of the guest list. */
async function teamOf(db: Db, serviceId: string, now: Date): Promise<RecipientSet> {
  const members = await findMembersOf(db, serviceId, now);
  const team = recipientSet(
    members.flatMap(({ emailAddress, mobileNumber }) => [emailAddress, mobileNumber]),
  );
  return onlyTo(team);
}

/** An empty list would mean everybody. */
export function onlyTo(allowed: RecipientSet): RecipientSet {
  return allowed.size > 0 ? allowed : recipientSet(['']);
}

function textsOf(content: Content) {
  return content.type === 'sms'
    ? { subject: null, content: content.sms.text.content }
    : { subject: content.email.subject.content, content: content.email.content.content };
}
