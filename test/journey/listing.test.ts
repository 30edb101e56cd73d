import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { ensurePartitions } from '../../src/database/partitions.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { createIdSource, idTime } from '../../src/ground/id.ts';
import { countStored, rareStatusOf, storedColumns } from '../../src/message/status/status.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, environment, type World } from '../support/world.ts';

type Row = {
  id: string;
  keyType: string;
  type: 'sms' | 'email';
  status: string;
  jobId: string | null;
  reference: string | null;
};

const day = 86_400_000;
const path = '/v2/notifications';
const statuses = ['created', 'sending', 'delivered', 'permanent-failure', 'technical-failure', 'pending'];

describe('a list of messages', () => {
  let world: World;
  before(async () => {
    // Without workers, accepted messages stay in `accepted`.
    world = await createWorld({ roles: ['api'] });
    await ensurePartitions(world.connection.db, Date.now() - 6 * day, Date.now());
  });
  after(() => world.stop());

  /** Stores `count` messages of the last five days as workers would; returns them oldest first. */
  async function store(tenant: Tenant, count: number): Promise<Row[]> {
    const settings = environment('', '');
    const cipher = createCipher([settings['SECRET_KEY']!], settings['DANGEROUS_SALT']!);
    const clock = { time: 0, now: () => clock.time };
    const newId = createIdSource(clock);
    const start = Date.now() - 5 * day;
    const job = randomUUID();
    const rows = Array.from({ length: count }, (_, index): Row => {
      clock.time = start + Math.floor((index * 5 * day) / count);
      return {
        id: newId(),
        keyType: index % 11 === 0 ? 'test' : index % 13 === 0 ? 'team' : 'normal',
        type: index % 3 === 0 ? 'email' : 'sms',
        // Two of them far from the newest, days apart.
        status: index % 2500 === 13 ? 'sent' : statuses[index % statuses.length]!,
        jobId: index % 5 === 0 && index % 11 !== 0 && index % 13 !== 0 ? job : null,
        reference: index % 7 === 0 ? 'seven' : null,
      };
    });
    const column = <T>(pick: (row: Row) => T) => rows.map(pick);
    const sealed = column(({ id }) => cipher.seal('{"name":"Rowan","time":"14:05"}', id));
    const { db } = world.connection;
    await sql`
      with given as (
        select * from unnest(${column(({ id }) => id)}::uuid[], ${column(({ keyType }) => keyType)}::text[],
          ${column(({ type }) => type)}::text[], ${column(({ status }) => status)}::text[],
          ${column(({ jobId }) => jobId)}::uuid[], ${column(({ reference }) => reference)}::text[],
          ${column(({ id }) => new Date(idTime(id)).toISOString())}::timestamptz[], ${sealed}::bytea[])
          as given (id, key_type, type, status, job_id, reference, at, sealed)
      ), facts as (
        insert into notification_history (id, service_id, template_id, template_version, job_id, key_type,
          notification_type, status, created_at, client_reference, rare_status)
        select id, ${tenant.id}, case type when 'sms' then ${tenant.templates.sms}::uuid
          else ${tenant.templates.email}::uuid end, 1, job_id, key_type, type, status, at, reference,
          ${rareStatusOf(sql`status`)} from given
        returning ${storedColumns}
      ), ${countStored('facts')}
      insert into notifications (id, service_id, recipient, normalised_recipient, personalisation)
      select id, ${tenant.id}, '07700900123', '447700900123', sealed from given`.execute(db);
    return rows;
  }

  /** The ids on all pages of a list, found by following its links. */
  async function idsOf(tenant: Tenant, query = '', keyType: 'normal' | 'team' | 'test' = 'normal') {
    const ids: string[] = [];
    for (let next = `${path}${query}`; ; ) {
      const { status, body } = await world.call('GET', next, { key: tenant.keys[keyType] });
      assert.equal(status, 200, JSON.stringify(body));
      ids.push(...body.notifications.map(({ id }: Row) => id));
      if (body.notifications.length === 0) return ids;
      assert.ok(body.notifications.length <= 250);
      next = body.links.next.slice(world.api.length);
    }
  }

  const send = async (tenant: Tenant, more: object = {}, keyType: 'normal' | 'test' = 'normal') => {
    const body = {
      template_id: tenant.templates.sms,
      phone_number: '07700900123',
      personalisation: { name: 'Rowan', time: '14:05' },
      ...more,
    };
    const answer = await world.call('POST', `${path}/sms`, { key: tenant.keys[keyType], body });
    assert.equal(answer.status, 201);
    return answer.body.id as string;
  };

  test('a list begins with accepted messages that are not stored yet, shown as they are when read by id', async () => {
    const tenant = await world.addTenant();
    const stored = (await store(tenant, 300))
      .filter(({ keyType, jobId }) => keyType === 'normal' && jobId === null)
      .map(({ id }) => id)
      .reverse();
    const accepted: string[] = [];
    for (let index = 0; index < 3; index++) accepted.unshift(await send(tenant, { reference: `r${index}` }));
    const ofTest = await send(tenant, {}, 'test');
    assert.deepEqual(await idsOf(tenant), [...accepted, ...stored]);
    assert.deepEqual(await idsOf(tenant, `?older_than=${accepted[1]}`), [accepted[2], ...stored]);
    assert.deepEqual(await idsOf(tenant, '?reference=r1'), [accepted[1]]);
    assert.deepEqual((await idsOf(tenant, '?status=accepted')).slice(0, 3), accepted);
    assert.ok(!(await idsOf(tenant, '?status=sending')).includes(accepted[0]!));
    assert.equal((await idsOf(tenant, '', 'test'))[0], ofTest);
    const { body: list } = await world.call('GET', path, { key: tenant.keys.normal });
    for (const shown of [list.notifications[0], list.notifications[100]]) {
      const { body } = await world.call('GET', `${path}/${shown.id}`, { key: tenant.keys.normal });
      assert.deepEqual(shown, body);
    }
  });

  test('every list filter finds exactly the matching messages among thousands, newest first and each once', async () => {
    const tenant = await world.addTenant();
    const rows = (await store(tenant, 6000)).reverse();
    await store(await world.addTenant(), 500);
    const failed = ['permanent-failure', 'technical-failure'];
    const table: [query: string, keyType: 'normal' | 'team' | 'test', (row: Row) => boolean][] = [
      ['', 'normal', ({ jobId }) => jobId === null],
      ['?include_jobs=true', 'normal', () => true],
      ['?include_jobs=True&template_type=email', 'normal', ({ type }) => type === 'email'],
      ['', 'team', () => true],
      ['', 'test', () => true],
      ['?status=pending', 'test', ({ status }) => status === 'pending'],
      ['?status=failed', 'normal', ({ status, jobId }) => failed.includes(status) && jobId === null],
      ['?status=failed', 'test', ({ status }) => failed.includes(status)],
      [
        '?status=technical-failure&status=cancelled&include_jobs=true',
        'normal',
        ({ status }) => status === 'technical-failure',
      ],
      [
        '?status=failed&reference=seven&include_jobs=true',
        'normal',
        ({ status, reference }) => failed.includes(status) && reference === 'seven',
      ],
      ['?status=sent&include_jobs=true', 'normal', ({ status }) => status === 'sent'],
      ['?status=received', 'normal', ({ status, jobId }) => status === 'delivered' && jobId === null],
      [
        '?status=accepted&include_jobs=true',
        'normal',
        ({ status }) => status === 'created' || status === 'sending',
      ],
      [
        '?template_type=email&template_type=letter&status=created&status=pending',
        'normal',
        ({ type, status, jobId }) =>
          type === 'email' && (status === 'created' || status === 'pending') && jobId === null,
      ],
      ['?template_type=letter', 'normal', () => false],
      ['?status=returned-letter', 'normal', () => false],
      ['?reference=seven', 'normal', ({ reference, jobId }) => reference === 'seven' && jobId === null],
      ['?reference=seven&reference=none', 'test', ({ reference }) => reference === 'seven'],
      ['?reference=none', 'normal', () => false],
    ];
    for (const [query, keyType, belongs] of table) {
      const expected = rows.filter((row) => row.keyType === keyType && belongs(row)).map(({ id }) => id);
      assert.deepEqual(await idsOf(tenant, query, keyType), expected, `${keyType} ${query}`);
    }
  });

  test('older_than finds nothing for an unknown id or that of another service, but accepts one of another key type', async () => {
    const tenant = await world.addTenant();
    const rows = await store(tenant, 100);
    const [foreign] = await store(await world.addTenant(), 1);
    for (const id of [randomUUID(), foreign!.id, rows[0]!.id])
      assert.deepEqual(await idsOf(tenant, `?older_than=${id}`), [], id);
    const place = rows[77]!;
    assert.equal(place.keyType, 'test');
    const spelling = `urn:uuid:${place.id.toUpperCase()}`;
    const expected = rows
      .slice(0, 77)
      .filter(({ keyType, jobId }) => keyType === 'normal' && jobId === null)
      .map(({ id }) => id)
      .reverse();
    assert.deepEqual(await idsOf(tenant, `?older_than=${spelling}`), expected);
  });

  test('the links of a list repeat the request exactly', async () => {
    const tenant = await world.addTenant();
    const id = await send(tenant, { reference: 'a b&c=ü/' });
    const table: [query: string, next: string | null, current?: string][] = [
      ['', `?older_than=${id}`],
      ['?', `?older_than=${id}`, ''],
      ['?status=created&status=sending', `?status=created&status=sending&older_than=${id}`],
      ['?include_jobs=true&status=created', `?include_jobs=true&status=created&older_than=${id}`],
      ['?reference=a+b%26c%3D%C3%BC%2F', `?reference=a+b%26c%3D%C3%BC%2F&older_than=${id}`],
      ['?reference=a%20b%26c%3dü/', null, '?reference=a+b%26c%3D%C3%BC%2F'],
      [`?older_than=${id}&status=created`, null],
      ['?status=sending', null],
      ['?reference=%00', null],
      ['?reference=', null],
      ['?reference=%ff%zz', null, '?reference=%EF%BF%BD%25zz'],
    ];
    for (const [query, next, current = query] of table) {
      const { status, body } = await world.call('GET', `${path}${query}`, { key: tenant.keys.normal });
      assert.equal(status, 200, query);
      assert.equal(body.links.current, `${world.api}${path}${current}`);
      if (next !== null) assert.equal(body.links.next, `${world.api}${path}${next}`);
      else if (!query.startsWith('?reference=a')) assert.deepEqual(Object.keys(body.links), ['current']);
    }
  });

  test('every fault in a list query is reported, in the order in which the contract names the parameters', async () => {
    const list =
      '[cancelled, created, sending, sent, delivered, pending, failed, technical-failure, temporary-failure, permanent-failure, pending-virus-check, validation-failed, virus-scan-failed, returned-letter, accepted, received]';
    const query =
      '?zone=1&older_than=x&include_jobs=1&template_type=fax&status=a&area=2&status=sent&status=b&area=3';
    const { status, body } = await world.call('GET', `${path}${query}`);
    assert.equal(status, 400);
    assert.deepEqual(
      body.errors.map(({ message }: { message: string }) => message),
      [
        `status a is not one of ${list}`,
        `status b is not one of ${list}`,
        'template_type fax is not one of [sms, email, letter]',
        'include_jobs 1 is not one of [true, True]',
        'older_than is not a valid UUID',
        'Additional properties are not allowed (area, zone were unexpected)',
      ],
    );
    assert.ok(body.errors.every(({ error }: { error: string }) => error === 'ValidationError'));
  });
});
