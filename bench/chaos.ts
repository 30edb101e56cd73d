/**
 * `npm run chaos`: proves that nothing is lost and nothing is sent twice while processes and the database are killed
 * and the provider fails. Exit code 0 if so, 1 if not or if the run went wrong, 2 if the command line is wrong.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { BehaviourChange } from '../sandbox/behaviour.ts';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import type { NotificationStatus } from '../src/database/tables.ts';
import { dayOf } from '../src/ground/clock.ts';
import { isCompleted } from '../src/message/status/status.ts';
import { daysOf } from '../src/statistics/totals/periods.ts';
import { unexpectedEnds } from './child-process.ts';
import { type Harness, runCommand, withHarness } from './harness.ts';
import { openAccount } from './installation.ts';
import { deployRepeatedly, Fleet, killAndRestart, type Losses } from './killer.ts';
import { persistentJob } from './persistent-job.ts';
import { persistentLoad } from './persistent-load.ts';
import { startProvider } from './sandbox-client.ts';
import { driftOf, faultsOf, judge, type Known, settled, type Verdict } from './verdict.ts';

const help = `npm run chaos -- [options]

Sends messages, and a file of recipients, while two workers and two APIs are killed at random and started again, the
database crashes once, and the provider fails, stays silent, and reports late, twice and out of order. Then counts.

Options:
  --deploy        in place of all that: every 10 seconds a worker and an API are asked to stop (SIGTERM) and started
                  again, while the provider takes 8 seconds to answer and a minute to report
  --messages N    how many messages are sent, half of them texts and half emails (20000; with --deploy 2000; 0: none)
  --rows N        how many rows the file has (half as many; 0: no file). It is uploaded once half of the messages are
                  accepted, and the database crashes when a quarter of its rows are messages
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

type Plan = Readonly<{
  deploy: boolean;
  messages: number;
  rows: number;
  rate: number;
  seed: number;
  json: boolean;
}>;

/** @throws with a sentence for whoever typed the command */
function readPlan(args: readonly string[]): Plan | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      deploy: { type: 'boolean', default: false },
      messages: { type: 'string' },
      rows: { type: 'string' },
      rate: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const mode = values.deploy ? deploys : kills;
  const messages = whole('messages', values.messages ?? String(mode.messages), 0, 1_000_000);
  const rows = whole('rows', values.rows ?? String(Math.floor(messages / 2)), 0, 100_000);
  if (messages + rows === 0) throw new Error('There is nothing to send: give --messages or --rows.');
  return {
    deploy: values.deploy,
    messages,
    rows,
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

type Result = Readonly<{
  verdict: Verdict;
  losses: Losses;
  /** How often the periodic check had to queue a job's tasks again. */
  resumed: number;
  /** Figures that differ from the history. */
  drift: number;
  seconds: number;
  faults: readonly string[];
}>;

async function run(harness: Harness, { deploy, messages, rows, rate, seed }: Plan): Promise<Result> {
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
  const { admin, services } = readCredentials(harness.dataDir)!;
  console.error(
    `Everything is running: ${messages} messages, ${rate} a second, and a file of ${rows} rows, seed ${seed}.`,
  );

  const firstDay = dayOf(Date.now());
  const started = performance.now();
  let accepted = 0;
  let made = 0;
  /** Uploads the file halfway through the messages. */
  const sendFile = async () => {
    if (rows === 0) return;
    while (accepted < Math.floor(messages / 2)) await sleep(50);
    await persistentJob({
      ...{ apis, admin, serviceId: services[0]!.id, templateId: account.templates.sms, rows },
      onMade: (count) => {
        made = count;
      },
    });
    console.error(`  ${rows} rows are messages`);
  };
  let isLoadOver = false;
  let isOver = false;
  const sendAndWait = async () => {
    const load = persistentLoad({
      ...{ apis, account, messages, perSecond: rate, seed },
      onAccepted: (count) => {
        accepted = count;
        if (count % 2000 === 0) console.error(`  ${count} accepted`);
      },
    });
    const { ids, repeats, faults } = (await Promise.all([load, sendFile()]))[0];
    isLoadOver = true;
    console.error(`  ${ids.size} accepted, ${repeats} requests repeated. Waiting for the rest.`);
    const sent = { ids, rows };
    return {
      sent,
      refused: faults,
      ...(await settled(database.url, sent, provider.client, patienceSeconds)),
    };
  };
  const [{ sent, refused, known, counts }, losses] = await Promise.all([
    sendAndWait().finally(() => {
      isLoadOver = true;
      isOver = true;
    }),
    deploy
      ? // To the end, because receipts arrive a minute after the last message is sent.
        deployRepeatedly(fleet, () => isOver)
      : killAndRestart(fleet, database.dataPath, seed, {
          isDatabaseDue: () => (rows > 0 ? made >= rows / 4 : accepted >= messages / 2),
          isOver: () => isLoadOver,
        }),
  ]);
  const verdict = judge(sent, known, counts);
  const drift = await driftOf(database.url, daysOf({ from: firstDay, to: dayOf(Date.now()) }));
  // With no lots, it only noted that all of them were made: of a worker that was killed in between.
  const resumed = fleet
    .linesOf('scheduler', /"Job \S+ has not completed"/)
    .filter((line) => !/"lots":0\b/.test(line));
  const faults = [...refused, ...faultsOf(verdict), ...fleet.faults(), ...unexpectedEnds([provider.child])];
  if (sent.ids.size !== messages)
    faults.push(`${messages} messages were sent, but ${sent.ids.size} ids came back`);
  if (resumed.length > 0)
    faults.push(
      `${resumed.length} times tasks of the job had been lost, and were queued again by check-job-status`,
    );
  if (drift > 0) faults.push(`${drift} figures differ from what the history says`);
  if (deploy && verdict.unknown + verdict.repeated > 0)
    faults.push(
      `${verdict.unknown} messages have an attempt whose outcome is unknown, and ${verdict.repeated} were sent more than once for that reason: a stop must not cause this`,
    );
  if (verdict.lost > 0) console.error(`  Not final: ${openStatuses(sent.ids, known)}.`);
  if (counts.failed > 0) console.error(`  The provider gave up on ${counts.failed} receipts.`);
  if (counts.duplicates > counts.times.size)
    faults.push('The provider cannot list all messages that arrived more than once: their count is too low');
  return {
    ...{ verdict, losses, faults, resumed: resumed.length, drift },
    seconds: (performance.now() - started) / 1000,
  };
}

/** The number of messages in each status that is not final. */
function openStatuses(ids: ReadonlySet<string>, known: readonly Known[]): string {
  const statuses = new Map([...ids].map((id) => [id, 'nowhere']));
  for (const { id, status, row } of known) if (ids.has(id) || row !== null) statuses.set(id, status);
  const counts = new Map<string, number>();
  for (const status of statuses.values())
    if (!isCompleted(status as NotificationStatus)) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
}

function report(
  { deploy, messages, rows, seed, json }: Plan,
  { verdict, losses, resumed, drift, seconds, faults }: Result,
): number {
  const { final, lost, doubled, twice, unknown, repeated } = verdict;
  console.log(
    [
      '',
      `final                           ${final} of ${messages} messages and ${rows} rows`,
      `lost                            ${lost}`,
      `second messages of a row        ${doubled}`,
      `sent twice                      ${twice}`,
      `with an unknown attempt         ${unknown}, of which ${repeated} reached the provider more than once`,
      deploy
        ? `processes stopped               ${losses.kills}`
        : `processes killed                ${losses.kills}, and the database ${losses.crashes} time`,
      `jobs queued again               ${resumed}`,
      `figures that differ             ${drift}`,
      `seconds                         ${seconds.toFixed(0)}`,
      `seed                            ${seed}`,
    ].join('\n'),
  );
  for (const fault of faults.slice(0, 20)) console.error(`\n${fault}`);
  const figures = {
    ...{ messages, rows, final, lost, doubled, twice, unknown, resumed, drift },
    [deploy ? 'stops' : 'kills']: losses.kills,
    seconds: Math.round(seconds),
  };
  if (json) console.log(JSON.stringify(figures));
  return faults.length === 0 ? 0 : 1;
}

await runCommand(help, readPlan, async (plan) =>
  report(plan, await withHarness({ profileDir: null }, (harness) => run(harness, plan))),
);
