import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { makeToken } from '../../src/cli/client.ts';
import { addEmailReplyTo } from '../../src/tenant/service/store.ts';
import { createWorld, type World } from '../support/world.ts';

const personalisation = { name: 'Rowan', time: '14:05' };

describe('a message sent with the official client', () => {
  let world: World;
  before(async () => {
    world = await createWorld();
  });
  after(() => world.stop());

  test('an email that no provider could write is refused: a link too long for a header, or an unusable reply-to address', async () => {
    const tenant = await world.addTenant();
    const replyTo = randomUUID();
    await addEmailReplyTo(world.connection.db, tenant.id, {
      ...{ id: replyTo, text: 'desk@example.com, thief@evil.example', isDefault: false },
    });
    const send = async (more: object) => {
      const body = {
        template_id: tenant.templates.email,
        email_address: 'kim@recipient.example',
        personalisation,
        ...more,
      };
      const answer = await world.call('POST', '/v2/notifications/email', { body, key: tenant.keys.normal });
      return [answer.status, answer.body.errors?.[0].message];
    };
    const link = (length: number) => ({
      one_click_unsubscribe_url: 'https://a.example/'.padEnd(length, 'u'),
    });
    assert.deepEqual(await send(link(860)), [201, undefined]);
    const long = link(861);
    const tooLong = `one_click_unsubscribe_url ${long.one_click_unsubscribe_url} is too long`;
    assert.deepEqual(await send(long), [400, tooLong]);
    assert.deepEqual(await send({ email_reply_to_id: replyTo }), [
      400,
      'The reply-to address of your service is not a valid email address: change it first',
    ]);
  });

  test('a sandbox that is set not to know a recipient, or to have its mailbox full, decides the status', async () => {
    const to = { '07700900551': 'permanent-failure', '07700900552': 'temporary-failure' };
    await world.behave({ recipients: { '07700900551': { unknown: true }, '07700900552': { full: true } } });
    for (const [number, status] of Object.entries(to)) {
      const { data } = await world.client.sendSms(world.tenant.templates.sms, number, { personalisation });
      await world.until(
        () => world.client.getNotificationById(data.id),
        (seen) => seen.data.status === status,
      );
    }
  });

  test('a text sent with the official client is answered 201, read at once, delivered, and is in the inbox', async () => {
    const { status, data } = await world.client.sendSms(world.tenant.templates.sms, '07700 900 123', {
      personalisation,
      reference: 'tide-1',
    });
    assert.equal(status, 201);
    assert.deepEqual(data, {
      id: data.id,
      reference: 'tide-1',
      uri: `${world.api}/v2/notifications/${data.id}`,
      template: {
        id: world.tenant.templates.sms,
        version: 1,
        uri: `${world.api}/services/${world.tenant.id}/templates/${world.tenant.templates.sms}`,
      },
      scheduled_for: null,
      content: { body: 'Hi Rowan, high tide at 14:05', from_number: 'HARBOUR' },
    });
    const read = await world.client.getNotificationById(data.id);
    assert.equal(read.status, 200);
    const { data: seen } = await world.until(
      () => world.client.getNotificationById(data.id),
      ({ data }) => data.status === 'delivered',
    );
    assert.deepEqual(
      { ...seen, created_at: 'x', sent_at: 'x', completed_at: 'x' },
      {
        id: data.id,
        reference: 'tide-1',
        email_address: null,
        phone_number: '07700 900 123',
        line_1: null,
        line_2: null,
        line_3: null,
        line_4: null,
        line_5: null,
        line_6: null,
        postcode: null,
        type: 'sms',
        status: 'delivered',
        template: {
          id: world.tenant.templates.sms,
          version: 1,
          uri: `${world.api}/v2/template/${world.tenant.templates.sms}/version/1`,
        },
        body: 'Hi Rowan, high tide at 14:05',
        subject: null,
        created_at: 'x',
        created_by_name: null,
        sent_at: 'x',
        completed_at: 'x',
        scheduled_for: null,
        postage: null,
        one_click_unsubscribe_url: null,
        is_cost_data_ready: true,
        cost_in_pounds: 0.024,
        cost_details: { billable_sms_fragments: 1, international_rate_multiplier: 1, sms_rate: 0.024 },
      },
    );
    for (const field of ['created_at', 'sent_at', 'completed_at'])
      assert.match(String(seen[field]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

    const { messages } = await world.sandbox(`/messages?reference=${data.id}`);
    assert.equal(messages.length, 1);
    assert.equal(messages[0].to, '447700900123');
    assert.match(messages[0].body, /^Harbour \w+: Hi Rowan, high tide at 14:05$/);
  });

  for (const [promise, to, ends, units] of [
    ['a country that reports delivery, is delivered', '+33 6 12 34 56 78', 'delivered', 2],
    ['a country that does not, stays sent', '+1 212 555 0123', 'sent', 1],
  ] as const)
    test(`a text to ${promise} and costs what the built-in rates say`, async () => {
      const { keys, templates } = await world.addTenant({ permissions: ['sms', 'international_sms'] });
      const key = keys.normal;
      const { status, body } = await world.call('POST', '/v2/notifications/sms', {
        key,
        body: { template_id: templates.sms, phone_number: to, personalisation },
      });
      assert.equal(status, 201);
      await world.drain();
      const { body: seen } = await world.until(
        () => world.call('GET', `/v2/notifications/${body.id}`, { key }),
        ({ body }) => body.status === ends,
      );
      assert.equal(seen.cost_details.international_rate_multiplier, units);
      assert.equal(seen.cost_in_pounds, 0.024 * units);
    });

  test('an email sent with the official client is answered 201 with every field of the contract, and is delivered', async () => {
    const { status, data } = await world.client.sendEmail(world.tenant.templates.email, 'Rowan@Example.com', {
      personalisation,
    });
    assert.equal(status, 201);
    assert.deepEqual(data['content'], {
      from_email: `harbour.${world.tenant.id.slice(0, 8)}@despatch.localhost`,
      body: 'Hi Rowan,\n\nhigh tide at 14:05',
      subject: 'Tide for Rowan',
      one_click_unsubscribe_url: null,
    });
    assert.deepEqual(data['sanitised_content'], {});
    const { data: seen } = await world.until(
      () => world.client.getNotificationById(data.id),
      ({ data }) => data.status === 'delivered',
    );
    assert.equal(seen['email_address'], 'Rowan@Example.com');
    assert.equal(seen['subject'], 'Tide for Rowan');
    assert.equal(seen['cost_in_pounds'], 0);
    const { messages } = await world.sandbox(`/messages?reference=${data.id}`);
    assert.equal(messages[0].subject, 'Tide for Rowan');
    assert.match(messages[0].html, /high tide at 14:05/);
  });

  test('a cost is written as a float even if it is whole, in a message and in a list of messages', async () => {
    const { client, tenant } = world;
    const { data: sms } = await client.sendSms(tenant.templates.sms, '07700900123', { personalisation });
    const { data: email } = await client.sendEmail(tenant.templates.email, 'r@example.com', {
      personalisation,
    });
    const read = async (path: string) => {
      const headers = { authorization: `Bearer ${makeToken(tenant.keys.normal, world.clock.now())}` };
      return (await fetch(`${world.api}/v2/notifications${path}`, { headers })).text();
    };
    const details =
      '"cost_in_pounds":0.024,"cost_details":{"billable_sms_fragments":1,"international_rate_multiplier":1.0,"sms_rate":0.024}';
    const free = '"cost_in_pounds":0.0,"cost_details":{}';
    const texts = await world.until(
      () => Promise.all([`/${sms.id}`, `/${email.id}`, ''].map(read)),
      ([text = '']) => text.includes('"is_cost_data_ready":true'),
    );
    assert.ok(texts[0]?.includes(details), texts[0]);
    assert.ok(texts[1]?.includes(free), texts[1]);
    assert.ok(texts[2]?.includes(details) && texts[2].includes(free));
  });

  for (const [recipient, outcome] of [
    ['07822222222', 'permanent-failure'],
    ['07833333333', 'temporary-failure'],
    ['07811111111', 'delivered'],
    ['perm-fail@simulator.notify', 'permanent-failure'],
    ['temp-fail@simulator.notify', 'temporary-failure'],
    ['delivered@simulator.notify', 'delivered'],
  ] as const)
    test(`a message to ${recipient} ends as ${outcome}`, async () => {
      const { data } = recipient.includes('@')
        ? await world.client.sendEmail(world.tenant.templates.email, recipient, { personalisation })
        : await world.client.sendSms(world.tenant.templates.sms, recipient, { personalisation });
      const { data: seen } = await world.until(
        () => world.client.getNotificationById(data.id),
        ({ data }) => data.completed_at !== null,
      );
      assert.equal(seen.status, outcome);
    });

  test('reading a message right after its 201 never answers 404, for a hundred messages at once', async () => {
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const { data } = await world.client.sendSms(world.tenant.templates.sms, `07700 900${300 + index}`, {
          personalisation,
        });
        const { data: seen } = await world.client.getNotificationById(data.id);
        assert.equal(seen.id, data.id);
      }),
    );
    await world.drain();
  });

  test('the timeline of a message shows its acceptance, attempt and receipt', async () => {
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900456', {
      personalisation,
    });
    await world.drain();
    const steps = await world.timeline(data.id);
    assert.deepEqual(
      steps.map(({ event, outcome, provider_status }) => [event, outcome ?? provider_status]),
      [
        ['accepted', undefined],
        ['persisted', undefined],
        ['attempt', 'accepted'],
        ['receipt', 'delivered'],
      ],
    );
  });

  test('another service cannot read a message', async () => {
    const { data } = await world.client.sendSms(world.tenant.templates.sms, '07700900456', {
      personalisation,
    });
    const other = await world.addTenant();
    const answer = await world.call('GET', `/v2/notifications/${data.id}`, { key: other.keys.normal });
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.body, {
      status_code: 404,
      errors: [{ error: 'NoResultFound', message: 'No result found' }],
    });
  });
});
