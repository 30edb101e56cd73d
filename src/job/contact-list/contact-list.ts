import { Type } from 'typebox';
import type { NotificationType } from '../../database/tables.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, time, uuid } from '../../http/validate/shapes.ts';

/** Recipients that a service keeps (spec 04, section 6.5). */
export type ContactList = Readonly<{
  /** Also of the upload that it was made of. */
  id: string;
  serviceId: string;
  templateType: NotificationType;
  originalFileName: string;
  /** Raw cells as JSON, sealed; empty once it has been deleted. */
  header: Buffer;
  /** As of its upload. */
  filledWidth: number;
  rowCount: number;
  /** Of its sealed rows. */
  bytes: number;
  createdBy: string;
  createdAt: Date;
  /** Once it has been deleted: then it has no rows. */
  archivedAt: Date | null;
}>;

/** A contact list with what is shown with it. */
export type ContactListRecord = ContactList &
  Readonly<{ creatorName: string; recentJobCount: number; hasJobs: boolean }>;

/** What one service may keep. The bytes are those of sealed rows, about twice those of a CSV file at most. */
export const bounds = { lists: 100, bytes: 256 * 1024 * 1024, bytesOfOne: 32 * 1024 * 1024 } as const;

export const contactListSchema = Type.Object(
  {
    id: uuid('Also of the upload that it was made of.'),
    original_file_name: Type.String(),
    row_count: Type.Integer(),
    recent_job_count: Type.Integer({
      description:
        'Jobs made of it that began, or were made, within the days that the service keeps messages.',
    }),
    has_jobs: Type.Boolean({ description: 'Whether a job was ever made of it.' }),
    template_type: oneOf(['sms', 'email'], 'It can be sent to templates of this type.'),
    service_id: uuid(),
    created_by: Type.String({ description: 'The name of who made it.' }),
    created_at: time,
  },
  { $id: 'ContactList' },
);

/** The contact list object of spec 04, section 6.5. */
export function showContactList(list: ContactListRecord) {
  return {
    id: list.id,
    original_file_name: list.originalFileName,
    row_count: list.rowCount,
    recent_job_count: list.recentJobCount,
    has_jobs: list.hasJobs,
    template_type: list.templateType,
    service_id: list.serviceId,
    created_by: list.creatorName,
    created_at: isoMicroseconds(list.createdAt),
  };
}
