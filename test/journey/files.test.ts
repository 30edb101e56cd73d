import assert from 'node:assert/strict';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { makeToken } from '../../src/cli/client.ts';
import { setLimits } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const { NotifyClient } = createRequire(import.meta.url)('notifications-node-client') as {
  NotifyClient: new (url: string, key: string) => { prepareUpload(file: Buffer, options?: object): object };
};

test('a file prepared by the official client becomes a link in the email that opens the file', async () => {
  const world = await createWorld();
  try {
    const file = new NotifyClient(world.api, world.tenant.keys.normal).prepareUpload(
      Buffer.from('tide,height\n14:05,4.2\n'),
      {
        filename: 'tides.csv',
        confirmEmailBeforeDownload: false,
        retentionPeriod: '4 weeks',
      },
    );
    const { status, data } = await world.client.sendEmail(world.tenant.templates.email, 'rowan@example.com', {
      personalisation: { name: 'Rowan', time: file },
    });
    assert.equal(status, 201);
    const link = /https?:\S+\/d\/\S+/.exec((data['content'] as { body: string }).body)?.[0];
    assert.ok(link);
    await world.drain();
    const { messages } = await world.sandbox(`/messages?reference=${data.id}`);
    assert.ok(messages[0].text.includes(link));
    const page = await (await fetch(link)).text();
    assert.match(page, /tides\.csv/);
    const download = await fetch(`${link}/download`);
    assert.equal(await download.text(), 'tide,height\n14:05,4.2\n');
    assert.match(download.headers.get('content-disposition') ?? '', /attachment/);

    const wrong = await world.call('POST', '/v2/notifications/sms', {
      body: {
        template_id: world.tenant.templates.sms,
        phone_number: '07700900300',
        personalisation: { name: 'a', time: file },
      },
    });
    assert.deepEqual([wrong.status, wrong.body.errors[0].message], [400, 'Can only send a file by email']);
  } finally {
    await world.stop();
  }
});

