import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type pg from 'pg';
import { seededRandom } from '../sandbox/behaviour.ts';
import { secrets } from '../src/config/database.ts';
import { addTemplate } from '../src/content/template/store.ts';
import { connect, type Db } from '../src/database/connection.ts';
import { ensurePartitions } from '../src/database/partitions.ts';
import { type Cipher, createCipher } from '../src/ground/cipher.ts';
import { dayAfter, dayOf, dayStart } from '../src/ground/clock.ts';
import { idFloor } from '../src/ground/id.ts';
import { createLog } from '../src/ground/log.ts';
import { delaysOf, fixedFacts } from '../src/message/status/status.ts';
import { foldFigures } from '../src/statistics/totals/keep.ts';
import { addTenant } from './installation.ts';

/**
 * An installation that has sent messages for more than a year, written to the tables, because sending them would take
 * days: the history, what is kept of the last week, and the totals, which are changes that the product folds. They lie in
 * the order of their days, as they would if it had done so all the year.
 */

const days = 400;
const keptDays = 7;
/** Of the rows: those of the last week, and those of the day whose retention has ended. */
const shares = { recent: 0.1, ended: 0.1 } as const;
/** Kinds of messages, dealt out in turn; a prime, so that every kind follows every other. */
const kindCount = 10_007;
/** One in so many messages that would be delivered has the rare status. */
const rareness = 20_000;
export const rareStatus = 'technical-failure';
const sealedAtOnce = 20_000;
const references = 50_000;

/** Services by their share of the messages, in per mille, and how many templates of each type each has. */
const sizes: readonly Readonly<{ share: number; templates: number }>[] = [
  { share: 800, templates: 15 },
  { share: 150, templates: 10 },
  ...Array.from({ length: 50 }, () => ({ share: 1, templates: 2 })),
];

type Tenant = Readonly<{ id: string; key: string; keyId: string; sms: string[]; email: string[] }>;

export type Loaded = Readonly<{
  /** Of the largest service. */
  serviceId: string;
  key: string;
  /** Which one message in 50,000 has. */
  reference: string;
  /** To whom it has sent a message. */
  recipient: string;
  /** Adds what is personal of the day whose retention has ended, and its attempts, receipts and callbacks. */
  addEndedDay: () => Promise<number>;
}>;

/** `tell`: is told how far it is. */
export async function loadHistory(
  { databaseUrl, client, secretKey }: Readonly<{ databaseUrl: string; client: pg.Client; secretKey: string }>,
  rows: number,
  tell: (what: string) => void,
): Promise<Loaded> {
  const connection = connect(databaseUrl, 2, createLog('warn'));
  const { db } = connection;
  try {
    const cipher = createCipher([secretKey], secrets.salt.reader.fallback);
    const tenants: Tenant[] = [];
    for (const { templates } of sizes) tenants.push(await addLargeTenant(db, cipher, client, templates));
    // Otherwise it would work for minutes on what has just been written, while that is measured.
    await setAutovacuum(client, false);
    await client.query(`set synchronous_commit = off`);
    await client.query(`set statement_timeout = 0`);
    await dealKinds(client, tenants);

    const now = Date.now();
    const today = dayOf(now);
    const start = (ago: number) => dayStart(dayAfter(today, -ago));
    const [recent, ended] = [Math.round(rows * shares.recent), Math.round(rows * shares.ended)];
    const endedDay: Span = { from: start(keptDays + 2), until: start(keptDays + 1) };
    const recentDays: Span = { from: start(keptDays), until: now - 60_000 };
    await ensurePartitions(db, recentDays.from, now);
    let written = 0;
    const write = async (span: Span, count: number) => {
      await ensurePartitions(db, span.from, span.from);
      await writeHistory(client, span, count, written);
      await addFigures(db, span);
      written += count;
    };
    for (const [span, count] of months({ from: start(days), until: endedDay.from }, rows - recent - ended)) {
      await write(span, count);
      tell(`${written} messages`);
    }
    await write(endedDay, ended);
    await write(recentDays, recent);
    tell(`${written} messages`);
    await addJobs(client, start(days), now);
    await addPersonal(client, recentDays, cipher);
    await addCourses(client, recentDays);
    tell('what is kept of the last week');
    for (const [table, index] of byDay) await client.query(`cluster ${table} using ${index}`);
    await client.query('truncate minute_totals');
    tell('totals');
    await client.query('vacuum (analyze)');
    await setAutovacuum(client, true);
    await client.query('checkpoint');
    tell('vacuumed and analysed');
    const largest = tenants[0]!;
    const found = await client.query<{ recipient: string }>(
      'select recipient from notifications where service_id = $1 order by id desc limit 1 offset 1000',
      [largest.id],
    );
    return {
      ...{ serviceId: largest.id, key: largest.key },
      reference: `order-${recent % references}`,
      recipient: found.rows[0]?.recipient ?? recipientOf(0),
      async addEndedDay() {
        const own = connect(databaseUrl, 1, createLog('warn'));
        await ensurePartitions(own.db, endedDay.from, endedDay.from).finally(() => own.close());
        await addPersonal(client, endedDay, null);
        await addCourses(client, endedDay);
        await client.query('vacuum (analyze) notifications, attempts, receipts, service_callbacks');
        await client.query('checkpoint');
        return ended;
      },
    };
  } finally {
    await connection.close();
  }
}

