import { statfs } from 'node:fs/promises';
import { missingPartitions } from '../database/partitions.ts';
import { findNotDelivered } from '../provider/balancing/store.ts';
import { circuitState } from '../provider/state.ts';
import { findProviderRecords } from '../provider/store.ts';
import { queueNames } from '../queue/define.ts';
import { overdueMilliseconds } from '../upkeep/due.ts';
import { findTaskRuns } from '../upkeep/store.ts';
import { findBacklog } from '../upkeep/store-backlog.ts';
import { countParked } from '../upkeep/store-parked.ts';
import type { Core } from './core.ts';
import { periodicTimings } from './periodic.ts';
import { suppliersOf } from './suppliers.ts';

const day = 86_400_000;
const mostParked = 10_000;
/** Days ahead whose partitions must exist; the periodic task makes them a week ahead. */
const partitionDays = 3;
/** Of `provider.sms.legacy.not_delivered_within` (spec 06, section 4.4). */
const evaluatedSeconds = 900;
const deliverySeconds = [60, 300, 600] as const;

/** Shows at `/metrics` what the database knows; it is the same in every process. */
export function watchDatabase(core: Core): void {
  watchQueues(core);
  watchProviders(core);
  watchTexts(core);
  watchUpkeep(core);
}

function watchQueues({ config, db, metrics }: Core): void {
  const { queuePrefix } = config.installation;
  metrics.gauges(
    {
      despatch_queue_due_tasks: 'Tasks that could be taken now, by queue; at most 100,000 are counted.',
      despatch_queue_delayed_tasks:
        'Tasks that wait for their time, scheduled or to be retried; counted likewise.',
      despatch_queue_oldest_due_seconds:
        'For how long the oldest of the due tasks has been due; 0: there is none.',
    },
    ['queue'],
    async () => [...(await findBacklog(db, queuePrefix))].map(([name, row]) => [[name], row] as const),
  );
  metrics.gauges(
    { despatch_queue_parked_tasks: 'Tasks that no worker takes until an operator releases them.' },
    ['queue'],
    async () => {
      const parked = await countParked(db, queuePrefix, mostParked);
      return queueNames.map(
        (name) => [[name], { despatch_queue_parked_tasks: parked.get(name) ?? 0 }] as const,
      );
    },
    30,
  );
}

/** The providers that this installation is configured for (spec 06, section 4.4). */
function watchProviders({ config, db, clock, metrics }: Core): void {
  const configured = new Set(suppliersOf(config).map(({ identifier }) => identifier));
  metrics.gauges(
    {
      provider_info: 'A provider; always 1.',
      provider_priority: 'The lowest is tried first.',
      provider_updated_at: 'When the provider was last changed, in Unix seconds.',
      despatch_provider_active: '1: the provider may be used.',
      despatch_provider_circuit_open: '1: the provider gets nothing; 0.5: it is being probed; 0: it is used.',
    },
    ['provider_name', 'notification_type'],
    async () =>
      (await findProviderRecords(db, null))
        .filter(({ identifier }) => configured.has(identifier))
        .map((provider) => {
          const { identifier, notificationType, priority, active, updatedAt, circuit, circuitUntil } =
            provider;
          const state = circuitState({ state: circuit, until: circuitUntil, probeUntil: null }, clock.now());
          return [
            [identifier, notificationType],
            {
              provider_info: 1,
              provider_priority: priority,
              provider_updated_at: updatedAt && updatedAt.getTime() / 1000,
              despatch_provider_active: Number(active),
              despatch_provider_circuit_open: { closed: 0, 'half-open': 0.5, open: 1 }[state],
            },
          ] as const;
        }),
  );
}

function watchTexts({ config, db, clock, metrics }: Core): void {
  const providers = suppliersOf(config)
    .filter(({ types }) => types.includes('sms'))
    .map(({ identifier }) => identifier);
  const name = 'provider_sms_legacy_not_delivered_within_ratio';
  metrics.gauges(
    {
      [name]:
        'Of the texts of the last 15 minutes, the share that took longer to be delivered; 0 without any.',
    },
    ['provider_name', 'time_window_evaluation', 'time_window_delivery'],
    async () => {
      const now = clock.now();
      const since = new Date(now - evaluatedSeconds * 1000);
      const found = await findNotDelivered({ metrics }, db, since, deliverySeconds, new Date(now));
      const ratios = new Map(
        found.map(({ identifier, seconds, ratio }) => [`${identifier} ${seconds}`, ratio]),
      );
      return providers.flatMap((provider) =>
        deliverySeconds.map(
          (seconds) =>
            [
              [provider, String(evaluatedSeconds), String(seconds)],
              { [name]: ratios.get(`${provider} ${seconds}`) ?? 0 },
            ] as const,
        ),
      );
    },
    60,
  );
}

/** Periodic tasks, partitions and the disk of the embedded database. */
function watchUpkeep({ config, db, clock, metrics }: Core): void {
  const timings = periodicTimings(config);
  metrics.gauges(
    {
      despatch_periodic_task_overdue_seconds:
        'For how long a periodic task has been due; 0: it is not due, or never ran.',
      despatch_periodic_task_last_run_seconds: 'How long its last successful run took.',
      despatch_periodic_task_last_success: 'When that began, in Unix seconds.',
    },
    ['task'],
    async () => {
      const runs = await findTaskRuns(db);
      return timings.map((timing) => {
        const { last_run: lastRun = null, last_seconds: seconds = null } = runs.get(timing.name) ?? {};
        const at = lastRun === null ? null : lastRun.getTime();
        return [
          [timing.name],
          {
            despatch_periodic_task_overdue_seconds: overdueMilliseconds(timing, at, clock.now()) / 1000,
            despatch_periodic_task_last_run_seconds: seconds,
            despatch_periodic_task_last_success: at && at / 1000,
          },
        ] as const;
      });
    },
    15,
  );
  metrics.gauges(
    { despatch_partitions_missing: 'Partitions that messages of the next three days lack.' },
    [],
    async () => {
      const missing = await missingPartitions(db, clock.now(), clock.now() + partitionDays * day);
      return [[[], { despatch_partitions_missing: missing.length }]];
    },
    60,
  );
  if (config.database.url) return;
  metrics.gauges(
    {
      despatch_disk_free_bytes: 'Free on the disk of the embedded database.',
      despatch_disk_bytes: 'Size of that disk.',
    },
    [],
    async () => {
      const { bavail, blocks, bsize } = await statfs(config.installation.dataDir);
      return [[[], { despatch_disk_free_bytes: bavail * bsize, despatch_disk_bytes: blocks * bsize }]];
    },
    60,
  );
}
