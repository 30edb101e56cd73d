import type { RecipientSet } from '../../content/recipient/allow-list.ts';
import { recipientSet } from '../../content/recipient/allow-list.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import type { Content, Template } from '../../content/template/template.ts';
import type { Db } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { IdSource } from '../../ground/id.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import type { Service } from '../../tenant/service/service.ts';
import { findMembersOf } from '../../tenant/user/store.ts';
import { type CheckThreads, unreadable } from './check-threads.ts';
import type { RowRules } from './row-check.ts';
import { addPieces, beginUpload, deleteUpload, finishUpload } from './store.ts';
import { addFaults } from './store-faults.ts';

export type ReceiveDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  rates: Rates;
  newId: IdSource;
  checks: CheckThreads;
}>;

/** A file that somebody uploads. */
export type ReceivedFile = Readonly<{
  service: Service;
  template: Template;
  fileName: string;
  bytes: Uint8Array;
  senderId: string | null;
  createdBy: string | null;
}>;

const hour = 3_600_000;
const day = 24 * hour;

/** How long an upload is kept, and its rows after the end of its job, in days. */
export const uploadDays = 7;

export function expiryOf(now: Date): Date {
  return new Date(now.getTime() + uploadDays * day);
}

/**
 * Checks a file and stores its rows; returns the id of the upload. Its rows are written while it is checked, in many
 * transactions, and it exists only with the last of them. What is left of a check that did not end is deleted at once,
 * or when its hour is over. Throws a Problem if the file cannot be read or the caller leaves.
 */
export async function receiveFile(deps: ReceiveDeps, file: ReceivedFile, left: AbortSignal): Promise<string> {
  const { db, clock, cipher, newId, checks } = deps;
  const { service, template, fileName, bytes } = file;
  const now = new Date(clock.now());
  const upload = {
    ...{ id: newId(), serviceId: service.id, templateId: template.id, templateType: template.type },
    ...{ templateVersion: template.current.version, originalFileName: fileName, bytes: bytes.length },
    ...{ senderId: file.senderId, createdBy: file.createdBy, apiKeyId: null, leftOutOf: null },
    ...{ createdAt: now, expiresAt: expiryOf(now) },
  };
  const { id } = upload;
  const task = {
    ...{ bytes, fileName },
    type: template.type,
    ...textsOf(template.current.content),
    rules: await rulesFor(deps, service, template.type),
  };
  let hasBegun = false;
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
        await addFaults(trx, id, message.faults);
      });
    });
    if ('problem' in answer) throw unreadable(answer.problem);
    const { written } = answer;
    const at = new Date(clock.now());
    await db.transaction().execute(async (trx) => {
      await finishUpload(trx, upload, written, at);
      const after = {
        ...{ template: template.id, original_file_name: fileName },
        ...{ notification_count: written.rowCount, valid: written.valid },
      };
      const event = { type: 'create_upload', serviceId: service.id, userId: file.createdBy, subjectId: id };
      await recordEvent(trx, { ...event, data: { before: null, after } }, at);
    });
    return id;
  } catch (error) {
    // Should this fail too, the upload is deleted when its hour is over.
    if (hasBegun) await deleteUpload(db, id).catch(() => undefined);
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
  // An empty list would mean everybody.
  return team.size > 0 ? team : recipientSet(['']);
}

function textsOf(content: Content) {
  return content.type === 'sms'
    ? { subject: null, content: content.sms.text.content }
    : { subject: content.email.subject.content, content: content.email.content.content };
}
