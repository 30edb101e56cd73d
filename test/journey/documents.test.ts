import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { documentRoutes } from '../../src/content/document/routes.ts';
import { databaseStorage, deleteExpiredDocuments } from '../../src/content/document/store.ts';
import { type Connection, connect } from '../../src/database/connection.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { createLog } from '../../src/ground/log.ts';
import { createMetrics } from '../../src/ground/metrics.ts';
import { closeServer } from '../../src/http/server/connection.ts';
import { plainErrors } from '../../src/http/server/error-format.ts';
import { createServer } from '../../src/http/server/server.ts';
import { addService, findService } from '../../src/tenant/service/store.ts';
import { freshDatabase } from '../support/database.ts';
import { uploadFile } from '../support/files.ts';
import { secretKey } from '../support/tenant.ts';
import { createWorld } from '../support/world.ts';

type UploadOptions = {
  filename?: string;
  confirmEmailBeforeDownload?: boolean;
  retentionPeriod?: string;
};
const { NotifyClient } = createRequire(import.meta.url)('notifications-node-client') as {
  NotifyClient: new (
    url: string,
    key: string,
  ) => { prepareUpload(file: Buffer, options?: UploadOptions): Record<string, unknown> };
};
const client = new NotifyClient('http://localhost', `k-${randomUUID()}-${randomUUID()}`);

const recipient = 'rowan@harbour.example';
const content = 'name,tide\nRowan,14:05\n';
const openToAll = { filename: 'tide.csv', confirmEmailBeforeDownload: false };
const day = 86_400_000;

type Seen = { status: number; headers: Headers; text: string; bytes: Buffer };

/** Sends one request without following redirects. */
async function ask(url: string, init: RequestInit = {}): Promise<Seen> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, text: bytes.toString(), bytes };
}
const enter = (url: string, address: string) =>
  ask(url, { method: 'POST', body: new URLSearchParams({ email_address: address }) });
const location = (url: string, { headers }: Seen) => new URL(headers.get('location') ?? '', url).href;
const cookieOf = ({ headers }: Seen) => (headers.get('set-cookie') ?? '').split(';')[0]!;