describe('files and limits', () => {
  let world: World;
  let second: string;
  let stop: () => Promise<void>;
  before(async () => {
    world = await createWorld({
      environment: {
        DOCUMENT_DAILY_FILES: '5',
        DOCUMENT_DAILY_BYTES: '1000',
        DOCUMENT_BASE_URL: 'https://documents.harbour.example',
      },
    });
    const platform = await world.startMore({ roles: ['api'] });
    second = platform.url ?? '';
    stop = async () => {
      await platform.stop();
      await world.stop();
    };
  });
  after(() => stop());

  const fileOf = (bytes: number, more: object = {}) => ({
    file: Buffer.alloc(bytes, 'x').toString('base64'),
    confirm_email_before_download: false,
    ...more,
  });
  const email = (tenant: Tenant, values: object, more: object = {}) => ({
    template_id: tenant.templates.email,
    email_address: 'rowan@example.com',
    personalisation: { name: 'Rowan', ...values },
    ...more,
  });
  async function send(tenant: Tenant, body: object, headers: Record<string, string> = {}, api = world.api) {
    const response = await fetch(`${api}/v2/notifications/email`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${makeToken(tenant.keys.normal)}`, ...headers },
      body: JSON.stringify(body),
    });
    const seen = (await response.json()) as any;
    return { status: response.status, headers: response.headers, body: seen };
  }
  /** Sends `count` requests at once, alternating between two API processes. */
  const storm = (tenant: Tenant, count: number, body: object, headers: Record<string, string> = {}) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        send(tenant, body, headers, index % 2 ? second : world.api),
      ),
    );
  const countOf = (answers: readonly { status: number }[], status: number) =>
    answers.filter((answer) => answer.status === status).length;

  /** How many messages and files of the service there are, and how many contents belong to the files. */
  async function stored({ id }: Tenant): Promise<number[]> {
    const { rows } = await world.connection.pool.query(
      `select ((select count(*) from accepted where service_id = $1)
          + (select count(*) from notification_history where service_id = $1))::int as messages,
        (select count(*)::int from documents where service_id = $1) as documents,
        (select count(*)::int from document_contents c join documents d on d.id = c.id where d.service_id = $1) as contents`,
      [id],
    );
    return [rows[0].messages, rows[0].documents, rows[0].contents];
  }
  const orphans = async () =>
    (
      await world.connection.pool.query(
        'select count(*)::int as n from document_contents c where not exists (select from documents d where d.id = c.id)',
      )
    ).rows[0].n;

  test('of concurrent emails with files exactly as many are accepted as the daily limit of files allows', async () => {
    const tenant = await world.addTenant();
    const answers = await storm(tenant, 24, email(tenant, { time: fileOf(10) }));
    assert.deepEqual([countOf(answers, 201), countOf(answers, 429)], [5, 19]);
    const refused = answers.find(({ status }) => status === 429)!;
    assert.deepEqual(refused.body, {
      status_code: 429,
      errors: [{ error: 'TooManyRequestsError', message: 'Exceeded send limits (files: 5) for today' }],
    });
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.match(refused.headers.get('ratelimit') ?? '', /^"files";r=0;t=\d+$/);
    await world.drain();
    assert.deepEqual(await stored(tenant), [5, 5, 5]);
    assert.equal((await send(tenant, email(tenant, { time: '14:05' }))).status, 201);
    assert.equal(await orphans(), 0);
  });

  test('the bytes of files have a daily limit too, and what still fits is accepted', async () => {
    const tenant = await world.addTenant();
    const answers = await storm(tenant, 6, email(tenant, { time: fileOf(400) }));
    assert.equal(countOf(answers, 201), 2);
    assert.equal(
      answers.find(({ status }) => status === 429)!.body.errors[0].message,
      'Exceeded send limits (file_bytes: 1000) for today',
    );
    assert.equal((await send(tenant, email(tenant, { time: fileOf(200) }))).status, 201);
    assert.equal((await send(tenant, email(tenant, { time: fileOf(1) }))).status, 429);
    assert.deepEqual(await stored(tenant), [3, 3, 3]);
    // A claim that is under way would be a day old.
    await world.drain();
    await world.advance(86_400);
    const later = await world.call('POST', '/v2/notifications/email', {
      key: tenant.keys.test,
      body: email(tenant, { time: fileOf(1000) }),
    });
    assert.equal(later.status, 201, 'a new day, and test keys count');
    await world.drain();
    await world.advance(-86_400);
  });

  test('a request that a limit refuses leaves no file behind, and spends nothing of the limit of files', async () => {
    const tenant = await world.addTenant();
    await setLimits(world.connection.db, tenant.id, { limits: { email: 2 } });
    const daily = await storm(tenant, 10, email(tenant, { time: fileOf(10) }));
    assert.deepEqual([countOf(daily, 201), countOf(daily, 429)], [2, 8]);
    assert.ok(daily.some(({ body }) => /\(email: 2\)/.test(body.errors?.[0].message)));
    assert.deepEqual(await stored(tenant), [2, 2, 2]);
    await setLimits(world.connection.db, tenant.id, { limits: { email: 100 } });
    const rest = await storm(tenant, 10, email(tenant, { time: fileOf(10) }));
    assert.equal(countOf(rest, 201), 3);

    const slow = await world.addTenant();
    // Capacity 2, of which the last token is never granted.
    await setLimits(world.connection.db, slow.id, { rateLimit: 3 });
    const rate = await storm(slow, 10, email(slow, { time: fileOf(10) }));
    assert.deepEqual([countOf(rate, 201), countOf(rate, 429)], [1, 9]);
    assert.match(rate.find(({ status }) => status === 429)!.body.errors[0].message, /^Exceeded rate limit/);
    assert.deepEqual(await stored(slow), [1, 1, 1]);
    assert.equal(await orphans(), 0);
  });

  test('repeats with the same Idempotency-Key, however many at once, are one message with one file', async () => {
    const tenant = await world.addTenant();
    const body = email(tenant, { time: fileOf(10) });
    const answers = await storm(tenant, 8, body, { 'Idempotency-Key': 'tide' });
    answers.push(await send(tenant, body, { 'Idempotency-Key': 'tide' }));
    assert.deepEqual(new Set(answers.map(({ status, body: { id } }) => `${status} ${id}`)).size, 1);
    assert.equal(answers[0]!.status, 201);
    assert.deepEqual(await stored(tenant), [1, 1, 1]);
    const rest = await storm(tenant, 8, body);
    assert.equal(countOf(rest, 201), 4, 'they count once');
  });

  test('a file that the template does not show is checked but kept nowhere', async () => {
    const tenant = await world.addTenant();
    const unused = { time: '14:05', plan: fileOf(100_000) };
    const { status, body } = await send(tenant, email(tenant, unused));
    assert.equal(status, 201);
    assert.equal(body.content.body, 'Hi Rowan,\n\nhigh tide at 14:05');
    assert.deepEqual(await stored(tenant), [1, 0, 0]);
    await world.drain();
    const { rows } = await world.connection.pool.query(
      'select length(personalisation)::int as length from notifications where id = $1',
      [body.id],
    );
    assert.ok(rows[0].length < 1000);
    const wrong = await send(tenant, email(tenant, { time: '14:05', plan: fileOf(1, { size: 1 }) }));
    assert.match(wrong.body.errors[0].message, /size was unexpected/);
  });

  test('links to files begin with DOCUMENT_BASE_URL, and their pages are served on that host', async () => {
    const tenant = await world.addTenant();
    const value = fileOf(10, { confirm_email_before_download: true });
    const { body } = await send(tenant, email(tenant, { time: value }));
    const [link] = /https:\S+/.exec(body.content.body)!;
    assert.match(link, /^https:\/\/documents\.harbour\.example\/d\/[\w-]{22}\/[\w-]{43}$/);
    // As a proxy for that host passes it on.
    const { pathname, host } = new URL(link);
    const page = await fetchAs(world.api + pathname, host);
    assert.match(page.text, /<form method="post" novalidate>/);
    const opened = await fetchAs(world.api + pathname, host, 'email_address=rowan%40example.com');
    assert.equal(opened.status, 303);
    assert.equal(new URL(opened.location!, link).href, `${link}/download`);
    assert.match(opened.cookie!, /; HttpOnly; SameSite=Strict; Secure$/);

    const simulated = email(
      tenant,
      { time: value },
      {
        email_address: 'simulate-delivered@notifications.service.gov.uk',
      },
    );
    assert.ok(
      (await send(tenant, simulated)).body.content.body.endsWith(
        `https://documents.harbour.example/services/${tenant.id}/documents/test-document`,
      ),
    );
  });
});

/** `fetch` does not let a caller set the header `Host`. */
function fetchAs(url: string, host: string, form?: string) {
  return new Promise<{ status: number; text: string; location?: string; cookie?: string }>(
    (resolve, reject) => {
      const method = form === undefined ? 'GET' : 'POST';
      const sent = request(url, { method, headers: { host } }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => {
          const { location, 'set-cookie': cookies } = response.headers;
          const headers = { ...(location && { location }), ...(cookies && { cookie: cookies[0]! }) };
          resolve({ status: response.statusCode!, text, ...headers });
        });
      });
      sent.on('error', reject).end(form);
    },
  );
}
