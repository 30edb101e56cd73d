import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { findRunning } from '../embedded-postgres/server.ts';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import { type Child, familySeconds, unexpectedEnds } from './child-process.ts';
import { every } from './every.ts';
import { Harness } from './harness.ts';
import { type Loaded, loadHistory } from './history-load.ts';
import { type Reading, readAll, readsOf } from './history-reads.ts';
import { openAccount, type Server, startServer } from './installation.ts';
import { describeRefusals, openLoop, Requests, Wire } from './load.ts';
import { type SandboxClient, startProvider } from './sandbox-client.ts';
import { type Figure, median, type Outcome, type Scenario, type Settings } from './scenario.ts';

const usualRows = 10_000_000;
/**
 * Alternately without and with history, so that what else runs on the machine affects both alike; fewer where little is
 * measured of anything.
 */
const [usualRounds, fewRounds] = [7, 5];
/** At a fixed rate, since how many messages share a statement decides what each costs. */
const perSecond = 300;
const connections = 64;
const singleMilliseconds = 20;
/** How often each list is read; again fewer times there. */
const [usualReads, fewReads] = [40, 20];
const patienceMilliseconds = 60_000;
const deletion = 'delete-notifications-older-than-retention';

const limits = { ratio: 1.1, readMilliseconds: 50, deletionSeconds: 2, pauseMilliseconds: 100 } as const;

/** What years of messages change: the cost of a message, reads over HTTP, and the night in which a day is deleted. */
export const history: Scenario = {
  name: 'history',
  summary: 'with 10 million messages of a year: CPU of a message, lists and figures, and deleting a day',
  run: measureHistory,
};

export type Installation = Readonly<{
  harness: Harness;
  databaseUrl: string;
  client: pg.Client;
  provider: Readonly<{ child: Child; client: SandboxClient }>;
  /** The processor time of PostgreSQL so far, in seconds. */
  databaseSeconds: () => number;
}>;

async function measureHistory(harness: Harness, settings: Settings): Promise<Outcome> {
  const rows = settings.rows ?? usualRows;
  const other = new Harness({ profileDir: null });
  harness.onEnd(() => other.end());
  const [empty, full] = await Promise.all([install(other), install(harness)]);
  const running = await Promise.all([empty, full].map((one) => start(one, ['api', 'worker', 'scheduler'])));
  const requests: Requests[] = [];
  for (const { harness, client } of [empty, full])
    requests.push(new Requests(await openAccount(harness, client), 0.2));
  const { databaseUrl, client } = full;
  const loaded = await loadHistory({ databaseUrl, client, secretKey: harness.secretKey }, rows, (what) =>
    console.error(`  ${what}`),
  );

  const faults: string[] = [];
  const costs: (readonly [number, number])[] = [];
  const measure = (index: 0 | 1) =>
    costOf([empty, full][index]!, running[index]!, requests[index]!, settings.seconds, faults);
  for (const index of [0, 1] as const) await measure(index);
  const rounds = settings.seconds < 1 ? fewRounds : usualRounds;
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    const cost = [Number.NaN, Number.NaN] as [number, number];
    for (const index of order) cost[index] = await measure(index);
    costs.push(cost);
    console.error(
      `  CPU of a message: without history ${cost[0].toFixed(0)} µs, with ${cost[1].toFixed(0)} µs`,
    );
  }
  faults.push(...(await stopAll(running.flat())));
  await disconnected(client);

  // Without the scheduler, whose tasks may read whole partitions, and from new processes, so that only this is counted.
  await client.query('select pg_stat_reset()');
  const readers = await start(full, ['api', 'worker']);
  const { admin } = readCredentials(harness.dataDir)!;
  const readings = await readAll(readers[0]!.url, readsOf(loaded, Date.now()), {
    ...{ admin, key: loaded.key, times: settings.seconds < 1 ? fewReads : usualReads },
    cpuSeconds: () => (readers[0]!.child.processorSeconds ?? Number.NaN) + full.databaseSeconds(),
  });
  await costOf(full, readers, requests[1]!, 1, faults);
  faults.push(...(await stopAll(readers)));
  await disconnected(client);
  const scans = await sequentialScans(client);

  const deleted = await measureDeletion(full, loaded, requests[1]!, faults);
  faults.push(...unexpectedEnds([empty.provider.child, full.provider.child]));
  return outcomeOf({ costs, readings, scans, ...deleted }, faults);
}

