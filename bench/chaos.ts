/**
 * `npm run chaos`: proves that nothing is lost and nothing is sent twice while processes and the database are killed
 * and the provider fails. Exit code 0 if so, 1 if not or if the run went wrong, 2 if the command line is wrong.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { BehaviourChange } from '../sandbox/behaviour.ts';
import type { NotificationStatus } from '../src/database/tables.ts';
import { isCompleted } from '../src/message/status/status.ts';
import { unexpectedEnds } from './child-process.ts';
import { type Harness, runCommand, withHarness } from './harness.ts';
import { openAccount } from './installation.ts';
import { deployRepeatedly, Fleet, killAndRestart, type Losses } from './killer.ts';
import { persistentLoad } from './persistent-load.ts';
import { startProvider } from './sandbox-client.ts';
import { faultsOf, judge, type Known, settled, type Verdict } from './verdict.ts';

const help = `npm run chaos -- [options]

Sends messages while two workers and two APIs are killed at random and started again, the database crashes once, and
the provider fails, stays silent, and reports late, twice and out of order. Then counts.

Options:
  --deploy        in place of all that: every 10 seconds a worker and an API are asked to stop (SIGTERM) and started
                  again, while the provider takes 8 seconds to answer and a minute to report
  --messages N    how many messages are sent, half of them texts and half emails (20000; with --deploy 2000)
  --rate N        how many a second (150; with --deploy 20)
  --seed N        seed of the random numbers, to repeat a run (random)
  --json          the last line of output is the figures as one JSON object`;

/** Short delays, so that what takes minutes in production takes seconds here. */
const settings = {
  DELIVER_RETRY_DELAY_SECONDS: '5',
  PERSIST_RETRY_DELAY_SECONDS: '5',
  DATABASE_POOL_SIZE: '10',
  LOG_LEVEL: 'warn',
};

/** What happens to the installation, and to its messages at the provider. */
type Mode = Readonly<{
  settings: Readonly<Record<string, string>>;
  behaviour: BehaviourChange;
  messages: number;
  rate: number;
  /** How long nothing may change before the rest counts as lost. */
  patienceSeconds: number;
}>;

/** A provider on a bad day. A receipt may arrive after the next attempt at a message whose outcome is unknown. */
const kills: Mode = {
  settings: { ...settings, PROVIDER_TIMEOUT_SECONDS: '2' },
  behaviour: {
    failure_rate: 0.1,
    timeout_rate: 0.02,
    latency_ms: { min: 5, max: 50 },
    receipt_delay_ms: { min: 0, max: 8000 },
    receipt_duplicate_rate: 1,
    receipt_shuffle: true,
  },
  messages: 20_000,
  rate: 150,
  // Longer than it takes to notice a lost worker, and than the longest pause between two attempts at a receipt.
  patienceSeconds: 60,
};

/** A slow provider, within the product's usual time-out. Nothing fails, so no attempt has an excuse. */
const deploys: Mode = {
  settings,
  behaviour: { latency_ms: { min: 8000, max: 8000 }, receipt_delay_ms: { min: 60_000, max: 60_000 } },
  messages: 2000,
  rate: 20,
  patienceSeconds: 150,
};

type Plan = Readonly<{ deploy: boolean; messages: number; rate: number; seed: number; json: boolean }>;

/** @throws with a sentence for whoever typed the command */
function readPlan(args: readonly string[]): Plan | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      deploy: { type: 'boolean', default: false },
      messages: { type: 'string' },
      rate: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const mode = values.deploy ? deploys : kills;
  return {
    deploy: values.deploy,
    messages: whole('messages', values.messages ?? String(mode.messages), 1, 1_000_000),
    rate: whole('rate', values.rate ?? String(mode.rate), 1, 10_000),
    seed: whole('seed', values.seed, 0, 2_147_483_647),
    json: values.json,
  };
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new Error(`--${option} takes a whole number from ${least} to ${most}, not "${text}".`);
  return value;
}

type Result = Readonly<{ verdict: Verdict; losses: Losses; seconds: number; faults: readonly string[] }>;

