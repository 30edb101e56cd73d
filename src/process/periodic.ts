import type { Config } from '../config/config.ts';
import { deleteDocumentCounts, deleteExpiredDocuments } from '../content/document/store.ts';
import { ensurePartitions } from '../database/partitions.ts';
import { dayAfter, dayOf } from '../ground/clock.ts';
import { createIdSource } from '../ground/id.ts';
import { deleteOldReports } from '../job/report/store.ts';
import { deleteResends } from '../job/results/store-resend.ts';
import { keepJobCounts, resumeLateJobs, runScheduledJobs } from '../job/run/schedule.ts';
import { deleteOldLots } from '../job/run/store.ts';
import { hasCounts } from '../job/run/store-counts.ts';
import { uploadDays } from '../job/upload/receive.ts';
import { deleteExpiredUploads } from '../job/upload/store.ts';
import { deleteInboundSms } from '../message/receipt/inbound/store.ts';
import { createPreparePlatformMessage } from '../message/submission/platform-message.ts';
import { deleteAnswers, deleteDailyCounts } from '../message/submission/store.ts';
import { deleteExpiredSuppressions } from '../message/suppression/store.ts';
import { buildFigures, checkFigures, foldFigures } from '../statistics/totals/keep.ts';
import { financialYearOf } from '../statistics/totals/periods.ts';
import { hasChanges } from '../statistics/totals/store.ts';
import { tellOfCosts } from '../statistics/usage/alert.ts';
import { keepAllowances } from '../statistics/usage/store.ts';
import { deleteOldEvents } from '../tenant/event/store.ts';
import { deleteRequests } from '../tenant/idempotency/store.ts';
import { deleteInvites } from '../tenant/invite/store.ts';
import { deleteOldUses } from '../tenant/key/store.ts';
import { allCutoffs, mostRetentionDays } from '../tenant/service/retention.ts';
import { deleteSignInLeftovers } from '../tenant/user/store-sign-in.ts';
import type { Timing } from '../upkeep/due.ts';
import { createReplay } from '../upkeep/replay.ts';
import { createDeletion } from '../upkeep/retention/delete.ts';
import { measureTables } from '../upkeep/retention/store-sizes.ts';
import type { Periodic, Run } from '../upkeep/schedule.ts';
import { deleteLostProcesses } from '../upkeep/store-processes.ts';
import { createTimeOut } from '../upkeep/time-out.ts';
import type { Core } from './core.ts';
import { unprovidedTypes } from './suppliers.ts';

const day = 86_400_000;
const inboundBatch = 10_000;
/** Days whose counts are kept: operators and services look back a year. */
const countedDays = 367;
/** Each can have 100,000 rows. */
const uploadBatch = 5;
/** Each can have 1,000,000 messages. */
const reportBatch = 2;
/** Of tasks that run every few seconds: once a minute says that they still can. */
const restSeconds = 60;

/**
 * The tasks of the role `scheduler` (spec 06, section 1.3). None may run only between 23:00 and 24:00 UTC: that hour
 * belongs to two different days in London.
 */
