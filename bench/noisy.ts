import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { secrets } from '../src/config/database.ts';
import { connect } from '../src/database/connection.ts';
import { type Cipher, createCipher } from '../src/ground/cipher.ts';
import { systemClock } from '../src/ground/clock.ts';
import { createIdSource } from '../src/ground/id.ts';
import { createLog } from '../src/ground/log.ts';
import { pasteableKey } from '../src/tenant/key/key.ts';
import { addKey } from '../src/tenant/key/store.ts';
import { unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { type Account, addTenant, openAccount, startServer } from './installation.ts';
import { describeRefusals, openLoop, Requests } from './load.ts';
import { largeEmails, type NoiseName, type NoiseTally, noises, startNoise } from './noise.ts';
import { startProvider } from './sandbox-client.ts';
import { type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';

const perSecond = 20;
const connections = 32;
const maxP95Milliseconds = 250;
const maxMebibytes = 700;
const usualRows = 300_000;
const rowsAtOnce = 10_000;
/** After this long without answers the process is killed, and what is unanswered counts as refused. */
const patienceMilliseconds = 60_000;

/**
 * One service does in turn what could stop the others; in each phase another service sends 20 texts a second to the
 * same process, which has all roles, as `npm start` has. Each phase has a new process, so that its memory is that of
 * the phase.
 */
export const noisy: Scenario = {
  name: 'noisy',
  summary: 'how long a POST takes, and how much memory the process, while another service does its worst',
  run: measureNoisy,
};

type Phase = Readonly<{
  phase: NoiseName;
  p50_ms: number;
  p95_ms: number;
  max_ms: number;
  sent: number;
  refused: number;
  /** Peak of the process; NaN if it ended or the system does not say. */
  memory_mib: number;
  noise: NoiseTally;
  faults: readonly string[];
}>;

async function measureNoisy(harness: Harness, settings: Settings): Promise<Outcome> {
  const { url: databaseUrl, client } = await harness.openDatabase();
  const provider = await startProvider(harness);
  const start = (name: string) => startInstallation(harness, databaseUrl, provider.client.url, name);
  let server = await start('none');
  const quiet = new Requests(await openAccount(harness, client), 0);
  const service = await addNoisyService(harness, databaseUrl, client, settings.rows ?? usualRows);

  const phases: Phase[] = [];
  for (const name of Object.keys(noises) as NoiseName[]) {
    if (name !== 'none') server = await start(name);
    const noise = await startNoise(name, { ...service, url: server.url });
    const giveUp = setTimeout(() => void server.child.kill(), settings.seconds * 2000 + patienceMilliseconds);
    const { latencies, ...tally } = await openLoop(
      { url: server.url, requests: quiet, connections },
      // Twenty a second are few: twice the usual time makes the 95th percentile of 200.
      { perSecond, seconds: settings.seconds * 2 },
    );
    clearTimeout(giveUp);
    const sent = Math.round(perSecond * settings.seconds * 2);
    phases.push({
      phase: name,
      p50_ms: quantile(latencies, 0.5),
      p95_ms: quantile(latencies, 0.95),
      max_ms: quantile(latencies, 1),
      sent,
      refused: sent - tally.accepted,
      memory_mib: (server.child.residentPeak ?? Number.NaN) / 1024 ** 2,
      faults: [...unexpectedEnds([server.child]), ...describeRefusals('API', tally)],
      noise: await noise.stop(),
    });
    console.error(`  ${lineOf(phases.at(-1)!)}`);
    await server.child.kill();
  }
  return outcomeOf(phases, unexpectedEnds([provider.child]));
}

function startInstallation(harness: Harness, databaseUrl: string, sandboxUrl: string, name: string) {
  const roles = 'api,worker,scheduler';
  return startServer(harness, {
    ...{ databaseUrl, roles, name: `server-${name}` },
    environment: { SANDBOX_URL: sandboxUrl },
  });
}

function lineOf({ phase, p50_ms, p95_ms, max_ms, sent, refused, memory_mib, noise }: Phase): string {
  const times = [p50_ms, p95_ms, max_ms].map((value) => value.toFixed(0)).join(' / ');
  const answers = Object.entries(noise).map(([status, times]) => `${times} × ${status}`);
  return `${phase}: p50 / p95 / max ${times} ms, ${refused} of ${sent} refused, ${memory_mib.toFixed(0)} MiB (noise: ${answers.join(', ') || 'none'})`;
}

function outcomeOf(phases: readonly Phase[], faults: readonly string[]): Outcome {
  const worst = (of: (phase: Phase) => number) => Math.max(...phases.map(of));
  const refused = phases.reduce((sum, phase) => sum + phase.refused, 0);
  return {
    faults: [...faults, ...phases.flatMap(faultsOf)],
    rows: phases.map(({ faults: _, ...row }) => row),
    figures: [
      {
        ...{ key: 'p95_ms', meaning: 'POST of another service, p95 of the worst phase', unit: 'ms' },
        ...{ value: worst(({ p95_ms }) => p95_ms), target: { under: maxP95Milliseconds } },
      },
      { key: 'max_ms', meaning: 'the slowest of all', value: worst(({ max_ms }) => max_ms), unit: 'ms' },
      { key: 'refused', meaning: 'not accepted', value: refused, target: { atMost: 0 } },
      {
        ...{ key: 'memory_mib', meaning: 'memory of the process, worst phase', unit: 'MiB' },
        ...{ value: worst(({ memory_mib }) => memory_mib), target: { under: maxMebibytes } },
      },
    ],
  };
}

/** Written so that NaN is a fault. */
function faultsOf({ phase, p95_ms, refused, memory_mib, faults }: Phase): string[] {
  const during = `During ${noises[phase].summary}`;
  return [
    ...faults.map((fault) => `${during}: ${fault}`),
    ...(p95_ms < maxP95Milliseconds
      ? []
      : [`${during}, the p95 of another service’s POST was ${p95_ms.toFixed(0)} ms`]),
    ...(refused === 0 ? [] : [`${during}, ${refused} POSTs of another service were not accepted`]),
    ...(memory_mib < maxMebibytes ? [] : [`${during}, the process took ${memory_mib.toFixed(0)} MiB`]),
  ];
}

/** The service that makes the noise, with its messages in the tables: `rows` delivered texts, and large emails. */
async function addNoisyService(harness: Harness, databaseUrl: string, client: pg.Client, rows: number) {
  const connection = connect(databaseUrl, 2, createLog('warn'));
  try {
    const cipher = createCipher([harness.secretKey], secrets.salt.reader.fallback);
    const account = await addTenant(connection.db, cipher);
    const serviceId = account.key.slice(-73, -37);
    const testKey = {
      ...{ id: randomUUID(), serviceId, name: 'bench test', secret: randomUUID() },
      keyType: 'test',
    } as const;
    await addKey(connection.db, cipher, testKey);
    await addMessages(client, cipher, account, serviceId, rows);
    return {
      key: account.key,
      testKey: pasteableKey(testKey),
      emailTemplate: account.templates.email,
      texts: rows,
    };
  } finally {
    await connection.close();
  }
}

/** Written to the tables, because sending them would take longer than the run. */
async function addMessages(
  client: pg.Client,
  cipher: Cipher,
  account: Account,
  serviceId: string,
  rows: number,
): Promise<void> {
  const newId = createIdSource(systemClock);
  const text = JSON.stringify({ name: 'Rowan', title: 'Sea Charts', date: '4 May' });
  const add = async (type: 'sms' | 'email', count: number, values: string) => {
    const ids = Array.from({ length: count }, newId);
    const sealed = ids.map((id) => cipher.seal(values, id));
    const recipient = type === 'sms' ? '447700900123' : 'reader@example.com';
    await client.query(
      `with written as (
         insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
         select id, $3, $4, $4, sealed from unnest($1::uuid[], $2::bytea[]) as row (id, sealed)
       )
       insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type,
         status, created_at, sent_at, updated_at, sent_by, billable_units, international, rate_multiplier)
       select id, $3, $5, 1, 'normal', $6, 'delivered', now(), now(), now(), 'mmg', 1, false, 1
       from unnest($1::uuid[]) as row (id)`,
      [ids, sealed, serviceId, recipient, account.templates[type], type],
    );
  };
  for (let left = rows; left > 0; left -= rowsAtOnce) await add('sms', Math.min(left, rowsAtOnce), text);
  const large = JSON.stringify(largeEmails.personalisation());
  for (let email = 0; email < largeEmails.count; email += 1) await add('email', 1, large);
  await client.query('vacuum analyze');
}
