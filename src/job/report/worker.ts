import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { type Db, isTransient, isUnreachable } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { filterOf } from '../../message/reading/admin/filter.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import { defaultRetentionDays, retentionCutoff } from '../../tenant/service/retention.ts';
import { findRetentions } from '../../tenant/service/store.ts';
import { type CsvDeps, type CsvPart, jobCsv, type Place, serviceCsv } from '../results/csv.ts';
import { statusesOf } from '../results/row.ts';
import { findJob } from '../run/store.ts';
import type { ReportPayload } from './queue.ts';
import { bounds } from './report.ts';
import { addPart, beginReport, failReport, type OpenReport } from './store.ts';

export type ReportDeps = CsvDeps & Readonly<{ db: Db; clock: Clock; log: Log; metrics: Metrics }>;

const pack = promisify(deflateRaw);
/** Characters of one stored part, at least, unless it is the last. */
const partCharacters = 1024 * 1024;
const mostAttempts = 3;
const retrySeconds = 30;

/**
 * The `process-report-request` task (spec 03, section 6.4). At least once, and each part of the file is stored once: a
 * part is written together with where the file goes on, so that a task which is taken up again continues there.
 */
export function createReportWork(deps: ReportDeps): (task: Task<ReportPayload>) => Promise<Verdict> {
  return async (task) => {
    const { report_request_id: id } = task.payload;
    try {
      return await deps.metrics.timed('tasks', 'process_report_request', async () => {
        const report = await beginReport(deps.db, id, new Date(deps.clock.now()));
        return report ? await write(deps, report, task) : 'done';
      });
    } catch (error) {
      if (isUnreachable(error) || task.signal.aborted) throw error;
      if (isTransient(error)) return { waitSeconds: 1 };
      const isLast = task.attempt + 1 >= mostAttempts;
      deps.log.error({ err: error, reportId: id, isLast }, 'A report could not be written');
      if (!isLast) return { retryAfterSeconds: retrySeconds };
      await fail(deps, id, 'The report could not be made. Ask for it again.');
      return 'done';
    }
  };
}

async function write(deps: ReportDeps, report: OpenReport, task: Task<ReportPayload>): Promise<Verdict> {
  const { db, clock, cipher } = deps;
  let { parts: number, rowCount, characters } = report;
  let ready = { texts: [] as string[], characters: 0, messages: 0 };
  for await (const { text, messages, next } of await openFile(deps, report, task.signal)) {
    ready.texts.push(text);
    ready.characters += text.length;
    ready.messages += messages;
    const isStopping = task.stopping.aborted && next !== null;
    if (next !== null && !isStopping && ready.characters < partCharacters) continue;
    rowCount += ready.messages;
    characters += ready.characters;
    if (rowCount > bounds.messages || characters > bounds.characters) {
      await fail(deps, report.id, tooLarge);
      return 'done';
    }
    const content = (await pack(ready.texts.join(''))).toString('base64');
    const part = { content, messages: ready.messages, characters: ready.characters, place: next };
    if (!(await addPart(db, cipher, report.id, number, part, new Date(clock.now())))) return 'done';
    number += 1;
    ready = { texts: [], characters: 0, messages: 0 };
    if (isStopping) return { waitSeconds: 0 };
  }
  return 'done';
}

const tooLarge = `The report would have more than ${bounds.messages.toLocaleString('en-GB')} messages, or more than 512 MB: ask for a shorter time, a template or a status.`;

/** The file from where it goes on: over what the service's retention keeps. */
async function openFile(
  deps: ReportDeps,
  report: OpenReport,
  left: AbortSignal,
): Promise<AsyncGenerator<CsvPart<unknown>>> {
  const { serviceId, notificationType: type, jobId, place } = report;
  const statuses = statusesOf([report.notificationStatus]);
  if (jobId !== null) {
    const job = await findJob(deps.db, serviceId, jobId);
    if (!job) throw new Error(`Report ${report.id} lacks its job`);
    return jobCsv(deps, job, statuses, (place as number | null) ?? 0, left);
  }
  const retentions = await findRetentions(deps.db, serviceId);
  const days = retentions.find((one) => one.type === type)?.days ?? defaultRetentionDays;
  const { before: oldest } = retentionCutoff(report.createdAt.getTime(), days);
  const filter = filterOf(serviceId, { ...report.filter, template_type: [type] }, deps.clock.now());
  const from = filter.from && filter.from > oldest ? filter.from : oldest;
  return serviceCsv(deps, { ...filter, from, statuses }, place as Place | null, left);
}

async function fail({ db, clock }: ReportDeps, id: string, reason: string): Promise<void> {
  await db.transaction().execute((trx) => failReport(trx, id, reason, new Date(clock.now())));
}
