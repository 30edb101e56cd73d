import { type Static, Type } from 'typebox';
import { defineQueue } from '../../queue/define.ts';
import type { NewTask } from '../../queue/tasks.ts';

const report = Type.Object({ report_request_id: Type.String() });
export type ReportPayload = Static<typeof report>;

/** Writes the file of a report. */
export const processReport = defineQueue('process-report-request', report);

/** The task of a report; while one waits, a second is not added. */
export function reportTask(id: string): NewTask<ReportPayload> {
  return { id, payload: { report_request_id: id } };
}