export async function install(harness: Harness): Promise<Installation> {
  const { url: databaseUrl, dataPath, client } = await harness.openDatabase();
  const provider = await startProvider(harness);
  const databaseSeconds = () => {
    const pid = findRunning(dataPath)?.pid;
    return (pid === undefined ? null : familySeconds(pid)) ?? Number.NaN;
  };
  return { harness, databaseUrl, client, provider, databaseSeconds };
}

let starts = 0;

/** A process for each of the roles, the API first. */
export async function start(
  { harness, databaseUrl, provider }: Installation,
  roles: readonly string[],
): Promise<Server[]> {
  const servers: Server[] = [];
  for (const role of roles)
    servers.push(
      await startServer(harness, {
        ...{ databaseUrl, roles: role, name: `${role}-${++starts}` },
        environment: { SANDBOX_URL: provider.client.url, API_HOST_NAME: servers[0]?.url ?? '' },
      }),
    );
  return servers;
}

/** Returns a sentence for each that had ended before. */
export async function stopAll(servers: readonly Server[]): Promise<string[]> {
  const faults = unexpectedEnds(servers.map(({ child }) => child));
  for (const { child } of servers) await child.stop();
  return faults;
}

/** Waits until the product has no connection any more: what each has read is counted when it ends. */
export async function disconnected(client: pg.Client): Promise<void> {
  const connected = `select from pg_stat_activity where application_name like 'despatch%'`;
  while ((await client.query(connected)).rows.length > 0) await sleep(50);
}

/** CPU of one message from POST to delivered, of PostgreSQL, the API and the worker, in microseconds. */
async function costOf(
  { provider, databaseSeconds }: Installation,
  servers: readonly Server[],
  requests: Requests,
  seconds: number,
  faults: string[],
): Promise<number> {
  const spent = () =>
    servers
      .slice(0, 2)
      .reduce((sum, { child }) => sum + (child.processorSeconds ?? Number.NaN), databaseSeconds());
  const { reported } = await provider.client.counts();
  const before = spent();
  const tally = await openLoop({ url: servers[0]!.url, requests, connections }, { perSecond, seconds });
  faults.push(...describeRefusals('API', tally));
  const deadline = performance.now() + patienceMilliseconds;
  while ((await provider.client.counts()).reported < reported + tally.accepted) {
    if (performance.now() > deadline) {
      faults.push('Not every message was delivered within a minute');
      break;
    }
    await sleep(50);
  }
  return ((spent() - before) * 1e6) / tally.accepted;
}