/** Unix milliseconds, the end excluded. */
type Span = Readonly<{ from: number; until: number }>;

async function setAutovacuum(client: pg.Client, isOn: boolean): Promise<void> {
  await client.query(`alter system set autovacuum = ${isOn ? 'on' : 'off'}`);
  await client.query('select pg_reload_conf()');
}

async function addLargeTenant(db: Db, cipher: Cipher, client: pg.Client, templates: number): Promise<Tenant> {
  const account = await addTenant(db, cipher);
  const id = account.key.slice(-73, -37);
  const all: Record<'sms' | 'email', string[]> = {
    sms: [account.templates.sms],
    email: [account.templates.email],
  };
  for (const type of ['sms', 'email'] as const)
    while (all[type].length < templates) {
      const template = { id: randomUUID(), serviceId: id, type, name: `Tide ${all[type].length}` };
      const subject = type === 'email' ? '((title))' : null;
      await addTemplate(db, { ...template, subject, content: 'Hello ((name)), ((title)) until ((date)).' });
      all[type].push(template.id);
    }
  const { rows } = await client.query<{ id: string }>('select id from api_keys where service_id = $1', [id]);
  return { id, key: account.key, keyId: rows[0]!.id, ...all };
}

/** The service whose share includes this place, from 0 to 1000. */
function sizeAt(place: number): number {
  let end = 0;
  return sizes.findIndex(({ share }) => {
    end += share;
    return place < end;
  });
}

/** The kinds of messages as a temporary table: which service, template, key, status and so on. */
async function dealKinds(client: pg.Client, tenants: readonly Tenant[]): Promise<void> {
  const random = seededRandom(1);
  const kinds = Array.from({ length: kindCount }, (_, slot) => {
    const tenant = tenants[sizeAt(random() * 1000)]!;
    const type = random() < 0.3 ? ('email' as const) : ('sms' as const);
    // Squared: some templates are used much more than others.
    const template = tenant[type][Math.floor(random() ** 2 * tenant[type].length)]!;
    const chance = random();
    const keyType = chance < 0.01 ? 'test' : chance < 0.015 ? 'team' : 'normal';
    const isJob = keyType === 'normal' && random() < 0.4;
    const isInternational = type === 'sms' && random() < 0.02;
    const fate = random();
    const failure = fate < 0.02 ? 'temporary-failure' : fate < 0.05 ? 'permanent-failure' : null;
    return {
      ...{ slot, service_id: tenant.id, template_id: template, type, key_type: keyType, is_job: isJob },
      api_key_id: isJob ? null : tenant.keyId,
      status: failure ?? (isInternational ? 'sent' : 'delivered'),
      provider: type === 'email' ? 'ses' : random() < 0.7 ? 'mmg' : 'firetext',
      ...{
        international: isInternational,
        rate_multiplier: type === 'sms' ? (isInternational ? 2 : 1) : null,
      },
      units: type === 'email' ? 0 : random() < 0.8 ? 1 : 2,
    };
  });
  await client.query(
    `create temp table kinds as select * from json_to_recordset($1) as kind (slot integer, service_id uuid,
      template_id uuid, type text, key_type text, is_job boolean, api_key_id uuid, status text, provider text,
      international boolean, rate_multiplier numeric, units integer)`,
    [JSON.stringify(kinds)],
  );
  await client.query('create unique index on kinds (slot)');
  await client.query('analyze kinds');
}

