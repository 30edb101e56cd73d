import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { findRunning } from '../embedded-postgres/server.ts';
import { familySeconds, processorSeconds, unexpectedEnds } from './child-process.ts';
import { measureFloor } from './floor.ts';
import { Harness } from './harness.ts';
import { openAccount, type Server, startServer, watchMemory } from './installation.ts';
import { closedLoop, describeRefusals, type LoadOptions, Requests } from './load.ts';
import { startProvider } from './sandbox-client.ts';
import { type Figure, median, type Outcome, type Scenario, type Settings } from './scenario.ts';

const usualMessages = 12_000;
/**
 * As many so often before: V8 goes on compiling the code of a process for its first 40,000 messages, which takes up to a
 * quarter of its time then and a hundredth later.
 */
const warmUps = 3;
const pairs = 5;
/**
 * Turns that the two checkouts take within a pair. A shared machine is half as fast for ten seconds now and then: each gets
 * some of them.
 */
const turns = 6;
const connections = 64;
const pollMilliseconds = 100;
const patienceMilliseconds = 60_000;

/**
 * What one message costs from POST to delivered, part by part: the processor time of the process that accepts, of one
 * that takes receipts, of the worker and of PostgreSQL for each of them; transactions and bytes of the write-ahead log.
 * With `against`, another checkout does the same in turn, so that what else runs on the machine affects both alike.
 */
export const cost: Scenario = {
  name: 'cost',
  summary:
    'what one message costs: CPU by process, transactions, bytes of WAL; --against DIR: and another checkout',
  run: measureCost,
};

/** Of one message: CPU in milliseconds, the rest as named. */
const parts = {
  accepting: { meaning: 'CPU of the API that accepts', unit: 'ms' },
  receipts: { meaning: 'CPU of the API that takes receipts', unit: 'ms' },
  worker: { meaning: 'CPU of the worker', unit: 'ms' },
  database_accepting: { meaning: 'CPU of PostgreSQL for the API that accepts', unit: 'ms' },
  database_receipts: { meaning: 'CPU of PostgreSQL for the API that takes receipts', unit: 'ms' },
  database_worker: { meaning: 'CPU of PostgreSQL for the worker', unit: 'ms' },
  database_other: { meaning: 'CPU of PostgreSQL itself: WAL, vacuum', unit: 'ms' },
  total: { meaning: 'CPU of all of them', unit: 'ms' },
  kernel: { meaning: 'of that, in the kernel', unit: 'ms' },
  database: { meaning: 'CPU of PostgreSQL', unit: 'ms' },
  transactions: { meaning: 'transactions', unit: '' },
  wal_bytes: { meaning: 'write-ahead log', unit: 'bytes' },
  per_second: { meaning: 'POST to delivered, messages in a second', unit: '/s' },
} as const satisfies Record<string, { meaning: string; unit: string }>;
type Cost = Readonly<Record<keyof typeof parts, number>>;
const roles = ['accepting', 'receipts', 'worker'] as const;
type Role = (typeof roles)[number];

type Side = Readonly<{
  client: pg.Client;
  dataPath: string;
  provider: Awaited<ReturnType<typeof startProvider>>;
  servers: Readonly<Record<Role, Server>>;
  load: Omit<LoadOptions, 'onAccepted'>;
  memory: () => Figure[];
}>;

async function measureCost(harness: Harness, settings: Settings): Promise<Outcome> {
  const messages = settings.messages ?? usualMessages;
  const sides = [await open(harness, settings, null)];
  if (settings.against !== null) {
    const other = new Harness({ profileDir: null });
    harness.onEnd(() => other.end());
    sides.push(await open(other, settings, settings.against));
  }
  const faults: string[] = [];
  for (let round = 0; round < warmUps; round++)
    for (const side of sides) await measure(side, messages, faults);
  const costs: Cost[][] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const each: Cost[][] = sides.map(() => []);
    for (let turn = 0; turn < turns; turn++) {
      const order = turn % 2 === 0 ? [...sides.keys()] : [...sides.keys()].reverse();
      for (const index of order)
        each[index]!.push(await measure(sides[index]!, Math.ceil(messages / turns), faults));
    }
    const found = each.map(mean);
    costs.push(found);
    console.error(
      `  CPU of a message: ${found.map(({ total }) => `${total.toFixed(3)} ms`).join(', the other ')}`,
    );
  }
  for (const { servers, provider } of sides)
    faults.push(...unexpectedEnds([...Object.values(servers).map(({ child }) => child), provider.child]));
  const side = sides[0]!;
  return {
    faults,
    figures: [...figuresOf(costs, side), ...(await measureFloor(harness, side.client, side.load))],
  };
}

function mean(costs: readonly Cost[]): Cost {
  const keys = Object.keys(parts) as (keyof Cost)[];
  return Object.fromEntries(
    keys.map((key) => [key, costs.reduce((sum, cost) => sum + cost[key], 0) / costs.length]),
  ) as Cost;
}

function figuresOf(costs: readonly (readonly Cost[])[], side: Side): Figure[] {
  const keys = Object.keys(parts) as (keyof typeof parts)[];
  const of = (key: keyof typeof parts, index: number) => median(costs.map((pair) => pair[index]![key]));
  const isPair = costs[0]!.length > 1;
  return [
    ...keys.map((key) => ({ key, ...parts[key], value: of(key, 0) })),
    ...(isPair
      ? keys.flatMap((key) => [
          {
            key: `other_${key}`,
            ...parts[key],
            meaning: `the other: ${parts[key].meaning}`,
            value: of(key, 1),
          },
          {
            key: `ratio_${key}`,
            meaning: `one to the other: ${parts[key].meaning}`,
            value: median(costs.map(([one, other]) => one![key] / other![key])),
            unit: 'x',
          },
        ])
      : []),
    ...side.memory(),
  ];
}