async function run(harness: Harness, { deploy, messages, rate, seed }: Plan): Promise<Result> {
  const { settings, behaviour, patienceSeconds } = deploy ? deploys : kills;
  const database = await harness.startDatabase();
  const provider = await startProvider(harness);
  await provider.client.behave({ ...behaviour, seed });
  const { fleet, apis } = await Fleet.start(harness, database.url, {
    ...settings,
    SANDBOX_URL: provider.client.url,
  });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const account = await openAccount(harness, client).finally(() => client.end());
  console.error(`Everything is running: ${messages} messages, ${rate} a second, seed ${seed}.`);

  const started = performance.now();
  let accepted = 0;
  let isLoadOver = false;
  let isOver = false;
  const sendAndWait = async () => {
    const load = await persistentLoad({
      ...{ apis, account, messages, perSecond: rate, seed },
      onAccepted: (count) => {
        accepted = count;
        if (count % 2000 === 0) console.error(`  ${count} accepted`);
      },
    });
    isLoadOver = true;
    console.error(`  ${load.ids.size} accepted, ${load.repeats} requests repeated. Waiting for the rest.`);
    return { load, ...(await settled(database.url, load.ids, provider.client, patienceSeconds)) };
  };
  const [{ load, known, counts }, losses] = await Promise.all([
    sendAndWait().finally(() => {
      isLoadOver = true;
      isOver = true;
    }),
    deploy
      ? // To the end, because receipts arrive a minute after the last message is sent.
        deployRepeatedly(fleet, () => isOver)
      : killAndRestart(fleet, database.dataPath, seed, {
          isDatabaseDue: () => accepted >= messages / 2,
          isOver: () => isLoadOver,
        }),
  ]);
  const verdict = judge(load.ids, known, counts);
  const faults = [
    ...load.faults,
    ...faultsOf(verdict),
    ...fleet.faults(),
    ...unexpectedEnds([provider.child]),
  ];
  if (load.ids.size !== messages)
    faults.push(`${messages} messages were sent, but ${load.ids.size} ids came back`);
  if (deploy && verdict.unknown + verdict.repeated > 0)
    faults.push(
      `${verdict.unknown} messages have an attempt whose outcome is unknown, and ${verdict.repeated} were sent more than once for that reason: a stop must not cause this`,
    );
  if (verdict.lost > 0) console.error(`  Not final: ${openStatuses(load.ids, known)}.`);
  if (counts.failed > 0) console.error(`  The provider gave up on ${counts.failed} receipts.`);
  if (counts.duplicates > counts.times.size)
    faults.push('The provider cannot list all messages that arrived more than once: their count is too low');
  return { verdict, losses, seconds: (performance.now() - started) / 1000, faults };
}

/** The number of messages in each status that is not final. */
function openStatuses(ids: ReadonlySet<string>, known: readonly Known[]): string {
  const statuses = new Map([...ids].map((id) => [id, 'nowhere']));
  for (const { id, status } of known) if (ids.has(id)) statuses.set(id, status);
  const counts = new Map<string, number>();
  for (const status of statuses.values())
    if (!isCompleted(status as NotificationStatus)) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
}

function report(
  { deploy, messages, seed, json }: Plan,
  { verdict, losses, seconds, faults }: Result,
): number {
  const { final, lost, twice, unknown, repeated } = verdict;
  console.log(
    [
      '',
      `messages accepted and final     ${final} of ${messages}`,
      `lost                            ${lost}`,
      `sent twice                      ${twice}`,
      `with an unknown attempt         ${unknown}, of which ${repeated} reached the provider more than once`,
      deploy
        ? `processes stopped               ${losses.kills}`
        : `processes killed                ${losses.kills}, and the database ${losses.crashes} time`,
      `seconds                         ${seconds.toFixed(0)}`,
      `seed                            ${seed}`,
    ].join('\n'),
  );
  for (const fault of faults.slice(0, 20)) console.error(`\n${fault}`);
  const figures = {
    ...{ messages, final, lost, twice, unknown },
    [deploy ? 'stops' : 'kills']: losses.kills,
    seconds: Math.round(seconds),
  };
  if (json) console.log(JSON.stringify(figures));
  return faults.length === 0 ? 0 : 1;
}

await runCommand(help, readPlan, async (plan) =>
  report(plan, await withHarness({ profileDir: null }, (harness) => run(harness, plan))),
);