/** The parts of a span by UTC month, with their share of `count`. */
function months({ from, until }: Span, count: number): readonly (readonly [Span, number])[] {
  const spans: Span[] = [];
  for (let at = from; at < until; ) {
    const date = new Date(at);
    const end = Math.min(until, Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
    spans.push({ from: at, until: end });
    at = end;
  }
  const upTo = (time: number) => Math.round((count * (time - from)) / (until - from));
  return spans.map((span) => [span, upTo(span.until) - upTo(span.from)] as const);
}

/** `count` messages, evenly over the span, in the order of their ids. `first`: how many there are already. */
async function writeHistory(client: pg.Client, { from, until }: Span, count: number, first: number) {
  await client.query(
    `insert into notification_history (id, service_id, template_id, template_version, job_id, job_row_number, api_key_id,
       key_type, notification_type, status, created_at, persisted_at, sent_at, updated_at, sent_by, reference,
       client_reference, billable_units, international, rate_multiplier, rare_status)
     select overlay(overlay(md5(i::text) placing lpad(to_hex(ms), 12, '0') || '7' from 1) placing '8' from 17)::uuid,
       service_id, template_id, 1, case when is_job then md5(service_id::text || (ms / 86400000))::uuid end,
       case when is_job then (i % 100000)::int end, api_key_id, key_type, type,
       fate,
       at, at, at + i % 100 * interval '10 ms', at + i % 100 * interval '10 ms' + i % 300 * interval '1 s', provider,
       case when type = 'email' then md5('reference' || i) end,
       case when not is_job and i % 3 = 0 then 'order-' || i % ${references} end, units, international, rate_multiplier,
       case when fate not in ('delivered', 'sent') then fate end
     from (select i, $1::bigint + ((i - $4::bigint) * ($2::bigint - $1::bigint)) / $3::bigint as ms
       from generate_series($4::bigint, $4::bigint + $3::bigint - 1) i) made
     join kinds on slot = i * 7919 % ${kindCount}
     cross join lateral (select to_timestamp(ms / 1000.0) as at,
       case when status = 'delivered' and i % ${rareness} = 17 then '${rareStatus}' else status end as fate) course`,
    [from, until, count, first],
  );
}

/** Indexes whose order is that in which totals come to be. */
const byDay = [
  ['status_totals', 'status_totals_day'],
  ['month_totals', 'month_totals_month'],
  ['platform_totals', 'platform_totals_key'],
  ['delay_totals', 'delay_totals_pkey'],
] as const;

/** Appends the changes of the messages of a span, as the product does, and lets it fold them. */
async function addFigures(db: Db, { from, until }: Span): Promise<void> {
  const ofSpan = sql`notification_history h where h.id >= ${idFloor(from)} and h.id < ${idFloor(until)}`;
  const kind = sql.raw(
    'day, service_id, template_id, job_id, notification_type, key_type, via_api, status, provider, international, rate_multiplier',
  );
  await sql`
    insert into status_changes (${kind}, count, units, last_at)
    select ${kind}, count(*), sum(billable_units), max(created_at) from (
      select ${fixedFacts('h')}, h.status, h.sent_by as provider, h.billable_units, h.created_at from ${ofSpan}
    ) facts_of_each group by ${kind}`.execute(db);
  const delay = sql.raw('day, notification_type, provider, via_api, measure, bucket');
  await sql`
    insert into delay_changes (${delay}, count)
    select ${delay}, count(*) from (
      select ${fixedFacts('h')}, h.sent_by as provider, d.*
      from (select * from ${ofSpan} and h.key_type <> 'test') h
      cross join lateral (values ${delaysOf('h')}) d (measure, bucket) where d.bucket is not null
    ) delay_of_each group by ${delay}`.execute(db);
  await foldFigures({ db }, { signal: new AbortController().signal });
}

/** The jobs that the rows of files are of: one for each service and UTC day. */
async function addJobs(client: pg.Client, from: number, until: number): Promise<void> {
  await client.query(
    `insert into jobs (id, service_id, template_id, template_version, template_type, original_file_name,
       notification_count, status, key_type, created_at, processing_finished, final_at)
     select md5(service_id::text || day)::uuid, service_id, template_id, 1, type, 'people.csv', 100,
       'finished all notifications created', 'normal', at, at + interval '1 day', at
     from (select distinct on (service_id) service_id, template_id, type from kinds where is_job order by service_id) of_each
     cross join generate_series($1::bigint / 86400000, $2::bigint / 86400000) day
     cross join lateral (select to_timestamp(day * 86400) as at) time`,
    [from, until],
  );
}

const recipientOf = (number: number) => `447700${String(number).padStart(6, '0')}`;

/** What is personal of the messages of a span. `cipher` null: it will never be read. */
async function addPersonal(client: pg.Client, { from, until }: Span, cipher: Cipher | null): Promise<void> {
  const values = JSON.stringify({ name: 'Rowan', title: 'Sea Charts', date: '4 May' });
  const unread = Buffer.alloc(150);
  for (let after = idFloor(from), index = 0; ; ) {
    const { rows } = await client.query<{ id: string }>(
      'select id from notification_history where id > $1 and id < $2 order by id limit $3',
      [after, idFloor(until), sealedAtOnce],
    );
    const ids = rows.map(({ id }) => id);
    await client.query(
      `insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
       select id, h.service_id, recipient, recipient, sealed
       from unnest($1::uuid[], $2::text[], $3::bytea[]) as row (id, recipient, sealed)
       cross join lateral (select service_id from notification_history where id = row.id) h`,
      [
        ids,
        ids.map(() => recipientOf(index++ % 1_000_000)),
        ids.map((id) => cipher?.seal(values, id) ?? unread),
      ],
    );
    if (ids.length < sealedAtOnce) return;
    after = ids.at(-1)!;
  }
}

/** For each message of a span an attempt and a receipt, and for each tenth a callback. */
async function addCourses(client: pg.Client, { from, until }: Span): Promise<void> {
  const range = [idFloor(from), idFloor(until)];
  await client.query(
    `insert into attempts (notification_id, number, provider, started_at, billable_units, finished_at, outcome)
     select id, 1, sent_by, sent_at, billable_units, sent_at, 'accepted' from notification_history
     where id >= $1 and id < $2 order by id`,
    range,
  );
  await client.query(
    `insert into receipts (notification_id, provider, received_at, raw_status, status)
     select id, sent_by, updated_at, '3', status from notification_history where id >= $1 and id < $2 order by id`,
    range,
  );
  await client.query(
    `with made as (
       insert into service_callbacks (id, service_id, callback_type, notification_id, payload, created_at, queued_at, state)
       select id, service_id, 'delivery_status', id, '\\x00', created_at, created_at, 'delivered'
       from notification_history where id >= $1 and id < $2 and get_byte(uuid_send(id), 15) < 26 order by id
       returning id, created_at
     )
     insert into service_callback_attempts (callback_id, number, started_at) select id, 1, created_at from made`,
    range,
  );
}
