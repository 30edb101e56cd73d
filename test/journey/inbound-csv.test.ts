import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { signToken } from '../../src/cli/client.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { londonTime } from '../../src/ground/clock.ts';
import { addInboundSms } from '../../src/message/receipt/inbound/store.ts';
import { salt, secretKey } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const hour = 3_600_000;
const header = 'Received,Number,Message\r\n';

describe('received texts as a file for a spreadsheet', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(() => world.stop());

  const cipher = createCipher([secretKey], salt);
  async function receive(
    serviceId: string,
    userNumber: string,
    content: string,
    at: number,
  ): Promise<string> {
    const id = randomUUID();
    await addInboundSms(world.connection.db, cipher, {
      ...{ id, serviceId, notifyNumber: '07700900456', userNumber, content },
      ...{ provider: 'mmg', providerReference: null, providerDate: new Date(at), createdAt: new Date(at) },
    });
    return id;
  }
  const authorization = () => {
    const { issuer, secret } = world.credentials.admin;
    return { authorization: `Bearer ${signToken(issuer, secret, world.clock.now())}` };
  };
  const urlOf = (serviceId: string, query: string) =>
    `${world.api}/service/${serviceId}/inbound-sms/csv?${query}`;
  async function download(serviceId: string, query = ''): Promise<string> {
    const response = await fetch(urlOf(serviceId, query), { headers: authorization() });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8');
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.deepEqual([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf], 'Excel needs a byte order mark');
    return bytes.subarray(3).toString();
  }
  /** A download whose body is not read yet. */
  async function begin(serviceId: string): Promise<IncomingMessage> {
    const [response] = (await once(get(urlOf(serviceId, ''), { headers: authorization() }), 'response')) as [
      IncomingMessage,
    ];
    assert.equal(response.statusCode, 200);
    return response;
  }

  test('the file has the texts of the service that are kept, newest first, in London time, by day and number, and no formulas', async () => {
    const { id } = await world.addTenant();
    const now = world.clock.now();
    const other = await world.addTenant();
    await receive(other.id, '447700900001', 'not ours', now);
    assert.equal(await download(id), header);
    await receive(id, '447700900001', 'long ago', now - 9 * 24 * hour);
    await receive(id, '447700900001', 'High, "low"\nBŵl', now - 50 * hour);
    await receive(id, '447700900002', '=HYPERLINK("https://example.com")', now - 2000);
    await receive(id, '@Harbour', '+44 7700 900123', now - 1000);
    await receive(id, '447700900001', "-2+3+cmd|' /C calc'!A0", now);
    const at = (ago: number) => londonTime(now - ago);
    const lines = [
      `${at(0)},447700900001,'-2+3+cmd|' /C calc'!A0\r\n`,
      `${at(1000)},'@Harbour,+44 7700 900123\r\n`,
      `${at(2000)},447700900002,"'=HYPERLINK(""https://example.com"")"\r\n`,
      `${at(50 * hour)},447700900001,"High, ""low""\nBŵl"\r\n`,
    ];
    assert.equal(await download(id), header + lines.join(''));
    assert.equal(await download(id, 'number=07700%20900001'), header + lines[0] + lines[3]);
    assert.equal(await download(id, `day=${at(50 * hour).slice(0, 10)}`), header + lines[3]);
    assert.equal(await download(id, 'day=9999-12-31&number=%00'), header);
    await world.admin('POST', `/service/${id}/data-retention`, {
      notification_type: 'sms',
      days_of_retention: 10,
    });
    assert.match(await download(id), /long ago\r\n$/);
    for (const query of ['day=tomorrow', 'older_than=x', `older_than=${randomUUID()}`]) {
      const { status } = await fetch(urlOf(id, query), { headers: authorization() });
      assert.equal(status, 400, query);
    }
    assert.equal(await download(randomUUID()), header);
  });

  test('every text is in the file once, however many there are', async () => {
    const { id } = await world.addTenant();
    const now = world.clock.now();
    // Several at the same time, across the ends of what is read at once.
    const contents = Array.from({ length: 620 }, (_, index) => `text ${index}.`);
    await Promise.all(
      contents.map((content, index) =>
        receive(id, '447700900001', content, now - 1000 * Math.floor(index / 100)),
      ),
    );
    const found = (await download(id)).match(/text \d+\./g) ?? [];
    assert.deepEqual(found.toSorted(), contents.toSorted());
  });

  test('a file is read only as fast as its caller takes it, one at a time for a service, and no further when the caller leaves', async () => {
    const { id } = await world.addTenant();
    const now = world.clock.now();
    const large = 'x'.repeat(1_000_000);
    const count = 24;
    for (let index = 0; index < count; index++)
      await receive(id, '447700900001', `${large}${index}.`, now - index * 1000);
    const { pool } = world.connection;
    const another = await world.addTenant();

    const leaver = await begin(id);
    let hasBegun = false;
    const waiting = begin(id).finally(() => {
      hasBegun = true;
    });
    for (let look = 0; look < 10; look++) await download(another.id);
    assert.ok(!hasBegun, 'another service does not wait, the same one does');
    leaver.destroy();
    const slow = await waiting;
    // Of a file that nobody takes, the end has not been read, and is gone.
    const { rowCount } = await pool.query(
      `delete from inbound_sms where service_id = $1 and created_at < $2`,
      [id, new Date(now - 18_000 + 1)],
    );
    assert.equal(rowCount, 6);
    let end = '';
    for await (const piece of slow.setEncoding('latin1')) end = (end + piece).slice(-10);
    assert.match(end, /x17\.\r\n$/);
    assert.equal((await download(id)).split('\r\n').length, 1 + 18 + 1);
  });
});
