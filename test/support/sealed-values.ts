import assert from 'node:assert/strict';
import type { Cipher } from '../../src/ground/cipher.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { sealedColumns } from '../../src/upkeep/sealed-columns.ts';
import { callbacksOf, registerCallback } from './callback-receiver.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** Sends texts of a tenant by the API: `body` has what differs from the usual one. */
export const textsOf =
  (world: World, tenant: Tenant) =>
  (body: object, headers: Record<string, string> = {}) =>
    world.call('POST', '/v2/notifications/sms', {
      key: tenant.keys.normal,
      headers,
      body: {
        ...{ template_id: tenant.templates.sms, phone_number: '07700900123' },
        ...{ personalisation: { name: 'Rowan', time: '14:05' }, ...body },
      },
    });

/** What `sealEverything` needs of its world. */
export const sealingSettings = {
  CALLBACK_ALLOW_PRIVATE: 'true',
  MMG_INBOUND_SMS_USERNAME: 'tide',
  MMG_INBOUND_SMS_AUTH: 'pass',
};
const inboundLogin = `Basic ${Buffer.from('tide:pass').toString('base64')}`;

/**
 * Makes a value in every column that is sealed under SECRET_KEY. `tenant` may schedule messages; `receiverUrl`: where its
 * callbacks go. Returns ids: of a message `sent` with the idempotency key `once` and of others.
 */
export async function sealEverything(
  world: World,
  tenant: Tenant,
  receiverUrl: string,
): Promise<Record<'sent' | 'scheduled' | 'list' | 'report' | 'callback', string>> {
  const made = async (path: string, body?: string | object, headers = {}) => {
    const answer = await world.admin('POST', path, body, headers);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const send = textsOf(world, tenant);
  for (const type of ['delivery_status', 'inbound_sms'])
    await registerCallback(world, tenant, receiverUrl, type);
  const sent = await send({}, { 'Idempotency-Key': 'once' });
  const scheduled = await send({ scheduled_for: new Date(world.clock.now() + 3_600_000).toISOString() });
  const file = 'phone number,name,time\n07700900123,Rowan,14:05\n07700900124,Ash,15:10\n';
  const upload = `/service/${tenant.id}/upload?template_id=${tenant.templates.sms}&file_name=tides.csv`;
  const { data: uploaded } = await made(upload, file);
  const list = { id: uploaded.id, created_by: platformUserId };
  await made(`/service/${tenant.id}/contact-list`, list, { 'Idempotency-Key': 'list' });
  const { data: number } = await made('/inbound-number', { provider: 'mmg', numbers: ['07700900456'] });
  const give = { inbound_number_id: number[0].id };
  assert.equal((await world.admin('POST', `/inbound-number/service/${tenant.id}`, give)).status, 200);
  const text = { MSISDN: '447700900123', Number: '447700900456', Message: 'High+tide', ID: 'mmg-1' };
  const posted = await fetch(`${world.api}/notifications/sms/receive/mmg`, {
    method: 'POST',
    headers: { authorization: inboundLogin },
    body: JSON.stringify({ ...text, DateRecieved: '2017-05-02+14%3A03%3A07' }),
  });
  assert.equal(posted.status, 200);
  const { data: person } = await made('/user', {
    ...{ name: 'Rowan', email_address: 'rowan@example.com', mobile_number: '07700900321' },
    ...{ password: 'sea charts and tides', auth_type: 'sms_auth' },
  });
  assert.equal((await world.admin('POST', `/user/${person.id}/sms-code`, {})).status, 204);
  await world.until(
    () => callbacksOf(world, tenant),
    (all) => all.filter(({ status }) => status === 'delivered').length >= 2,
    60,
  );
  const { data: report } = await made(`/service/${tenant.id}/report-request`, {
    ...{ user_id: platformUserId, report_type: 'notifications_report' },
    ...{ notification_type: 'sms', notification_status: 'all' },
  });
  await world.until(
    async () => (await world.admin('GET', `/service/${tenant.id}/report-request/${report.id}`)).body.data,
    ({ status }) => status === 'stored',
    60,
  );
  return {
    ...{ sent: sent.body.id, scheduled: scheduled.body.id },
    ...{ list: uploaded.id, report: report.id, callback: (await callbacksOf(world, tenant))[0].id },
  };
}

/** Opens every value that is sealed; returns the texts by table, column and key. Each column has some. */
export async function openEverything(
  { connection: { pool } }: Pick<World, 'connection'>,
  cipher: Cipher,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const { table, column, key, context } of sealedColumns) {
    const names = key.map(({ name }) => `${name}::text`);
    const { rows } = await pool.query<{ place: string[]; value: Buffer }>(
      `select array[${names}] as place, ${column} as value from ${table} where ${column} is not null`,
    );
    assert.ok(rows.length > 0, `${table}.${column}`);
    for (const { place, value } of rows)
      texts.set([table, column, ...place].join(), cipher.open(value, context(...place)));
  }
  return texts;
}
