import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { pino } from 'pino';
import { createWorld } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };
/** Every outcome that a test key can ask for. */
const texts = ['07700900123', '07700900001', '07700900002', '07700900003', '07700900004'];
const emails = ['kim@example.com', 'perm-fail@simulator.notify', 'temp-fail@simulator.notify'];

for (const [name, environment] of [
  ['the sandbox', {}],
  ['MMG and SES', { MMG_API_KEY: 'a-key-of-mmg', SES_ENABLED: '1', MMG_RECEIPT_AUTH: 'mmg:password' }],
  ['Firetext and SMTP', { FIRETEXT_API_KEY: 'a-key-of-firetext', SMTP_URL: 'smtp://127.0.0.1:1' }],
] as const)
  test(`messages of test keys log no warning where ${name} would send`, async (context) => {
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const world = await createWorld({
      environment,
      log: pino({ level: 'warn', messageKey: 'message' }, sink),
    });
    context.after(() => world.stop());
    // The start may say that the sandbox is used.
    lines.length = 0;
    const { tenant } = world;
    const client = world.clientOf(tenant.keys.test);
    const ids: string[] = [];
    for (const number of texts)
      ids.push((await client.sendSms(tenant.templates.sms, number, { personalisation })).data.id);
    for (const address of emails)
      ids.push((await client.sendEmail(tenant.templates.email, address, { personalisation })).data.id);
    await world.drain();
    for (const id of ids) {
      const { data } = await client.getNotificationById(id);
      assert.ok(
        ['delivered', 'sent', 'temporary-failure', 'permanent-failure'].includes(data.status),
        data.status,
      );
    }
    assert.deepEqual(lines, []);
  });
