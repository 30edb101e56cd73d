import { Type } from 'typebox';
import type { Reads } from '../../database/reads.ts';
import type { NotificationType } from '../../database/tables.ts';
import { parseUuid } from '../../ground/id.ts';
import { noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { failed } from '../../message/reading/admin/filter.ts';
import { reasonOf } from '../../message/reading/admin/reason.ts';
import { ownOnly } from '../../message/reading/admin/routes.ts';
import { findJob } from '../run/store.ts';
import { findJobCounts } from '../run/store-counts.ts';
import { aboutReaders, common, jobPath, ofJob } from './routes.ts';
import { countFailures, type FailureCount } from './store.ts';

/** Each is looked at, so more would take longer than a page may. */
const mostCounted = 1000;

const read = defineRoute({
  ...common,
  method: 'GET',
  path: `${jobPath}/reasons`,
  handlerName: 'job.get_reasons_for_job',
  summary: 'Count why messages of a job failed',
  permission: 'member',
  description: `The most frequent reason first. Of the first ${mostCounted} messages that failed, by row, those that are still kept; the statistics of the job count all of them by status. ${aboutReaders}`,
  params: ofJob,
  answers: {
    200: {
      description: 'The reasons.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({ status: Type.String(), reason: Type.String(), count: Type.Integer() }),
        ),
        counted: Type.Integer({ description: 'Messages that were counted.' }),
      }),
    },
    404: { description: 'The service has no such job.' },
  },
  async handler({ reads }: Readonly<{ reads: Reads }>, { params, actor }, reply) {
    const id = parseUuid(params.job_id);
    const own = ownOnly(actor);
    if (id === null) throw noResultFound();
    const { type, counts } = await reads(params.service_id, callerLeaves(reply), async (db) => {
      const job = await findJob(db, params.service_id, id);
      if (!job || (own !== null && job.createdBy !== own)) throw noResultFound();
      const totals = (await findJobCounts(db, [id])).get(id) ?? [];
      // Nothing is searched for what the totals say is not there.
      const hasFailed = totals.some(({ status, count }) => failed.includes(status) && count > 0);
      const counts = hasFailed ? await countFailures(db, job, failed, mostCounted) : [];
      return { type: job.templateType, counts };
    });
    const data = reasonsOf(type, counts);
    return { data, counted: data.reduce((sum, { count }) => sum + count, 0) };
  },
});

/** Reasons in words, each once, the most frequent first. Pure. */
export function reasonsOf(type: NotificationType, counts: readonly FailureCount[]) {
  const found = new Map<string, { status: string; reason: string; count: number }>();
  for (const { status, wasTried, count, ...why } of counts) {
    const reason = reasonOf({ type, status }, { ...why, attempts: wasTried ? null : 0 }) ?? status;
    const known = found.get(`${status} ${reason}`) ?? { status, reason, count: 0 };
    known.count += count;
    found.set(`${status} ${reason}`, known);
  }
  return [...found.values()].sort((one, other) => other.count - one.count);
}

/** Why messages of a file failed (spec 07, section 6). */
export const reasonRoutes = [read];
