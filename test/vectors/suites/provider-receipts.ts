/**
 * provider-receipts.json: what a provider posts, how it is answered, and what becomes of the message (spec 05, sections
 * 5.5 to 5.8 and 14).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { platformServiceId } from '../../../src/tenant/service/service.ts';
import { type ReceiptHarness, startReceiptHarness } from '../receipt-harness.ts';
import type { Judgement, Suite, VectorCase } from '../suite.ts';

type Given = Readonly<{
  notification_id: string;
  reference: string | null;
  notification_type: string;
  key_type: string;
  sent_by: string | null;
  sent_at: string | null;
  created_at: string;
  international: boolean;
  phone_prefix: string;
  billable_units: number;
}>;

type Case = VectorCase &
  Readonly<{
    given: Given;
    given_status: string | null;
    now: string;
    provider: string;
    request: Readonly<{ method: string; path: string; headers: Record<string, string>; body: string }>;
    expected_status: string | null;
    http_status: number;
    http_body: unknown;
    expected_metric: string | null;
    expected_enqueued?: unknown;
    expected_outgoing?: Readonly<{ method: string; url: string; respond_with: number }> | null;
    expected_complaint?: unknown;
    expected_service_callback: boolean;
    expected_complaint_callback?: boolean;
  }>;

type File = Readonly<{ defaults: Readonly<{ now: string; given: Given }>; cases: readonly VectorCase[] }>;

let started: Promise<ReceiptHarness> | null = null;

function harness(): Promise<ReceiptHarness> {
  const folders = [process.env['VECTORS_DIR'] ?? '', join(import.meta.dirname, '../../../../shared/vectors')];
  const rates = folders.map((folder) => join(folder, 'international-sms-rates.json')).find(existsSync);
  started ??= startReceiptHarness(rates ?? null);
  return started;
}

async function arrange({ pool, clock, outside }: ReceiptHarness, vector: Case): Promise<void> {
  clock.time = Date.parse(vector.now);
  outside.requests.length = 0;
  outside.status = vector.expected_outgoing?.respond_with ?? 200;
  await pool.query(
    'truncate notifications, notification_history, receipts, attempts, complaints, service_callbacks',
  );
  await pool.query(`delete from tasks where queue = 'receipts'`);
  if (vector.given_status === null) return;
  const { given } = vector;
  await pool.query(
    `insert into notification_history (id, service_id, template_id, template_version, key_type, notification_type, status,
      created_at, sent_at, sent_by, reference, international, phone_prefix, billable_units)
    values ($1, $12, gen_random_uuid(), 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      ...[
        given.notification_id,
        given.key_type,
        given.notification_type,
        vector.given_status,
        given.created_at,
      ],
      ...[given.sent_at, given.sent_by, given.reference, given.international, given.phone_prefix],
      ...[given.billable_units, platformServiceId],
    ],
  );
  await pool.query(
    'insert into notifications (id, service_id, recipient, normalised_recipient, personalisation) values ($1, $2, $3, $3, $4)',
    [given.notification_id, platformServiceId, 'somebody', Buffer.alloc(0)],
  );
  // A receipt that overtakes the record of the hand-over finds the claim, which is written before the call.
  if (given.sent_by === null)
    await pool.query(
      'insert into attempts (notification_id, number, provider, started_at, billable_units) values ($1, 1, $2, $3, $4)',
      [given.notification_id, vector.provider, given.created_at, given.billable_units],
    );
}

async function statusOf({ pool }: ReceiptHarness): Promise<unknown> {
  const { rows } = await pool.query<{ status: string }>('select status from notification_history');
  return rows[0]?.status ?? null;
}

async function enqueuedIn({ pool }: ReceiptHarness): Promise<unknown> {
  const { rows } = await pool.query(
    `select queue, payload->>'task' as task, round(extract(epoch from due_at - since))::int as delay_seconds
    from tasks where queue = 'receipts'`,
  );
  return rows[0] ?? null;
}

async function complaintIn({ pool }: ReceiptHarness): Promise<unknown> {
  const { rows } = await pool.query('select ses_feedback_id, complaint_type from complaints');
  return rows.length > 1 ? rows : (rows[0] ?? null);
}

/** The types of all queued callbacks, duplicates included. */
async function callbacksIn({ pool }: ReceiptHarness): Promise<readonly string[]> {
  const { rows } = await pool.query<{ type: string }>(
    'select callback_type as type from service_callbacks order by callback_type',
  );
  return rows.map(({ type }) => type);
}

async function judge(raw: VectorCase): Promise<readonly Judgement[]> {
  const vector = raw as Case;
  const { request, expected_outgoing: outgoing = null } = vector;
  const here = await harness();
  await arrange(here, vector);
  const before = await here.counters();
  const { method, path, headers, body } = request;
  const response = await fetch(here.url + path, { method, headers, body });
  const answered = await response.json();
  const after = await here.counters();
  const counted = [...after]
    .filter(([name, count]) => count !== (before.get(name) ?? 0))
    .map(([name]) => name);
  const callbacks = await callbacksIn(here);
  const parts: Judgement[] = [
    { part: 'http_status', expected: vector.http_status, got: response.status },
    { part: 'http_body', expected: vector.http_body, got: answered },
    { part: 'expected_status', expected: vector.expected_status, got: await statusOf(here) },
    {
      part: 'expected_metric',
      expected: [vector.expected_metric?.replace(/[.-]/g, '_') ?? []].flat(),
      got: counted,
    },
    { part: 'expected_enqueued', expected: vector.expected_enqueued ?? null, got: await enqueuedIn(here) },
    {
      part: 'expected_outgoing',
      expected: outgoing === null ? [] : [{ method: outgoing.method, url: outgoing.url }],
      got: here.outside.requests,
    },
    { part: 'expected_complaint', expected: vector.expected_complaint ?? null, got: await complaintIn(here) },
    {
      part: 'expected_service_callback',
      expected: vector.expected_service_callback ? 1 : 0,
      got: callbacks.filter((type) => type === 'delivery_status').length,
    },
    {
      part: 'expected_complaint_callback',
      expected: vector.expected_complaint_callback ? 1 : 0,
      got: callbacks.filter((type) => type === 'complaint').length,
    },
  ];
  return parts;
}

export default {
  file: 'provider-receipts',
  cases: (content) => {
    const { defaults, cases } = content as File;
    return cases.map((vector) => ({
      ...defaults,
      ...vector,
      given: { ...defaults.given, ...(vector['given'] as Partial<Given> | undefined) },
    }));
  },
  judge,
  async close() {
    await (await started)?.stop();
    started = null;
  },
} satisfies Suite;
