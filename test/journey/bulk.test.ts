import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { KeyType } from '../../src/database/tables.ts';
import { announceService } from '../../src/tenant/service/store.ts';
import { countedStatuses, type SeenJob } from '../support/jobs.ts';
import { addGuests, setLimits, setTemplateArchived } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const header = ['phone number', 'name', 'time'];
const ann = ['07900900123', 'Ann', '14:05'];
const bob = ['07900900456', 'Bob', '15:10'];
const path = '/v2/notifications/bulk';

describe('a job that a service sends itself', () => {
  let world: World;
  let tenant: Tenant;
  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant({ permissions: ['sms', 'email', 'schedule'] });
  });
  after(() => world.stop());

  type Options = { of?: Tenant; keyType?: KeyType; headers?: Record<string, string> };
  const post = (
    more: object,
    { of = tenant, keyType = 'normal', headers = {} }: Options = {},
    common: object = { name: 'May tides', template_id: of.templates.sms },
  ) => world.call('POST', path, { key: of.keys[keyType], headers, body: { ...common, ...more } });
  const read = async (id: string, of = tenant): Promise<SeenJob> =>
    (await world.call('GET', `/v2/jobs/${id}`, { key: of.keys.normal })).body.data;
  const final = (id: string, of = tenant) =>
    world.until(
      () => read(id, of),
      (job) => job.final_at !== null,
    );
  const errors = ({ status, body }: { status: number; body: any }) => [
    status,
    body.errors?.map(({ error, message }: { error: string; message: string }) => `${error} ${message}`),
  ];
  const kept = async (of: Tenant) => {
    const { rows } = await world.connection.pool.query(
      'select (select count(*)::int from uploads where service_id = $1) as uploads, (select count(*)::int from jobs where service_id = $1) as jobs',
      [of.id],
    );
    return rows[0];
  };

  test('every row of a list becomes a message, and the job tells how far it is', async () => {
    const rows = [
      [...header, 'reference'],
      ['07900900123', 'Ann', 14, 'loan 1'],
      ['+44 7900 900456', 'Bob', 15.5, null],
    ];
    const { status, body, headers } = await post({ rows, reference: 'May' });
    assert.equal(status, 201);
    const { id, ...data } = body.data;
    assert.deepEqual(
      [data.service, data.template, data.notification_count, data.job_status, data.original_file_name],
      [tenant.id, tenant.templates.sms, 2, 'pending', 'May tides'],
    );
    assert.deepEqual([data.reference, data.created_by, data.statistics], ['May', null, []]);
    assert.match(headers.get('ratelimit')!, /^"rate";r=\d+;t=\d+$/);
    const done = await final(id);
    assert.deepEqual(done['statistics'], [{ status: 'delivered', count: 2 }]);
    const listed = await world.call('GET', '/v2/notifications?include_jobs=true', {
      key: tenant.keys.normal,
    });
    const bodies = listed.body.notifications.map(({ reference, body }: Record<string, string>) => [
      reference,
      body!.replace(/^.*: /, ''),
    ]);
    assert.deepEqual(bodies.sort(), [
      ['May', 'Hi Bob, high tide at 15.5'],
      ['loan 1', 'Hi Ann, high tide at 14'],
    ]);
  });

  test('rows can come as CSV, for an email, from a chosen address', async () => {
    const csv = 'email address;name;time\nann@example.com;"Ann; or not";14:05\n';
    const common = { name: 'Tides', template_id: tenant.templates.email };
    const { status, body } = await post({ csv, reply_to_id: tenant.senders.email }, {}, common);
    assert.equal(status, 201);
    await final(body.data.id);
    const { rows } = await world.connection.pool.query(
      `select n.recipient, n.reply_to_text, h.api_key_id is not null as has_key
       from notification_history h join notifications n on n.id = h.id where h.job_id = $1`,
      [body.data.id],
    );
    assert.deepEqual(rows, [
      { recipient: 'ann@example.com', reply_to_text: 'desk@example.com', has_key: true },
    ]);
  });

  test('faulty rows are named, the others counted, and nothing is accepted', async () => {
    const fresh = await world.addTenant();
    const refused = await post({ rows: [header, ann, ['0790', 'Bob', ''], bob] }, { of: fresh });
    assert.deepEqual(errors(refused), [
      400,
      ['BadRequestError Row 3: phone number: Mobile number is too short; time: Missing'],
    ]);
    const many = await post(
      { rows: [header, ...Array.from({ length: 130 }, () => ['0790', 'Bob', '9'])] },
      { of: fresh },
    );
    const [, found] = errors(many);
    assert.equal(found.length, 101);
    assert.equal(found[99], 'BadRequestError Row 101: phone number: Mobile number is too short');
    assert.equal(found[100], 'BadRequestError 30 more rows have faults');
    const long = await post(
      { csv: `phone number,name,time\n0790,Bob,9\n07900900123,${'x'.repeat(1000)},9` },
      { of: fresh },
    );
    assert.deepEqual(errors(long)[1], [
      'BadRequestError Row 2: phone number: Mobile number is too short',
      'BadRequestError Row 3: Message is too long',
    ]);
    const wide = `phone${' '.repeat(100_000)}number`;
    const first = ['0790', 'Bob', '9'];
    const all = await post({ rows: [[wide, 'name', 'time'], ...Array(5000).fill(first)] }, { of: fresh });
    assert.ok(errors(all)[1][0].length < 200, 'a header is not repeated whole');
    assert.equal(errors(all)[1][100], 'BadRequestError 4900 more rows have faults');
    assert.deepEqual(await kept(fresh), { uploads: 0, jobs: 0 });
  });

  test('texts that no database stores are taken or refused, and never a fault of ours', async () => {
    const odd = await post({
      ...{
        rows: [
          [...header, 'a\0\ud800'],
          ['07900900123', 'x\0', 'y\ud800', 'z'],
        ],
      },
      ...{ name: 'May \ud800', reference: '\ud800' },
    });
    assert.deepEqual([odd.status, odd.body.data.reference], [201, '\ufffd']);
    const faulty = await post({
      rows: [
        [...header, '\0\ud800'],
        ['0790', '\0', '\ud800', ''],
      ],
    });
    assert.equal(faulty.status, 400);
  });

  test('what is wrong with all rows is said once', async () => {
    for (const [more, message] of [
      [
        {
          rows: [
            ['phone number', 'name'],
            ['07900900123', 'Ann'],
          ],
        },
        'Your file needs a column called ‘time’',
      ],
      [{ rows: [header] }, 'Your file has no rows with recipients'],
      [
        { rows: [header, [...ann, ...Array(20_000).fill('x')]] },
        'Your file has too many columns (Notify can process up to 16,384 columns)',
      ],
    ] as const) {
      const refused = errors(await post(more));
      assert.deepEqual(refused, [400, [`BadRequestError ${message}`]]);
    }
    const tooMany = { rows: [header, ...Array.from({ length: 100_001 }, () => ann)] };
    const [status, [first]] = errors(await post(tooMany));
    assert.equal(status, 400);
    assert.match(first, /^BadRequestError Your file has too many rows .*up to 100,000 rows.*has 100,001\)$/);
    const large = await post({ csv: 'x'.repeat(10 * 1024 * 1024) });
    assert.equal(large.status, 413);
  });

  test('a request that does not fit is refused in the words of single messages', async () => {
    const rows = [header, ann];
    const { templates, senders } = tenant;
    const inHour = new Date(Date.now() + 3_600_000).toISOString();
    const inMonth = new Date(Date.now() + 30 * 86_400_000).toISOString();
    const unknown = randomUUID();
    const cases: [object, string][] = [
      [{ rows, csv: 'x' }, 'ValidationError rows and csv cannot both be given'],
      [{}, 'ValidationError rows or csv is a required property'],
      [{ rows: [] }, 'ValidationError rows [] is too short'],
      [{ rows: [header, 'Ann'] }, 'ValidationError rows 2 is not of type array'],
      [
        { rows: [header, [{}]] },
        'ValidationError rows 2 has a value that is not of type string, number, null',
      ],
      [{ rows, name: 'a\0' }, 'ValidationError name contains a null character'],
      [{ rows, template_id: 'x' }, 'ValidationError template_id is not a valid UUID'],
      [{ rows, post: 1 }, 'ValidationError Additional properties are not allowed (post was unexpected)'],
      [
        { rows, scheduled_for: inMonth },
        'ValidationError scheduled_for datetime can only be 7 days in the future',
      ],
      [{ rows, template_id: unknown }, 'BadRequestError Template not found'],
      [
        { rows, sms_sender_id: unknown, scheduled_for: inHour },
        `BadRequestError sms_sender_id ${unknown} does not exist in database for service id ${tenant.id}`,
      ],
      [
        { rows, reply_to_id: senders.email },
        'BadRequestError reply_to_id is for emails, and the template is for text messages',
      ],
      [
        { rows, template_id: templates.email, sms_sender_id: senders.sms },
        'BadRequestError sms_sender_id is for text messages, and the template is for emails',
      ],
    ];
    for (const [more, expected] of cases) assert.deepEqual(errors(await post(more)), [400, [expected]]);
    const malformed = await world.call('POST', path, { key: tenant.keys.normal, body: '{' });
    assert.deepEqual(errors(malformed), [400, ['BadRequestError Invalid JSON supplied in POST data']]);
    const textsOnly = await world.addTenant({ permissions: ['sms'] });
    const email = await post({ rows, template_id: textsOnly.templates.email }, { of: textsOnly });
    assert.deepEqual(errors(email), [400, ['BadRequestError Service is not allowed to send emails']]);
    await setTemplateArchived(world.connection.db, textsOnly.templates.sms, true);
    const archived = await post({ rows }, { of: textsOnly });
    assert.deepEqual(errors(archived), [400, ['BadRequestError Template has been deleted']]);
  });

  test('a job is scheduled if the service may schedule', async () => {
    const scheduled_for = new Date(Date.now() + 3_600_000).toISOString();
    const { body } = await post({ rows: [header, ann], scheduled_for });
    assert.deepEqual(
      [body.data.job_status, new Date(body.data.scheduled_for).toISOString()],
      ['scheduled', scheduled_for],
    );
    const other = await world.addTenant();
    const ignored = await post({ rows: [header, ann], scheduled_for }, { of: other });
    assert.deepEqual([ignored.status, ignored.body.data.scheduled_for], [201, null]);
  });

  test('a key sends to whom it may send single messages, and a test key only seems to send', async () => {
    const trial = await world.addTenant();
    const { db, pool } = world.connection;
    await addGuests(db, trial.id, ['07900 900123']);
    const send = (keyType: KeyType, rows: readonly string[][]) =>
      post({ rows: [header, ...rows] }, { of: trial, keyType });
    const text = 'Can’t send to this recipient using a team-only API key';
    assert.deepEqual(errors(await send('team', [ann, bob])), [
      400,
      [`BadRequestError Row 3: phone number: ${text}`],
    ]);
    assert.equal((await send('team', [ann])).status, 201);
    await pool.query('update services set restricted = true where id = $1', [trial.id]);
    await announceService(db, trial.id);
    const refused = await world.until(
      () => send('normal', [ann, bob]),
      ({ status }) => status === 400,
    );
    assert.match(errors(refused)[1][0], /^BadRequestError Row 3: phone number: Can’t .* in trial mode – see/);
    assert.equal((await send('normal', [ann])).status, 201);
    const { body } = await send('test', [['07700900002', 'Ann', '14:05'], bob]);
    await final(body.data.id, trial);
    assert.deepEqual(await countedStatuses(world, body.data.id), { 'permanent-failure': 1, delivered: 1 });
    const { rows } = await pool.query(
      'select distinct key_type from notification_history where job_id = $1',
      [body.data.id],
    );
    assert.deepEqual(rows, [{ key_type: 'test' }]);
  });

  test('the same request with the same Idempotency-Key makes one job; another one is refused', async () => {
    const fresh = await world.addTenant();
    const options = { of: fresh, headers: { 'Idempotency-Key': 'tides of May' } };
    const rows = [header, ann, bob];
    const both = await Promise.all([post({ rows }, options), post({ rows }, options)]);
    const answers = [...both, await post({ rows }, options)] as const;
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.data.id]),
      answers.map(() => [201, answers[0].body.data.id]),
    );
    assert.equal(answers[2].headers.get('idempotency-replayed'), 'true');
    assert.deepEqual(await kept(fresh), { uploads: 1, jobs: 1 });
    const other = await post({ rows: [header, ann] }, options);
    assert.equal(other.status, 409);
    assert.match(errors(other)[1][0], /^ConflictError This Idempotency-Key was used for a different request/);
    const test = await post({ rows: [header, ann] }, { ...options, keyType: 'test' });
    assert.equal(test.status, 201);
  });

  test('limits refuse a job whole, and a request counts once', async () => {
    const { db, pool } = world.connection;
    const small = await world.addTenant();
    await setLimits(db, small.id, { limits: { sms: 2 } });
    const daily = [429, ['TooManyRequestsError Exceeded send limits (sms: 2) for today']];
    const send = (rows: readonly string[][], more: object = {}) =>
      post({ rows: [header, ...rows], ...more }, { of: small });
    const refused = await world.until(
      () => send([ann, bob, ann]),
      ({ status }) => status === 429,
    );
    assert.deepEqual(errors(refused), daily);
    assert.deepEqual(await kept(small), { uploads: 0, jobs: 0 });
    const { body } = await send([ann, bob]);
    await final(body.data.id, small);
    assert.deepEqual(errors(await send([['0790']], { sms_sender_id: randomUUID() })), daily);

    const slow = await world.addTenant();
    await setLimits(db, slow.id, { rateLimit: 3 });
    await world.until(
      async () =>
        (await post({ rows: [header, ann] }, { of: slow, keyType: 'team' })).headers.get('ratelimit-policy'),
      (policy) => policy === '"rate";q=3;w=60',
    );
    const first = await post({ rows: [header, ['0790', 'Ann', '9']] }, { of: slow });
    assert.equal(first.status, 400);
    const { rows } = await pool.query(
      `select capacity - tokens as taken from rate_buckets where service_id = $1 and key_type = 'normal'`,
      [slow.id],
    );
    assert.deepEqual(rows, [{ taken: 1 }]);
    const second = await post({ rows: [header, ann] }, { of: slow });
    assert.deepEqual(errors(second)[0], 429);
    assert.match(errors(second)[1][0], /^RateLimitError Exceeded rate limit for key type LIVE of 3 requests/);
  });

  test('a service reads its own jobs only', async () => {
    const { body } = await post({ rows: [header, ann] });
    const other = await world.addTenant();
    const foreign = await world.call('GET', `/v2/jobs/${body.data.id}`, { key: other.keys.normal });
    assert.deepEqual(errors(foreign), [404, ['NoResultFound No result found']]);
    const bad = await world.call('GET', '/v2/jobs/x', { key: tenant.keys.normal });
    assert.deepEqual(errors(bad), [400, ['ValidationError job_id is not a valid UUID']]);
    assert.equal((await read(body.data.id)).id, body.data.id);
  });
});
