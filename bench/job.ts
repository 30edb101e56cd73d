import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import { signToken } from '../src/cli/client.ts';
import { type Connection, connect } from '../src/database/connection.ts';
import { createCipher } from '../src/ground/cipher.ts';
import { createLog } from '../src/ground/log.ts';
import { addUpload } from '../src/job/upload/store.ts';
import { platformUserId } from '../src/tenant/user/store.ts';
import { unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { openAccount, openInstallation } from './installation.ts';
import type { Outcome, Scenario, Settings } from './scenario.ts';

const pollMilliseconds = 200;
const patienceMilliseconds = 900_000;

/**
 * A file of recipients through one API process, one worker process and a provider that is called, and reports, over
 * HTTP: until every row is a message, and until every message is delivered.
 */
export const job: Scenario = {
  name: 'job',
  summary: 'a file of 100,000 rows: until all are messages, and until all are delivered',
  run: measureJob,
};

async function measureJob(harness: Harness, { messages }: Settings): Promise<Outcome> {
  const rows = messages ?? 100_000;
  const { databaseUrl, client, api, worker } = await openInstallation(harness);
  const { templates } = await openAccount(harness, client);
  const { admin, services } = readCredentials(harness.dataDir)!;
  const serviceId = services[0]!.id;
  const connection = connect(databaseUrl, 1, createLog('warn'));
  harness.onEnd(() => connection.close());
  const id = await upload(harness, connection, { serviceId, templateId: templates.sms }, rows);

  const startedAt = performance.now();
  const before = worker.child.processorSeconds;
  const response = await fetch(`${api.url}/service/${serviceId}/job`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${signToken(admin.issuer, admin.secret, Date.now())}` },
    body: JSON.stringify({ id, created_by: platformUserId }),
  });
  if (response.status !== 201) throw new Error(`The job was refused: ${await response.text()}`);
  const made = await secondsUntil(client, id, 'processing_finished', startedAt);
  const cpu = (worker.child.processorSeconds ?? Number.NaN) - (before ?? Number.NaN);
  const final = await secondsUntil(client, id, 'final_at', startedAt);
  const { rows: counts } = await client.query<{ status: string; count: number }>(
    'select status, count(*)::int as count from notification_history where job_id = $1 group by status',
    [id],
  );
  const delivered = counts.find(({ status }) => status === 'delivered')?.count ?? 0;
  return {
    faults: [
      ...(delivered === rows ? [] : [`${rows} rows became ${JSON.stringify(counts)}`]),
      ...unexpectedEnds([api.child, worker.child]),
    ],
    figures: [
      {
        key: 'made_seconds',
        meaning: 'every row is a message',
        value: made,
        unit: 's',
        target: { atMost: 20 },
      },
      { key: 'made_cpu_seconds', meaning: 'CPU of the worker until then', value: cpu, unit: 's' },
      {
        key: 'final_seconds',
        meaning: 'every message is delivered',
        value: final,
        unit: 's',
        target: { atMost: 120 },
      },
    ],
  };
}

async function upload(
  harness: Harness,
  { db }: Connection,
  { serviceId, templateId }: Readonly<{ serviceId: string; templateId: string }>,
  count: number,
): Promise<string> {
  const id = randomUUID();
  const now = new Date();
  await db.transaction().execute((trx) =>
    addUpload(
      trx,
      createCipher([harness.secretKey], 'despatch'),
      {
        ...{
          id,
          serviceId,
          templateId,
          templateVersion: 1,
          templateType: 'sms',
          originalFileName: 'bench.csv',
        },
        ...{ format: 'csv', bytes: 0, digest: randomBytes(32), leftOutOf: null, senderId: null },
        ...{
          createdBy: platformUserId,
          apiKeyId: null,
          createdAt: now,
          expiresAt: new Date(now.getTime() + 86_400_000),
        },
        ...{ header: ['phone number', 'name', 'title', 'date', 'time'], valid: true },
      },
      recipients(count),
    ),
  );
  return id;
}

function* recipients(count: number): Generator<readonly string[]> {
  for (let row = 0; row < count; row += 1)
    yield [`07700 900${100 + (row % 900)}`, `Person ${row}`, 'Sea Charts', '4 May', '14:05'];
}

async function secondsUntil(
  client: pg.Client,
  id: string,
  column: string,
  startedAt: number,
): Promise<number> {
  for (;;) {
    const { rows } = await client.query(`select ${column} is not null as done from jobs where id = $1`, [id]);
    const milliseconds = performance.now() - startedAt;
    if (rows[0].done) return milliseconds / 1000;
    if (milliseconds > patienceMilliseconds) throw new Error(`The job has no ${column} yet`);
    await sleep(pollMilliseconds);
  }
}
