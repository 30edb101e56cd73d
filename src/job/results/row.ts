import { Type } from 'typebox';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { NotificationType } from '../../database/tables.ts';
import { londonTime } from '../../ground/clock.ts';
import { oneOf, orNull, uuid } from '../../http/validate/shapes.ts';
import { failed, withoutNull } from '../../message/reading/admin/filter.ts';
import { reasonOf } from '../../message/reading/admin/reason.ts';
import type { Circumstances } from '../../message/reading/admin/store.ts';
import type { StoredNotification } from '../../message/status/notification.ts';

/** A message with what a row of a file says of it. */
export type ResultRow = Pick<
  StoredNotification,
  'id' | 'type' | 'status' | 'jobRowNumber' | 'recipient' | 'clientReference' | 'createdAt' | 'createdBy'
> &
  Readonly<{
    jobName: string | null;
    templateName: string;
    keyName: string | null;
    /** Why it was not delivered, in words. */
    reason: string | null;
  }>;

export async function resultRowOf(
  { templates }: Readonly<{ templates: TemplateCaches }>,
  message: StoredNotification,
  circumstances: Circumstances | undefined,
): Promise<ResultRow> {
  const { templateId, templateVersion } = message;
  const template = await templates.version(templateId, templateVersion);
  if (!template) throw new Error(`Template ${templateId} has no version ${templateVersion}`);
  return {
    ...message,
    templateName: template.name,
    jobName: circumstances?.fileName ?? null,
    keyName: circumstances?.keyName ?? null,
    reason: circumstances ? reasonOf(message, circumstances) : null,
  };
}

/** The statuses that a name of a group stands for in a download (spec 03, section 6.3); null: all there are. */
const statusGroups: Readonly<Record<string, readonly string[] | null>> = {
  sending: ['created', 'pending', 'sending'],
  delivered: ['delivered', 'sent'],
  failed,
  all: null,
};

/** The statuses to download, or null for all of them. */
export function statusesOf(names: readonly string[] | undefined): readonly string[] | null {
  if (names === undefined || names.includes('all')) return null;
  return names.flatMap((name) =>
    Object.hasOwn(statusGroups, name) ? statusGroups[name]! : withoutNull(name),
  );
}

const words: Readonly<Record<string, Readonly<Record<NotificationType, string>>>> = {
  created: { email: 'Sending', sms: 'Sending' },
  sending: { email: 'Sending', sms: 'Sending' },
  delivered: { email: 'Delivered', sms: 'Delivered' },
  sent: { email: 'Delivered', sms: 'Sent internationally' },
  failed: { email: 'Failed', sms: 'Failed' },
  'technical-failure': { email: 'Technical failure', sms: 'Technical failure' },
  'temporary-failure': {
    email: 'Inbox not accepting messages right now',
    sms: 'Phone not accepting messages right now',
  },
  'permanent-failure': { email: 'Email address doesn’t exist', sms: 'Phone number doesn’t exist' },
};

/** A status in words; one that has none stays as it is (spec 03, section 6.2). */
export function statusWords(type: NotificationType, status: string): string {
  return (Object.hasOwn(words, status) && words[status]![type]) || status;
}

export const resultRow = Type.Object(
  {
    id: uuid(),
    row_number: Type.Union([Type.Integer(), Type.Literal('')], {
      description: 'Of its row in the file, from 1; empty if it is of none.',
    }),
    recipient: Type.String(),
    client_reference: Type.String(),
    template_name: Type.String(),
    template_type: oneOf(['sms', 'email']),
    job_name: Type.String({ description: 'The name of the file.' }),
    status: Type.String({ description: 'In words.' }),
    created_at: Type.String({ description: 'In London time: `2026-05-12 14:15:00`.' }),
    created_by_name: orNull(Type.String()),
    created_by_email_address: orNull(Type.String()),
    api_key_name: orNull(Type.String()),
  },
  { $id: 'ResultRow' },
);

/** A message as a row for a file (spec 04, section 7.3). */
export function showResultRow(row: ResultRow) {
  const { id, type, jobRowNumber, createdBy } = row;
  return {
    id,
    row_number: jobRowNumber === null ? '' : jobRowNumber + 1,
    recipient: row.recipient,
    client_reference: row.clientReference ?? '',
    template_name: row.templateName,
    template_type: type,
    job_name: row.jobName ?? '',
    status: statusWords(type, row.status),
    created_at: londonTime(row.createdAt.getTime()),
    created_by_name: createdBy?.name ?? null,
    created_by_email_address: createdBy?.emailAddress ?? null,
    api_key_name: row.keyName,
  };
}