export function periodicTasks(core: Core): readonly Periodic[] {
  const { config, db, clock, storage, balancing } = core;
  const ago = (days: number) => new Date(clock.now() - days * day);
  return [
    {
      name: 'make-partitions',
      everySeconds: 3600,
      run: () => ensurePartitions(db, clock.now(), clock.now() + 7 * day),
    },
    {
      name: 'delete-expired-documents',
      everySeconds: 3600,
      run: () => deleteExpiredDocuments({ db, storage }, clock.now()),
    },
    {
      name: 'forget-idempotency-keys',
      everySeconds: 600,
      async run() {
        const before = new Date(clock.now() - day);
        return (await deleteAnswers(db, before, 50_000)) + (await deleteRequests(db, before, 50_000));
      },
    },
    {
      name: 'forget-expired-suppressions',
      everySeconds: 3600,
      run: () => deleteExpiredSuppressions(db, new Date(clock.now()), 50_000),
    },
    {
      name: 'delete-expired-uploads',
      everySeconds: 3600,
      run: async ({ signal }) => {
        const now = new Date(clock.now());
        let total = 0;
        for (let count = uploadBatch; count === uploadBatch && !signal.aborted; total += count)
          count = await deleteExpiredUploads(db, now, uploadDays, uploadBatch);
        return total;
      },
    },
    { name: 'delete-verify-codes', everySeconds: 63 * 60, run: () => deleteSignInLeftovers(db, clock.now()) },
    {
      name: 'delete-invitations',
      everySeconds: 66 * 60,
      run: () => deleteInvites(db, new Date(clock.now() - 30 * day), 50_000),
    },
    {
      name: 'forget-uses-of-keys',
      everySeconds: 3600,
      run: () => deleteOldUses(db, dayOf(clock.now()), 50_000),
    },
    {
      name: 'forget-resent-messages',
      everySeconds: 3600,
      run: () => deleteResends(db, new Date(clock.now() - (mostRetentionDays + 1) * day), 50_000),
    },
    {
      name: 'delete-old-job-lots',
      at: '0 4 * * *',
      zone: 'UTC',
      run: (run) => inBatches(run, (limit) => deleteOldLots(db, ago(mostRetentionDays + 1), limit)),
    },
    {
      name: 'delete-old-counts',
      at: '10 4 * * *',
      zone: 'UTC',
      async run(run) {
        const before = dayAfter(dayOf(clock.now()), -countedDays);
        const sent = await inBatches(run, (limit) => deleteDailyCounts(db, before, limit));
        return sent + (await inBatches(run, (limit) => deleteDocumentCounts(db, before, limit)));
      },
    },
    {
      name: 'delete-old-records-from-events-table',
      at: '4 3 * * *',
      zone: 'UTC',
      run: (run) => inBatches(run, (limit) => deleteOldEvents(db, ago(52 * 7), limit)),
    },
    {
      name: 'measure-tables',
      at: '50 4 * * *',
      zone: 'UTC',
      run: () => measureTables(db, new Date(clock.now())),
    },
    { name: 'forget-lost-processes', everySeconds: 3600, run: () => deleteLostProcesses(db) },
    {
      name: 'switch-current-sms-provider-on-slow-delivery',
      everySeconds: 60,
      run: () => balancing.onSlowDelivery(),
    },
    { name: 'tend-providers-back-to-middle', everySeconds: 300, run: () => balancing.tendBack() },
    {
      name: 'timeout-sending-notifications',
      stat: 'timeout_notifications',
      at: '0 3 * * *',
      zone: 'Europe/London',
      run: createTimeOut({ ...core, timeoutSeconds: config.delivery.sendingTimeoutSeconds }),
    },
    {
      name: 'delete-notifications-older-than-retention',
      // After the time-out.
      at: '30 3 * * *',
      zone: 'Europe/London',
      run: createDeletion(core),
    },
    {
      name: 'replay-created-notifications',
      at: '*/15 * * * *',
      zone: 'Europe/London',
      run: createReplay(core),
    },
    {
      name: 'run-scheduled-jobs',
      at: config.delivery.scheduledJobsEvery === 'quarter' ? '0,15,30,45 * * * *' : '1 * * * *',
      zone: 'Europe/London',
      run: (run) => runScheduledJobs(core, run),
    },
    { name: 'check-job-status', everySeconds: 60, run: (run) => resumeLateJobs(core, run) },
    {
      name: 'fold-job-counts',
      ...{ everySeconds: 1, restSeconds, hasWork: hasCounts },
      run: (run) => keepJobCounts(core, run),
    },
    {
      name: 'fold-figures',
      ...{ everySeconds: 2, restSeconds, hasWork: hasChanges },
      run: (run) => foldFigures(core, run),
    },
    { name: 'build-figures', everySeconds: 60, run: (run) => buildFigures(core, run) },
    {
      name: 'check-figures',
      at: '30 2 * * *',
      zone: 'Europe/London',
      run: (run) => checkFigures(core, run),
    },
    {
      name: 'run-populate-annual-billing',
      at: '1 2 1 4 *',
      zone: 'Europe/London',
      async run({ lastRun }) {
        // A new installation has seen no 1 April: its setting counts until then.
        if (lastRun === null) return 0;
        const year = financialYearOf(dayOf(clock.now()));
        const how = { usual: config.delivery.freeSmsFragments, at: new Date(clock.now()) };
        await keepAllowances(db, { ...how, year: year - 1 });
        return await keepAllowances(db, { ...how, year });
      },
    },
    {
      name: 'tell-of-costs',
      everySeconds: 3600,
      run: (run) => {
        const { fromNumber, freeSmsFragments } = config.delivery;
        const newId = createIdSource(clock);
        const messages = { ...core, newId, fromNumber, unprovided: unprovidedTypes(config) };
        const preparePlatformMessage = createPreparePlatformMessage(messages);
        return tellOfCosts({ ...core, preparePlatformMessage, freeSmsFragments }, run);
      },
    },
    {
      name: 'update-report-status-to-deleted',
      at: '0 2 * * *',
      zone: 'Europe/London',
      run: async ({ signal }) => {
        const before = new Date(clock.now() - day);
        let total = 0;
        for (let count = reportBatch; count === reportBatch && !signal.aborted; total += count)
          count = await deleteOldReports(db, before, reportBatch);
        return total;
      },
    },
    {
      name: 'delete-inbound-sms',
      // In UTC: in London there is no 01:40 on one night of the year, and two on another.
      at: '40 1 * * *',
      zone: 'UTC',
      run: async ({ signal }) => {
        const cutoffs = allCutoffs(clock.now());
        let total = 0;
        for (let count = inboundBatch; count === inboundBatch && !signal.aborted; total += count)
          count = await deleteInboundSms(db, cutoffs, inboundBatch);
        return total;
      },
    },
  ];
}

const deletedAtOnce = 50_000;

/** Deletes in batches until one is not full. Returns how many were deleted. */
async function inBatches({ signal }: Run, remove: (limit: number) => Promise<number>): Promise<number> {
  let total = 0;
  for (let count = deletedAtOnce; count === deletedAtOnce && !signal.aborted; total += count)
    count = await remove(deletedAtOnce);
  return total;
}

/** When the tasks run. Nothing of the core but its settings is looked at before one does. */
export function periodicTimings(config: Config): readonly (Timing & Readonly<{ name: string }>)[] {
  return periodicTasks({ config } as Core);
}
