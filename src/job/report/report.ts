import { type Static, Type } from 'typebox';
import type { NotificationType, ReportStatus } from '../../database/tables.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { messageFilter } from '../../message/reading/admin/filter.ts';

/** The filters of a list that a report can have besides type and status. */
export const reportFilter = {
  template_id: messageFilter.template_id,
  api_key_id: messageFilter.api_key_id,
  client_reference: messageFilter.client_reference,
  created_from: messageFilter.created_from,
  created_before: messageFilter.created_before,
  include_jobs: messageFilter.include_jobs,
  include_one_off: messageFilter.include_one_off,
} as const;
const filterSchema = Type.Object(reportFilter);
export type ReportFilter = Static<typeof filterSchema>;

export const reportStatuses = ['all', 'sending', 'delivered', 'failed'] as const;

/** A file with what became of messages, which is made in the background (spec 03, section 6.4). */
export type Report = Readonly<{
  id: string;
  serviceId: string;
  userId: string;
  notificationType: NotificationType;
  /** One of `reportStatuses`. */
  notificationStatus: string;
  /** Only messages of this job, in its layout. */
  jobId: string | null;
  filter: ReportFilter;
  status: ReportStatus;
  /** Why it failed, in words. */
  reason: string | null;
  /** Parts that are written. */
  parts: number;
  /** Messages in them. */
  rowCount: number;
  createdAt: Date;
  updatedAt: Date | null;
}>;

/** What one service may keep, and what one report may have: messages, and UTF-16 units before they are packed. */
export const bounds = { reports: 10, messages: 1_000_000, characters: 512 * 1024 * 1024 } as const;

export const reportSchema = Type.Object(
  {
    id: uuid(),
    user_id: uuid('Who asked for it.'),
    service_id: uuid(),
    report_type: Type.Literal('notifications'),
    status: oneOf(['pending', 'in progress', 'stored', 'failed'], '`stored`: it can be downloaded.'),
    reason: orNull(Type.String(), 'Why it failed, in words.'),
    row_count: Type.Integer({ description: 'Messages that it has so far.' }),
    parameter: Type.Object(
      {
        notification_type: oneOf(['email', 'sms']),
        notification_status: oneOf(reportStatuses),
        job_id: Type.Optional(uuid()),
        ...reportFilter,
      },
      { description: 'What was asked for.' },
    ),
    created_at: time,
    updated_at: orNull(time),
  },
  { $id: 'ReportRequest' },
);

/** The object of spec 03, section 6.4. */
export function showReport(report: Report): Static<typeof reportSchema> {
  return {
    id: report.id,
    user_id: report.userId,
    service_id: report.serviceId,
    report_type: 'notifications',
    status: report.status,
    reason: report.reason,
    row_count: report.rowCount,
    parameter: {
      ...{ notification_type: report.notificationType, notification_status: report.notificationStatus },
      ...(report.jobId !== null && { job_id: report.jobId }),
      ...report.filter,
    },
    created_at: isoMicroseconds(report.createdAt),
    updated_at: report.updatedAt && isoMicroseconds(report.updatedAt),
  };
}