/** Partitions that were read as a whole, if they have more than a few rows. */
export async function sequentialScans(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_stat_user_tables s join pg_class c on c.oid = s.relid
     where c.relispartition and s.schemaname = 'public' and s.seq_scan > 0 and c.reltuples > 1000 order by 1`,
  );
  return rows.map(({ name }) => name);
}

type Deletion = Readonly<{ deleted: number; seconds: number; pause: number; quietPause: number }>;

/** Deletes the day whose retention has ended, while single messages are sent. */
async function measureDeletion(
  installation: Installation,
  loaded: Loaded,
  requests: Requests,
  faults: string[],
): Promise<Deletion> {
  const { harness, provider } = installation;
  // As on every night before, which leaves nothing that is older.
  await deleteEnded(installation, 'the nights before');
  const [wanted, servers] = await Promise.all([loaded.addEndedDay(), start(installation, ['api', 'worker'])]);
  const wire = await Wire.open(servers[0]!.url);
  harness.onEnd(async () => wire.close());
  /** The longest time without an arrival at the provider, in milliseconds. */
  const longestPause = async (during: () => Promise<unknown>) => {
    const arrivals: number[] = [];
    const send = async () => {
      const { status, body } = await wire.send(requests.take());
      if (status !== 201) throw new Error(`A single message was answered ${status} ${body}`);
      const { id } = JSON.parse(body.toString()) as { id: string };
      const arrival = provider.client.arrival({ reference: id }, patienceMilliseconds);
      return { since: 0, arrival: arrival.then((at) => arrivals.push(at)) };
    };
    let isOver = false;
    await Promise.all([
      during().finally(() => {
        isOver = true;
      }),
      every(send, () => isOver, singleMilliseconds),
    ]);
    arrivals.sort();
    return Math.max(...arrivals.slice(1).map((at, index) => at - arrivals[index]!));
  };
  await longestPause(() => sleep(1000));
  const quietPause = await longestPause(() => sleep(5000));
  let [deleted, seconds] = [Number.NaN, Number.NaN];
  const pause = await longestPause(async () => {
    [deleted, seconds] = await deleteEnded(installation, 'the night');
  });
  if (!(deleted >= wanted)) faults.push(`${wanted} messages were to be deleted, but ${deleted} were`);
  faults.push(...(await stopAll(servers)));
  return { deleted, seconds, pause, quietPause };
}

/** Runs the task of the night; returns how much it deleted, and in how many seconds. */
async function deleteEnded(
  { harness, databaseUrl }: Installation,
  night: string,
): Promise<readonly [number, number]> {
  const task = harness.startChild({
    name: `deletion-${night.replaceAll(' ', '-')}`,
    command: 'bin/despatch',
    args: ['task', 'run', deletion],
    environment: {
      ...{ SANDBOX: '1', DATABASE_URL: databaseUrl, SECRET_KEY: harness.secretKey },
      DESPATCH_DATA_DIR: harness.dataDir,
    },
  });
  const ran = await task.logged(/^Ran \S+: (\d+) done in (\S+) s/m, 600_000);
  return [Number(ran[1]), Number(ran[2])];
}

type Measured = Deletion &
  Readonly<{
    costs: readonly (readonly [number, number])[];
    readings: readonly Reading[];
    scans: readonly string[];
  }>;

function outcomeOf({ costs, readings, scans, ...deletion }: Measured, faults: readonly string[]): Outcome {
  const slowest = (group: Reading['group']) =>
    Math.max(...readings.filter((one) => one.group === group).map(({ p95_ms }) => p95_ms));
  const read = (group: Reading['group'], meaning: string): Figure => ({
    ...{
      key: `${group}_p95_ms`,
      meaning: `${meaning}: p95 of the slowest`,
      value: slowest(group),
      unit: 'ms',
    },
    ...(group !== 'none' && group !== 'admin' && { target: { under: limits.readMilliseconds } }),
  });
  const cost = (index: 0 | 1) => median(costs.map((pair) => pair[index]));
  const figures: Figure[] = [
    { key: 'empty_cpu_us', meaning: 'CPU of a message without history', value: cost(0), unit: 'µs' },
    { key: 'full_cpu_us', meaning: 'CPU of a message with history', value: cost(1), unit: 'µs' },
    {
      ...{
        key: 'ratio',
        meaning: 'one to the other',
        value: median(costs.map(([empty, full]) => full / empty)),
      },
      ...{ unit: 'x', target: { atMost: limits.ratio } },
    },
    read('none', 'a read that needs no database'),
    read('figures', 'figures of services and the platform'),
    read('lists', 'lists of a service'),
    read('rare', 'lists by a status that few messages of a large service have, or none'),
    read('admin', 'lists and searches of the admin API'),
    {
      ...{ key: 'sequential_scans', meaning: 'partitions that were read as a whole', value: scans.length },
      target: { atMost: 0 },
    },
    { key: 'deleted', meaning: 'messages and callbacks of a day deleted', value: deletion.deleted },
    {
      ...{ key: 'deletion_seconds', meaning: 'how long that took', value: deletion.seconds, unit: 's' },
      target: { under: limits.deletionSeconds },
    },
    {
      ...{
        key: 'pause_ms',
        meaning: 'longest pause of sending meanwhile',
        value: deletion.pause,
        unit: 'ms',
      },
      target: { under: limits.pauseMilliseconds },
    },
    { key: 'quiet_pause_ms', meaning: 'longest pause before', value: deletion.quietPause, unit: 'ms' },
  ];
  const scanned = scans.map((name) => `${name} was read as a whole`);
  return { figures, rows: readings, faults: [...faults, ...scanned, ...missed(figures)] };
}

/** A sentence for each limit that was missed. Written so that NaN is one. */
export function missed(figures: readonly Figure[]): string[] {
  return figures.flatMap(({ key, meaning, value, unit = '', target }) => {
    if (!target || key === 'sequential_scans') return [];
    const limit = 'under' in target ? target.under : 'atMost' in target ? target.atMost : Number.NaN;
    const isMet = 'under' in target ? value < limit : value <= limit;
    return isMet ? [] : [`${meaning}: ${value.toPrecision(3)} ${unit}, and not within ${limit} ${unit}`];
  });
}
