import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createWorld, type World } from '../support/world.ts';

const password = 'a sentence that nobody else knows';

type Person = { id: string; address: string; mobile: string; session: string };

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world.stop());

const isoTime = (time: number) => new Date(time).toISOString();

/** What arrived last in the sandbox's inbox for a recipient. */
async function received(to: string): Promise<string> {
  await world.drain();
  const look = () => world.sandbox(`/messages?to=${encodeURIComponent(to)}&limit=1`);
  const { messages } = await world.until(look, (found) => found.messages.length > 0);
  const [last] = messages;
  return `${last.subject ?? ''} ${last.body ?? ''} ${last.text ?? ''}`;
}

/** The pages' call for a person who is signed in. */
function as(person: Person) {
  const headers = { 'X-Notify-User-Id': person.id, 'X-Notify-Session-Id': person.session };
  return async (method: string, path: string, body?: object) => {
    const answer = await world.admin(method, path, body, headers);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body?.data ?? answer.body;
  };
}

/** Registers a person: their address is proved by the link, their phone by the code, both as they arrived. */
async function register(name: string, address: string, mobile: string): Promise<Person> {
  const given = { name, email_address: address, mobile_number: mobile, password };
  const { id } = (await world.admin('POST', '/user', given)).body.data;
  await world.admin('POST', `/user/${id}/email-verification`, {});
  const token = /\/verify-email\/([\w-]+)/.exec(await received(address))![1];
  const proved = await world.admin('POST', '/user/check-token', { token, purpose: 'verify-email' });
  assert.equal(proved.body.data?.user_id, id, JSON.stringify(proved.body));
  await world.admin('POST', `/user/${id}/sms-code`, {});
  const code = /\b\d{5}\b/.exec(await received(`44${mobile.slice(1)}`))![0];
  const signedIn = await world.admin('POST', `/user/${id}/verify/code`, { code, code_type: 'sms' });
  assert.equal(signedIn.status, 204);
  await world.admin('POST', `/user/${id}/activate`, {});
  const { current_session_id: session } = (await world.admin('GET', `/user/${id}`)).body.data;
  return { id, address, mobile, session };
}

test('in the first hour a team registers, invites, writes, sends with each kind of key, goes live and changes its key without a gap', async () => {
  const rowan = await register('Rowan Reed', 'rowan@example.com', '07700900123');
  const call = as(rowan);
  const service = await call('POST', '/service', {
    ...{ name: 'Harbour office', user_id: rowan.id, created_by: rowan.id },
    ...{ message_limit: 50, restricted: true },
  });
  const of = `/service/${service.id}`;

  // A colleague is invited, and accepts by the link that arrived.
  const kim = await register('Kim Kay', 'kim@example.com', '07700900456');
  await call('POST', `${of}/invite`, {
    ...{ email_address: 'kim@example.com', from_user: rowan.id },
    ...{ permissions: 'manage_templates,send_texts,view_activity' },
  });
  const invitation = await received('kim@example.com');
  assert.match(invitation, /Rowan Reed/);
  assert.match(invitation, /Harbour office/);
  const link = /\/invitation\/([\w-]+)/.exec(invitation)![1]!;
  assert.equal((await as(kim)('GET', `/invite/${link}`)).status, 'pending');
  await as(kim)('POST', `/invite/${link}/accept`, { user_id: kim.id });
  const team = await call('GET', `${of}/users`);
  assert.deepEqual(team.map(({ name }: { name: string }) => name).sort(), ['Kim Kay', 'Rowan Reed']);

  // The colleague writes a template, and may not make keys.
  const { id: templateId } = await as(kim)('POST', `${of}/template`, {
    ...{ name: 'Tide', template_type: 'sms', content: 'High tide at ((time))', created_by: kim.id },
  });
  const refused = await world.admin(
    'POST',
    `${of}/api-key`,
    { name: 'mine', key_type: 'test', created_by: kim.id },
    { 'X-Notify-User-Id': kim.id, 'X-Notify-Session-Id': kim.session },
  );
  assert.equal(refused.status, 403);

  // Three keys, and a message with each.
  const keyOf = async (name: string, key_type: string) => {
    const secret = await call('POST', `${of}/api-key`, { name, key_type, created_by: rowan.id });
    return `${name}-${service.id}-${secret}`;
  };
  const keys = {
    normal: await keyOf('live', 'normal'),
    team: await keyOf('team', 'team'),
    test: await keyOf('test', 'test'),
  };
  const send = (key: string, to: string) =>
    world.clientOf(key).sendSms(templateId, to, { personalisation: { time: '14:05' } });
  const sent: string[] = [];
  // In trial mode only the team can be written to; a test key goes nowhere.
  for (const [key, to] of [
    [keys.normal, rowan.mobile],
    [keys.team, kim.mobile],
    [keys.test, '07700900789'],
  ] as const)
    sent.push((await send(key, to)).data.id);
  await assert.rejects(send(keys.normal, '07700900789'));
  await world.drain();
  for (const id of sent) {
    const { body } = await world.call('GET', `/v2/notifications/${id}`, {
      key: keys[(['normal', 'team', 'test'] as const)[sent.indexOf(id)]!],
    });
    assert.equal(body.status, 'delivered');
  }
  assert.match(await received('447700900123'), /Harbour office: High tide at 14:05/);

  // Going live: asked for by the team, done by an operator, told to both.
  await call('POST', `${of}/go-live-request`, {});
  const { body: open } = await world.admin('GET', '/service?go_live_requested=True');
  assert.deepEqual(
    open.data.map(({ id }: { id: string }) => id),
    [service.id],
  );
  const live = await world.admin('POST', of, { restricted: false, message_limit: 250_000 });
  assert.equal(live.body.data.restricted, false);
  for (const { address } of [rowan, kim]) assert.match(await received(address), /250,000/);
  await send(keys.normal, '07700900789');

  // The key is changed without a gap: the old one ends a minute after the new one is there.
  const next = await keyOf('live next', 'normal');
  const [old] = (await call('GET', `${of}/api-keys`)).apiKeys.filter(
    ({ name }: { name: string }) => name === 'live',
  );
  const ends = isoTime(world.clock.now() + 60_000);
  await call('POST', `${of}/api-key/revoke/${old.id}`, { created_by: rowan.id, expires_at: ends });
  await send(keys.normal, '07700900789');
  await send(next, '07700900789');
  await world.advance(61);
  const token = {
    key: keys.normal,
    body: { template_id: templateId, phone_number: '07700900789', personalisation: { time: '1' } },
  };
  const late = await world.until(
    () => world.call('POST', '/v2/notifications/sms', token),
    ({ status }) => status === 403,
    4,
  );
  assert.match(JSON.stringify(late.body), /revoked|not found/i);
  assert.equal((await world.call('POST', '/v2/notifications/sms', { ...token, key: next })).status, 201);

  // All of it is in the history of the service.
  const { events } = (await world.admin('GET', `/events?service_id=${service.id}`)).body;
  const types = new Set(events.map(({ event_type }: { event_type: string }) => event_type));
  assert.ok(types.size >= 6, [...types].join(', '));
});
