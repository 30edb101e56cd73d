import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { createWorld } from '../support/world.ts';

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