async function open(harness: Harness, { emails }: Settings, root: string | null): Promise<Side> {
  const { url, dataPath, client } = await harness.openDatabase();
  const provider = await startProvider(harness);
  /** PostgreSQL tells its backends apart by their user. */
  const urlOf = async (role: Role) => {
    const password = randomBytes(12).toString('hex');
    await client.query(`create role bench_${role} superuser login password '${password}'`);
    const own = new URL(url);
    own.username = `bench_${role}`;
    own.password = password;
    return own.href;
  };
  const startOne = async (role: Role, environment: Readonly<Record<string, string>>) =>
    startServer(harness, {
      ...{
        name: role,
        roles: role === 'worker' ? 'worker,scheduler' : 'api',
        databaseUrl: await urlOf(role),
        environment,
      },
      ...(root !== null && { root }),
    });
  const accepting = await startOne('accepting', {});
  const receipts = await startOne('receipts', {});
  const worker = await startOne('worker', {
    ...{ SANDBOX_URL: provider.client.url, API_HOST_NAME: receipts.url },
  });
  const load = {
    ...{ url: accepting.url, connections },
    requests: new Requests(await openAccount(harness, client), emails),
  };
  const memory = watchMemory(harness, { api: accepting, worker });
  return { client, dataPath, provider, servers: { accepting, receipts, worker }, load, memory };
}

/** Sends so many messages as fast as they are accepted, waits until all are delivered, and divides what that took. */
async function measure(side: Side, messages: number, faults: string[]): Promise<Cost> {
  const { client, provider, load } = side;
  const { reported } = await provider.client.counts();
  const delivered = await countDelivered(client);
  const before = await spent(side);
  const began = performance.now();
  let left = messages;
  const tally = await closedLoop(load, () => left-- > 0);
  faults.push(...describeRefusals('API', tally));
  const deadline = performance.now() + patienceMilliseconds;
  while (
    (await provider.client.counts()).reported < reported + tally.accepted ||
    (await countDelivered(client)) < delivered + tally.accepted
  ) {
    if (performance.now() > deadline) {
      faults.push('Not every message was delivered within a minute');
      break;
    }
    await sleep(pollMilliseconds);
  }
  const seconds = (performance.now() - began) / 1000;
  const after = await spent(side);
  const each = (key: keyof Spent, scale = 1) => ((after[key] - before[key]) * scale) / tally.accepted;
  const milliseconds = (key: keyof Spent) => each(key, 1000);
  const database = milliseconds('database');
  const ofRoles = roles.map((role) => milliseconds(`database_${role}`));
  return {
    ...{
      accepting: milliseconds('accepting'),
      receipts: milliseconds('receipts'),
      worker: milliseconds('worker'),
    },
    database_accepting: ofRoles[0]!,
    database_receipts: ofRoles[1]!,
    database_worker: ofRoles[2]!,
    database_other: database - ofRoles.reduce((sum, one) => sum + one, 0),
    total: milliseconds('accepting') + milliseconds('receipts') + milliseconds('worker') + database,
    database,
    kernel: milliseconds('kernel'),
    transactions: each('transactions'),
    wal_bytes: each('wal'),
    per_second: tally.accepted / seconds,
  };
}

async function countDelivered(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from notification_history where status = 'delivered'`,
  );
  return rows[0]!.count;
}

/** Seconds of CPU, numbers of transactions and bytes of WAL so far. */
type Spent = Readonly<
  Record<Role | `database_${Role}` | 'database' | 'kernel' | 'transactions' | 'wal', number>
>;

async function spent({ client, dataPath, servers }: Side): Promise<Spent> {
  const { rows } = await client.query<{
    wal: number;
    transactions: number;
    backends: Record<string, number[]>;
  }>(
    `select (pg_current_wal_lsn() - '0/0')::float8 as wal,
       (select xact_commit from pg_stat_database where datname = current_database())::float8 as transactions,
       (select json_object_agg(usename, pids) from (
         select usename, json_agg(pid) as pids from pg_stat_activity where usename is not null group by 1) of_each) as backends`,
  );
  const { wal, transactions, backends } = rows[0]!;
  const running = findRunning(dataPath)?.pid;
  const ofServer = (running === undefined ? null : familySeconds(running)) ?? Number.NaN;
  // The statements of the benchmark itself read the whole history.
  const own = (client as unknown as { processID: number }).processID;
  const ofBackends = (role: Role) =>
    (backends[`bench_${role}`] ?? []).reduce((sum, pid) => sum + (processorSeconds(pid) ?? 0), 0);
  const ofProcess = (role: Role) => servers[role].child.processorSeconds ?? Number.NaN;
  const kernel = [
    running === undefined ? null : familySeconds(running, 'kernel'),
    ...roles.map((role) => servers[role].child.kernelSeconds),
  ];
  return {
    kernel: kernel.reduce<number>((sum, one) => sum + (one ?? Number.NaN), 0),
    ...{ wal, transactions, database: ofServer - (processorSeconds(own) ?? Number.NaN) },
    ...{ accepting: ofProcess('accepting'), receipts: ofProcess('receipts'), worker: ofProcess('worker') },
    database_accepting: ofBackends('accepting'),
    database_receipts: ofBackends('receipts'),
    database_worker: ofBackends('worker'),
  };
}
