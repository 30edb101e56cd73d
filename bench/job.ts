import { setTimeout as sleep } from 'node:timers/promises';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import { signToken } from '../src/cli/client.ts';
import { secrets } from '../src/config/database.ts';
import { connect } from '../src/database/connection.ts';
import { createCipher } from '../src/ground/cipher.ts';
import { createLog } from '../src/ground/log.ts';
import { platformUserId } from '../src/tenant/user/store.ts';
import { unexpectedEnds } from './child-process.ts';
import { every, type Sent } from './every.ts';
import type { Harness } from './harness.ts';
import { addTenant, openAccount, openInstallation } from './installation.ts';
import { Requests, Wire } from './load.ts';
import { type FileType, fileOf } from './persistent-job.ts';
import type { SandboxClient } from './sandbox-client.ts';
import { type Figure, type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';

const pollMilliseconds = 100;
const patienceMilliseconds = 60_000;
const types = ['sms', 'email'] as const satisfies readonly FileType[];

/** Targets in seconds, for 100,000 rows. */
const atMost = { checked: 10, created: 20, delivered: 120 } as const;
const rowsOfTargets = 100_000;

/**
 * One file of texts, then one of emails, from the upload to the last receipt, through one API process, one worker
 * process and a provider over HTTP. Meanwhile another service sends a text every 250 ms. Every row must reach the
 * provider exactly once.
 */
export const job: Scenario = {
  name: 'job',
  summary:
    'a file of 100,000 rows from its upload to the last delivery, and how long single messages wait meanwhile',
  run: measureJobs,
};

type Times = Readonly<{ checked: number; created: number; delivered: number }>;

async function measureJobs(harness: Harness, { messages }: Settings): Promise<Outcome> {
  const rows = messages ?? rowsOfTargets;
  const { databaseUrl, client, provider, api, worker, memory } = await openInstallation(harness);
  const account = await openAccount(harness, client);
  const { issuer, secret } = readCredentials(harness.dataDir)!.admin;
  const { rows: found } = await client.query<{ service_id: string }>(
    'select service_id from templates where id = $1',
    [account.templates.sms],
  );
  const call = caller(api.url, () => signToken(issuer, secret), `/service/${found[0]!.service_id}`);
  const sendSingle = await openSingles(harness, databaseUrl, api.url, provider.client);

  const faults: string[] = [];
  const figures: Figure[] = [];
  let expected = 0;
  for (const type of types) {
    const file = fileOf(type, rows);
    let isOver = false;
    const [times, singles] = await Promise.all([
      sendFile(call, account.templates[type], file, rows).finally(() => {
        isOver = true;
      }),
      every(sendSingle, () => isOver),
    ]);
    expected += rows + singles.length;
    figures.push(...figuresOf(type, rows, times, singles));
  }
  const counts = await provider.client.counts();
  if (counts.duplicates > 0) faults.push(`${counts.duplicates} messages reached the provider more than once`);
  if (counts.distinct !== expected)
    faults.push(`${expected} messages were to be sent, but ${counts.distinct} reached the provider`);
  faults.push(...unexpectedEnds([api.child, worker.child, provider.child]));
  return { faults, figures: [...figures, ...memory()] };
}

function figuresOf(type: FileType, rows: number, times: Times, singles: Float64Array): Figure[] {
  const what = type === 'sms' ? 'texts' : 'emails';
  const meanings = {
    checked: 'uploaded and checked',
    created: 'all rows are messages, from the start of the job',
    delivered: 'all delivered, from the start of the upload',
  } as const;
  return [
    ...(Object.keys(meanings) as (keyof Times)[]).map((key) => ({
      key: `${type}_${key}_seconds`,
      meaning: `${rows} ${what}: ${meanings[key]}`,
      value: times[key],
      unit: 's',
      ...(rows === rowsOfTargets && { target: { under: atMost[key] } }),
    })),
    {
      key: `${type}_per_second`,
      meaning: `${what}: upload to delivered`,
      value: rows / times.delivered,
      unit: '/s',
    },
    {
      key: `${type}_single_p95_ms`,
      meaning: `201 to the provider, another service’s message meanwhile, p95 of ${singles.length}`,
      value: quantile(singles, 0.95),
      unit: 'ms',
      target: { under: 2000 },
    },
  ];
}

type Call = <Data>(method: string, path: string, body?: string) => Promise<Data>;

type Upload = { id: string; valid: boolean };
type Progress = { rows_done: number; statistics: { status: string; count: number }[] };

/** Calls the admin API; throws for anything but success. */
function caller(url: string, token: () => string, base: string): Call {
  return async <Data>(method: string, path: string, body?: string) => {
    const answer = await fetch(`${url}${base}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token()}` },
      ...(body !== undefined && { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status} ${text.slice(0, 500)}`);
    return (JSON.parse(text) as { data: Data }).data;
  };
}

/** Uploads the file, starts the job and waits until every message is delivered. */
async function sendFile(call: Call, templateId: string, file: string, rows: number): Promise<Times> {
  const began = performance.now();
  const seconds = (since: number) => (performance.now() - since) / 1000;
  const upload = await call<Upload>('POST', `/upload?template_id=${templateId}&file_name=people.csv`, file);
  if (!upload.valid) throw new Error(`The file is not valid: ${JSON.stringify(upload).slice(0, 500)}`);
  const checked = seconds(began);
  const started = performance.now();
  await call('POST', '/job', JSON.stringify({ id: upload.id, created_by: platformUserId }));
  let created = Number.NaN;
  let movedAt = performance.now();
  let before = '';
  for (;;) {
    const { rows_done: done, statistics } = await call<Progress>('GET', `/job/${upload.id}`);
    if (Number.isNaN(created) && done === rows) created = seconds(started);
    const delivered = statistics.find(({ status }) => status === 'delivered')?.count ?? 0;
    if (delivered === rows) return { checked, created, delivered: seconds(began) };
    const now = JSON.stringify([done, statistics]);
    if (now !== before) movedAt = performance.now();
    before = now;
    if (performance.now() - movedAt > patienceMilliseconds)
      throw new Error(`Nothing has changed for a minute: ${now}`);
    await sleep(pollMilliseconds);
  }
}

/** Another service, which sends one message at a time. */
async function openSingles(
  harness: Harness,
  databaseUrl: string,
  api: string,
  provider: SandboxClient,
): Promise<() => Promise<Sent>> {
  const connection = connect(databaseUrl, 1, createLog('warn'));
  harness.onEnd(() => connection.close());
  const cipher = createCipher([harness.secretKey], secrets.salt.reader.fallback);
  const requests = new Requests(await addTenant(connection.db, cipher), 0);
  const wire = await Wire.open(api);
  harness.onEnd(async () => wire.close());
  return async () => {
    const { status, body } = await wire.send(requests.take());
    if (status !== 201) throw new Error(`A single message was answered ${status} ${body}`);
    const { id } = JSON.parse(body.toString()) as { id: string };
    return { since: Date.now(), arrival: provider.arrival({ reference: id }, patienceMilliseconds) };
  };
}