describe('a file that is sent as a link', () => {
  let now = Date.parse('2026-11-21T20:00:00Z');
  let connection: Connection;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let app: ReturnType<typeof createServer>['app'];
  let base: string;
  const serviceId = randomUUID();

  before(async () => {
    database = await freshDatabase();
    const log = createLog('silent');
    connection = connect(database.url, 8, log);
    const { db } = connection;
    await migrate(db, log);
    await addService(db, {
      id: serviceId,
      name: 'Harbour <b>Office</b>',
      restricted: false,
      emailFrom: 'harbour',
      prefixSms: true,
      permissions: ['email'],
      contactLink: 'https://harbour.example/contact?a=1&b=2',
    });
    const noGuard = () => assert.fail('these routes are open');
    const server = createServer({
      log,
      metrics: createMetrics(null, log),
      guards: { 'service key': noGuard, admin: noGuard },
    });
    app = server.app;
    const services = {
      get: (id: string) => findService(db, id),
      peek: () => undefined,
      drop: () => undefined,
    };
    const cipher = createCipher([secretKey], 'tests');
    const deps = {
      db,
      storage: databaseStorage(db),
      cipher,
      clock: { now: () => now },
      services,
      files: { baseUrl: 'https://documents.harbour.example' },
    };
    server.scope(plainErrors, (mount) => mount(documentRoutes, deps));
    await app.listen({ host: '127.0.0.1', port: 0 });
    base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  });
  after(async () => {
    await closeServer(app);
    await connection.close();
    await database.drop();
  });

  async function send(options?: UploadOptions, bytes: string | Buffer = content): Promise<string> {
    const link = await uploadFile(connection.db, {
      ...{ serviceId, recipient, baseUrl: base, now },
      value: client.prepareUpload(Buffer.from(bytes), options),
    });
    assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/d\/[\w-]{22}\/[\w-]{43}$/);
    return link;
  }

  async function downloads(): Promise<number> {
    const { rows } = await connection.pool.query(
      'select coalesce(sum(downloads), 0)::int as sum from documents',
    );
    return rows[0].sum;
  }

  test('a file uploaded by the official client asks for the email address by default, and opens for the right one', async () => {
    const link = await send();
    const page = await ask(link);
    assert.equal(page.status, 200);
    assert.match(page.text, /<label for="email_address">Email address<\/label>/);
    assert.match(page.text, /22 bytes/);
    assert.match(page.text, /22 May 2027/);
    assert.doesNotMatch(page.text, /document\.txt/, 'a file name can reveal as much as the file');

    const closed = await ask(`${link}/download`);
    assert.deepEqual([closed.status, location(`${link}/download`, closed)], [303, link]);

    const opened = await enter(link, ' ROWAN@harbour.example ');
    assert.deepEqual([opened.status, location(link, opened)], [303, `${link}/download`]);
    const cookie = cookieOf(opened);
    const file = await ask(`${link}/download`, { headers: { cookie } });
    assert.deepEqual([file.status, file.text], [200, content]);
    assert.match((await ask(link, { headers: { cookie } })).text, /<dd dir="auto">document\.txt<\/dd>/);

    const other = await send();
    assert.equal((await ask(`${other}/download`, { headers: { cookie } })).status, 303, 'another document');
    now += 15 * 60_000;
    assert.equal((await ask(`${link}/download`, { headers: { cookie } })).status, 303, 'too late');
  });

  test('a wrong or missing email address gets an error beside the field, and opens no file', async () => {
    const link = await send();
    for (const [address, text] of [
      ['someone@harbour.example', 'This is not the email address that the file was sent to'],
      ['', 'Enter an email address in the correct format'],
      ['<script>alert(1)</script>', 'Enter an email address in the correct format'],
      [`${'a'.repeat(3_000)}@b.example`, 'Enter an email address in the correct format'],
    ] as const) {
      const page = await enter(link, address);
      assert.equal(page.status, 400);
      assert.ok(page.text.includes(text), text);
      assert.match(page.text, /<title>Error: /);
      assert.match(page.text, /aria-invalid="true" aria-describedby="error"/);
      assert.doesNotMatch(page.text, /<script/);
      if (address.length < 100)
        assert.ok(
          page.text.includes(
            ` value="${address.replace(/[<>]/g, (sign) => (sign === '<' ? '&lt;' : '&gt;'))}"`,
          ),
        );
      assert.equal(page.headers.get('set-cookie'), null);
    }
    for (const body of ['', '\0\xff', '{"email_address":"rowan@harbour.example"}', '%zz=%', 'x'.repeat(4096)])
      assert.equal((await ask(link, { method: 'POST', body })).status, 400);
    assert.equal((await ask(link, { method: 'POST', body: 'x'.repeat(4097) })).status, 413);
  });

  test('after ten wrong email addresses within an hour every address is refused until the hour is over', async () => {
    const link = await send();
    for (let index = 0; index < 10; index += 1) {
      assert.equal((await enter(link, `guess-${index}@harbour.example`)).status, 400);
      assert.equal((await enter(link, 'no address')).status, 400);
    }
    for (const address of ['guess-11@harbour.example', recipient]) {
      const page = await enter(link, address);
      assert.equal(page.status, 429);
      assert.equal(page.headers.get('retry-after'), '3600');
      assert.match(page.text, /Try again in 60 minutes/);
    }
    assert.equal((await ask(link)).status, 200);
    now += 3_600_000;
    for (let index = 0; index < 12; index += 1) assert.equal((await enter(link, recipient)).status, 303);
  });

  test('a file without confirmation opens with its link alone', async () => {
    const link = await send(openToAll);
    const page = await ask(link);
    assert.match(page.text, /href="[\w-]{43}\/download">Download file</);
    assert.match(page.text, /<dd dir="auto">tide\.csv<\/dd>/);
    assert.doesNotMatch(page.text, /<form/);
    const file = await ask(`${link}/download`);
    assert.deepEqual([file.status, file.text], [200, content]);
    assert.equal((await enter(link, 'anybody@harbour.example')).status, 303);
  });

  test('a file is downloaded unchanged under its name, and never runs in the browser', async () => {
    const bytes = Buffer.concat([
      Buffer.from('%PDF-1.7\n'),
      Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => i)),
    ]);
    const link = await send({ filename: 'Café "tide".pdf', confirmEmailBeforeDownload: false }, bytes);
    const file = await ask(`${link}/download`);
    assert.ok(file.bytes.equals(bytes));
    const expected = {
      'content-type': 'application/pdf',
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="Cafe _tide_.pdf"; filename*=UTF-8''Caf%C3%A9%20%22tide%22.pdf`,
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store, no-cache, private, must-revalidate',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex, nofollow',
      'access-control-allow-origin': null,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(file.headers.get(name), value, name);
  });

  test('names and texts of the sender are shown as text on the pages of a file', async () => {
    const name = `<img src=x onerror=alert(1)>"'&amp;.csv`;
    const page = await ask(await send({ filename: name, confirmEmailBeforeDownload: false }));
    assert.ok(page.text.includes('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;.csv'));
    assert.ok(page.text.includes('Harbour &lt;b&gt;Office&lt;/b&gt;'));
    assert.ok(page.text.includes('href="https://harbour.example/contact?a=1&amp;b=2"'));
    assert.doesNotMatch(page.text, /<img|<b>/);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/);
    assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
    assert.equal(page.headers.get('x-robots-tag'), 'noindex, nofollow');
  });

  test('contact details on the pages of a file become a link only if they are an address', async () => {
    for (const [contact, expected] of [
      ['desk@harbour.example', '<a href="mailto:desk@harbour.example">desk@harbour.example</a>'],
      ['020 7946 0000', '<span>020 7946 0000</span>'],
      ['javascript:alert(1)', '<span>javascript:alert(1)</span>'],
    ] as const) {
      await connection.db.updateTable('services').set({ contact_link: contact }).execute();
      assert.ok((await ask(await send(openToAll))).text.includes(expected), expected);
    }
  });

  test('link scanners neither count as attempts nor use up a file', async () => {
    const link = await send(openToAll);
    const start = await downloads();
    for (let index = 0; index < 20; index += 1)
      for (const url of [link, `${link}/download`]) {
        const seen = await ask(url, { method: 'HEAD' });
        assert.deepEqual([seen.status, seen.text], [200, '']);
      }
    const head = await ask(`${link}/download`, { method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), String(content.length));
    await ask(link);
    assert.equal(await downloads(), start);
    await ask(`${link}/download`);
    assert.equal(await downloads(), start + 1);
  });

  test('wrong, changed and expired links of a file show the same page', async () => {
    const link = await send({ ...openToAll, retentionPeriod: '1 week' });
    const flip = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    const [, , , , id = '', key = ''] = link.split('/');
    const wrong = [
      `${base}/d/${flip(id)}/${key}`,
      `${base}/d/${id}/${flip(key)}`,
      `${base}/d/${id}/${key}x`,
      `${base}/d/x/y`,
      `${base}/d/%00/%27`,
      `${base}/d/${'x'.repeat(5000)}/${key}`,
    ];
    const pages = await Promise.all(
      wrong.flatMap((url) => [ask(url), ask(`${url}/download`), enter(url, recipient)]),
    );
    pages.push(await ask(`${base}/d/${id}`), await ask(`${link}/`), await ask(`${link}/download/x`));
    // Retention is counted in days, and the last day counts to its end.
    now = Date.parse('2026-11-21T09:00:00Z') + 8 * day;
    const late = await send({ ...openToAll, retentionPeriod: '1 week' });
    now = Date.parse('2026-12-06T23:59:59Z');
    assert.equal((await ask(late)).status, 200);
    now += 1000;
    pages.push(await ask(late), await ask(`${late}/download`), await enter(late, recipient), await ask(link));
    for (const page of pages) {
      assert.equal(page.status, 404);
      assert.equal(page.text, pages[0]!.text);
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
    }
  });

  test('expired files are deleted, others stay', async () => {
    const { db } = connection;
    const deps = { db, storage: databaseStorage(db) };
    const short = await send({ ...openToAll, retentionPeriod: '1 week' });
    const long = await send({ ...openToAll, retentionPeriod: '78 weeks' });
    now += 9 * day;
    assert.ok((await deleteExpiredDocuments(deps, now)) >= 1);
    assert.equal((await ask(short)).status, 404);
    assert.equal((await ask(`${long}/download`)).text, content);
    const { rows } = await connection.pool.query(
      'select (select count(*)::int from documents) as documents, (select count(*)::int from document_contents) as contents',
    );
    assert.equal(rows[0].documents, rows[0].contents);
  });

  test('a file that is missing from the storage shows the same page as a wrong link', async () => {
    const link = await send(openToAll);
    await connection.pool.query('delete from document_contents');
    const page = await ask(`${link}/download`);
    assert.deepEqual([page.status, page.headers.get('content-disposition')], [404, null]);
    assert.equal(page.text, (await ask(`${base}/d/x/y`)).text);
  });

  test('a copy of the database reveals neither the content of a file nor its name, recipient or key', async () => {
    const secret = 'Rowan owes 1234 pounds';
    const link = await send({ filename: 'debts-of-rowan.txt' }, secret);
    const { rows } = await connection.pool.query(`
      select d::text || coalesce(c::text, '') as text, encode(d.filename, 'escape') || encode(c.sealed, 'escape') as bytes
      from documents d left join document_contents c using (id)`);
    const dump = JSON.stringify(rows);
    const key = Buffer.from(link.split('/').at(-1)!, 'base64url');
    for (const text of [secret, 'debts-of-rowan', recipient, key.toString('base64url')]) {
      assert.ok(!dump.includes(text), text);
      assert.ok(!dump.includes(Buffer.from(text).toString('hex')), text);
    }
    assert.ok(!dump.includes(key.toString('hex')));
  });
});

test('the product itself serves the links of files', async () => {
  const world = await createWorld();
  try {
    const link = await uploadFile(world.connection.db, {
      ...{ serviceId: world.tenant.id, recipient, baseUrl: world.api, now: Date.now() },
      value: client.prepareUpload(Buffer.from(content), { filename: 'tide.csv' }),
    });
    assert.equal((await ask(link)).status, 200);
    const opened = await enter(link, recipient);
    const file = await ask(`${link}/download`, { headers: { cookie: cookieOf(opened) } });
    assert.equal(file.text, content);
    assert.equal(file.headers.get('content-type'), 'text/csv');
  } finally {
    await world.stop();
  }
});
