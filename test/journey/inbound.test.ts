import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

type Text = { id: string; content: string; user_number: string; notify_number: string };
const { NotifyClient } = createRequire(import.meta.url)('notifications-node-client') as {
  NotifyClient: new (
    url: string,
    key: string,
  ) => { getReceivedTexts(olderThan?: string): Promise<{ data: { received_text_messages: Text[] } }> };
};

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const mmgPath = '/notifications/sms/receive/mmg';
const firetextPath = '/notifications/sms/receive/firetext';
const ok = [200, '{"status":"ok"}'];

describe('received texts', () => {
  let world: World;
  let tenant: Tenant;
  let references = 0;

  before(async () => {
    world = await createWorld({
      roles: ['api'],
      environment: {
        MMG_INBOUND_SMS_USERNAME: 'tide,moon',
        MMG_INBOUND_SMS_AUTH: 'old-pass,new-pass',
        FIRETEXT_INBOUND_SMS_AUTH: 'fire-pass',
      },
    });
    tenant = await withNumber('07700900456');
  });
  after(() => world.stop());

  /** Adds a service that may receive texts at this number. */
  async function withNumber(number: string): Promise<Tenant> {
    const made = await world.addTenant();
    const { body } = await world.admin('POST', '/inbound-number', { provider: 'mmg', numbers: [number] });
    const give = { inbound_number_id: body.data[0].id };
    assert.equal((await world.admin('POST', `/inbound-number/service/${made.id}`, give)).status, 200);
    return made;
  }

  async function post(path: string, body: string, authorization?: string): Promise<[number, string]> {
    const response = await fetch(world.api + path, {
      method: 'POST',
      headers: authorization === undefined ? {} : { authorization },
      body,
    });
    return [response.status, await response.text()];
  }
  const mmg = (fields: object, authorization = basic('tide:new-pass')) =>
    post(
      mmgPath,
      JSON.stringify({
        MSISDN: '447700900001',
        Number: '447700900456',
        Message: 'High+tide%3F',
        ID: `mmg-${++references}`,
        DateRecieved: '2017-05-02+14%3A03%3A07',
        Trigger: 'Trigger?',
        Channel: 'SMS',
        ...fields,
      }),
      authorization,
    );
  const firetext = (fields: object, authorization = basic('notify:fire-pass')) =>
    post(
      firetextPath,
      new URLSearchParams({
        source: '07700 900 002',
        destination: '447700900456',
        message: 'High tide?',
        time: '2017-05-02 14:03:07',
        ...fields,
      }).toString(),
      authorization,
    );

  const clientOf = ({ keys }: Tenant) => new NotifyClient(world.api, keys.normal);
  /** Oldest first. */
  async function received(of: Tenant): Promise<Text[]> {
    return (await clientOf(of).getReceivedTexts()).data.received_text_messages.toReversed();
  }
  async function storedRows(of: Tenant): Promise<any[]> {
    const { rows } = await world.connection.pool.query(
      'select * from inbound_sms where service_id = $1 order by created_at, id',
      [of.id],
    );
    return rows;
  }
  const metrics = async () => await (await fetch(`${world.api}/metrics`)).text();

  test('each endpoint for received texts requires its own credentials, and refuses others with the texts of the contract', async () => {
    const missing = [
      401,
      '{"result":"error","message":"Unauthorized: authentication token must be provided"}',
    ];
    const wrong = [403, '{"result":"error","message":"Forbidden: invalid authentication token provided"}'];
    for (const path of [mmgPath, firetextPath]) {
      const response = await fetch(world.api + path, { method: 'POST', body: '{' });
      assert.equal(response.headers.get('www-authenticate'), 'Bearer');
      assert.deepEqual([response.status, await response.text()], missing);
    }
    for (const pair of ['tide:', 'tide:guess', 'notify:new-pass', ':', 'notify:fire-pass'])
      assert.deepEqual(await mmg({}, basic(pair)), wrong, pair);
    for (const pair of ['notify:', 'tide:fire-pass', 'tide:new-pass'])
      assert.deepEqual(await firetext({}, basic(pair)), wrong, pair);
    const of = await withNumber('07700900499');
    for (const pair of ['tide:old-pass', 'tide:new-pass', 'moon:old-pass', 'moon:new-pass'])
      assert.deepEqual(await mmg({ Number: '447700900499' }, basic(pair)), ok);
    assert.equal((await storedRows(of)).length, 4);
  });

  test('without configured passwords every received text is refused', async (t) => {
    const bare = await createWorld({
      environment: { MMG_API_KEY: 'mmg', FIRETEXT_API_KEY: 'firetext' },
      roles: ['api'],
    });
    t.after(() => bare.stop());
    for (const [path, pair] of [
      [mmgPath, ':'],
      [mmgPath, 'mmg:'],
      [firetextPath, 'notify:'],
    ] as const) {
      const response = await fetch(bare.api + path, {
        method: 'POST',
        headers: { authorization: basic(pair) },
        body: '{}',
      });
      assert.equal(response.status, 403, pair);
    }
  });

  test('received texts of both providers are read by the official client, decoded, newest first', async () => {
    const of = await withNumber('07700900457');
    const to = '447700900457';
    assert.deepEqual(await mmg({ Number: to, Message: 'x+%2B+y+%F0%9F%8C%8A\\nit\\u2019s' }), ok);
    assert.deepEqual(await firetext({ destination: to, message: 'a+b \\n ✓' }), ok);
    assert.deepEqual(await mmg({ Number: to, Message: '' }), ok);
    const texts = await received(of);
    assert.deepEqual(
      texts.map(({ content, user_number, notify_number }) => [content, user_number, notify_number]),
      [
        ['x + y 🌊\nit’s', '447700900001', '07700900457'],
        ['a+b \\n ✓', '447700900002', '07700900457'],
        ['', '447700900001', '07700900457'],
      ],
    );
    const older = (await clientOf(of).getReceivedTexts(texts[1]!.id)).data.received_text_messages;
    assert.deepEqual(
      older.map(({ id }) => id),
      [texts[0]!.id],
    );
    assert.deepEqual((await received(tenant)).length, 0);
  });

  test('a received text is stored with what its provider reports, its content only encrypted', async () => {
    const of = await withNumber('07700900458');
    const to = '447700900458';
    const before = Date.now();
    await mmg({ Number: to, ID: 7241956, MSISDN: 'Harbour', Message: 'Tide-secret' });
    await mmg({ Number: to, ID: 'other', DateRecieved: 'yesterday' });
    await mmg({ Number: to, ID: undefined, DateRecieved: undefined });
    await firetext({ destination: to });
    const rows = await storedRows(of);
    assert.deepEqual(
      rows.map(({ provider, provider_reference, user_number }) => [
        provider,
        provider_reference,
        user_number,
      ]),
      [
        ['mmg', '7241956', 'Harbour'],
        ['mmg', 'other', '447700900001'],
        ['mmg', null, '447700900001'],
        ['firetext', null, '447700900002'],
      ],
    );
    const said = '2017-05-02T14:03:07.000Z';
    const dates = rows.map(({ provider_date }) => provider_date as Date);
    assert.deepEqual([dates[0]!.toISOString(), dates[3]!.toISOString()], [said, said]);
    for (const date of [dates[1]!, dates[2]!]) assert.ok(date.getTime() >= before);
    assert.doesNotMatch(rows[0].content.toString('latin1'), /Tide-secret/);
  });

  test('a received text posted twice is stored once and answered alike; different texts are all stored', async () => {
    const of = await withNumber('07700900459');
    const to = '447700900459';
    const twice = { Number: to, ID: 'the-same' };
    const posts = await Promise.all([mmg(twice), mmg(twice), mmg(twice)]);
    for (const answer of [...posts, await mmg(twice)]) assert.deepEqual(answer, ok);
    assert.equal((await received(of)).length, 1);
    // Firetext sends no ids and MMG may omit them: without an id, the same words twice are two texts.
    for (let index = 0; index < 2; index++) {
      await mmg({ Number: to, ID: undefined });
      await firetext({ destination: to });
    }
    assert.equal((await received(of)).length, 5);
  });

  test('a received text to an unassigned or switched-off number is answered as a success and not stored', async () => {
    const of = await withNumber('07700900460');
    const { body } = await world.admin('POST', '/inbound-number', {
      provider: 'mmg',
      numbers: ['07700900461'],
    });
    assert.equal(body.data[0].service, null);
    await world.admin('POST', `/inbound-number/service/${of.id}/off`);
    const { rows: before } = await world.connection.pool.query('select count(*)::int from inbound_sms');
    for (const number of ['447700900460', '447700900461', '447700900999', '+447700900456', 'x\u0000']) {
      assert.deepEqual(await mmg({ Number: number }), [200, 'RECEIVED'], number);
      assert.deepEqual(await firetext({ destination: number }), ok, number);
    }
    const { rows: after } = await world.connection.pool.query('select count(*)::int from inbound_sms');
    assert.deepEqual(after, before);
    // An assigned number is found in either spelling.
    assert.deepEqual(await mmg({ Number: '07700900456' }), ok);
  });

  test('a service without permission receives no texts', async () => {
    const of = await withNumber('07700900462');
    await world.connection.pool.query(
      `update services set permissions = array_remove(permissions, 'inbound_sms') where id = $1`,
      [of.id],
    );
    assert.deepEqual(await mmg({ Number: '447700900462' }), [200, 'RECEIVED']);
    assert.deepEqual(await firetext({ destination: '447700900462' }), ok);
    assert.deepEqual(await storedRows(of), []);
  });

  test('a malformed received text is refused with the reason', async () => {
    const authorization = basic('tide:new-pass');
    assert.deepEqual(await post(mmgPath, '{"MSISDN"', authorization), [
      400,
      '{"result":"error","message":"MMG inbound SMS failed: invalid json"}',
    ]);
    assert.deepEqual(await mmg({ Number: null }), [
      400,
      '{"result":"error","message":["MMG inbound SMS failed: Number missing"]}',
    ]);
    assert.deepEqual(await post(firetextPath, '', basic('notify:fire-pass')), [
      400,
      '{"result":"error","message":["Firetext inbound SMS failed: source missing","Firetext inbound SMS failed: destination missing","Firetext inbound SMS failed: message missing"]}',
    ]);
    const deep = `{"Message":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    assert.equal((await post(mmgPath, deep, authorization))[0], 400);
  });

  test('malformed values in a received text are stored as far as possible and never cause an error', async () => {
    const of = await withNumber('07700900463');
    const to = '447700900463';
    const malformed = { Number: to, MSISDN: 'a\u0000\ud800b', Message: '\\x00\\ud800+\u0000', ID: 'a\u0000' };
    assert.deepEqual(await mmg(malformed), ok);
    assert.deepEqual(await mmg({ Number: to, ID: 'x'.repeat(10_000), DateRecieved: '0000-01-01' }), ok);
    assert.deepEqual(await mmg({ Number: to, Message: 'ü'.repeat(30_000) }), ok);
    assert.deepEqual(
      (await received(of)).map(({ content }) => content.length),
      [4, 10, 30_000],
    );
  });

  test('each received text is counted by its provider', async () => {
    const count = async (provider: string) =>
      Number(new RegExp(`despatch_inbound_sms_${provider}_total (\\d+)`).exec(await metrics())?.[1] ?? 0);
    const before = [await count('mmg'), await count('firetext')];
    await mmg({ ID: 'counted' });
    await mmg({ ID: 'counted' });
    await mmg({ Number: '447700900999' });
    await firetext({});
    assert.deepEqual(
      [await count('mmg'), await count('firetext')],
      before.map((number) => number + 1),
    );
  });
});
