import { Type } from 'typebox';
import { noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { requirePermission } from '../../tenant/permission/acting.ts';
import { type JobRecord, jobSchema, type Step } from './job.ts';
import { jobIn, sendPermissions, shown } from './routes.ts';
import { type SteerDeps, steer } from './steer.ts';
import { countUnderWay } from './store.ts';
import { findJobCounts } from './store-counts.ts';

const common = {
  tag: 'Administration',
  authentication: 'admin',
  // And `send_texts` or `send_emails`, by the type of the template.
  permission: 'member',
  method: 'POST',
  params: Type.Object({ service_id: uuid('The service.'), job_id: Type.String() }),
} as const;
const pathOf = (step: Step) => `/service/${uuidPart('service_id')}/job/:job_id/${step}`;
const one = { description: 'The job.', schema: Type.Object({ data: jobSchema }) };
const notNow = (what: string) => ({ description: `The service has no such job, or it ${what}.` });

type Request = Parameters<typeof requirePermission>[0] & {
  params: { service_id: string; job_id: string };
  actorId: string | null;
};

const cancel = defineRoute({
  ...common,
  path: pathOf('cancel'),
  handlerName: 'job.cancel_job',
  summary: 'Cancel a scheduled job',
  description: 'Nothing of it is sent. One that has begun can be stopped.',
  answers: { 200: one, 404: notNow('is not scheduled any more') },
  handler: async (deps: SteerDeps, request) => await shown(deps, await take(deps, 'cancel', request)),
});

const stop = defineRoute({
  ...common,
  path: pathOf('stop'),
  handlerName: 'job.stop_job',
  summary: 'Stop a job',
  description:
    'What has not been handed to a provider is not sent, and becomes `cancelled` within seconds. A stopped job does not go on.',
  answers: {
    200: {
      ...one,
      schema: Type.Object({
        data: jobSchema,
        sent: Type.Integer({ description: 'Rows that are out of our hands, or had ended in another way.' }),
        not_sent: Type.Integer({ description: 'Rows that are not sent because of this.' }),
      }),
    },
    404: notNow('has ended'),
  },
  async handler(deps: SteerDeps, request) {
    const job = await take(deps, 'stop', request);
    return { ...(await shown(deps, job)), ...(await outcomeOf(deps, job)) };
  },
});

const pause = defineRoute({
  ...common,
  path: pathOf('pause'),
  handlerName: 'job.pause_job',
  summary: 'Pause a job',
  description:
    'No more of it is handed to a provider until it is resumed. Messages that wait for 72 hours are given up.',
  answers: { 200: one, 404: notNow('has ended, or waits for its time') },
  handler: async (deps: SteerDeps, request) => await shown(deps, await take(deps, 'pause', request)),
});

const resume = defineRoute({
  ...common,
  path: pathOf('resume'),
  handlerName: 'job.resume_job',
  summary: 'Resume a paused job',
  answers: { 200: one, 404: notNow('is not paused') },
  handler: async (deps: SteerDeps, request) => await shown(deps, await take(deps, 'resume', request)),
});

/** What people do to a job (spec 04, section 6.3). */
export const steerRoutes = [cancel, stop, pause, resume];

/** Throws a Problem: 404 if the service has no such job or it cannot take the step, 403 if this person may not. */
async function take(deps: SteerDeps, step: Step, request: Request): Promise<JobRecord> {
  const job = await jobIn(deps, request.params);
  requirePermission(request, sendPermissions[job.templateType]);
  if (!(await steer(deps, step, job, request.actorId))) throw noResultFound();
  return await jobIn(deps, request.params);
}

/** Of a stopped job, how many rows went and how many did not. */
async function outcomeOf(
  { db }: SteerDeps,
  { id, notificationCount }: JobRecord,
): Promise<{ sent: number; not_sent: number }> {
  const counts = new Map(
    (await findJobCounts(db, [id])).get(id)?.map(({ status, count }) => [status, count]),
  );
  const made = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const unsent =
    (counts.get('created') ?? 0) + (counts.get('cancelled') ?? 0) - (await countUnderWay(db, id));
  const notSent = notificationCount - made + unsent;
  return { sent: notificationCount - notSent, not_sent: notSent };
}
