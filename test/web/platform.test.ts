import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { platformPages } from '../../src/web/platform/pages.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { parkMessages } from './fill-platform.ts';

type Row = Record<string, any>;

/** Nothing is called here: a test message fails at once. */
const nowhere = { MMG_URL: 'http://127.0.0.1:1/', FIRETEXT_URL: 'http://127.0.0.1:1/' };
const hostile = `<img src=x onerror=alert(1)>"'&`;
const shownHostile = '&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;';

suite('the pages of operators (spec 07, section 7)', () => {
  let world: WebWorld;
  let operator: Visitor;
  let providers: Record<string, string>;
  before(async () => {
    world = await createWebWorld({ MMG_API_KEY: 'a', FIRETEXT_API_KEY: 'b', ...nowhere });
    operator = await world.person('operator');
    const { body } = await world.admin('GET', '/provider-details');
    providers = Object.fromEntries(body.provider_details.map(({ identifier, id }: Row) => [identifier, id]));
  });
  after(() => world.stop());

  const events = async (type: string): Promise<Row[]> =>
    (await world.admin('GET', `/events?type=${type}`)).body.events;
  /** Sends a form that is refused: 400, with these words, and the fields filled in again. */
  async function refuses(path: string, fields: Record<string, string | string[]>, words: RegExp) {
    const seen = await operator.submit(path, fields);
    assert.equal(seen.status, 400);
    assert.match(seen.text, words);
    assert.match(seen.title, /^Error: /);
    return seen;
  }
  async function does(path: string, fields: Record<string, string | string[]>, said: RegExp) {
    const done = await operator.submit(path, fields);
    assert.equal(done.status, 303, done.text.slice(0, 3000));
    const next = await operator.follow(done);
    assert.equal(next.status, 200);
    assert.match(next.text, said);
    return next;
  }

  test('are for operators only', async () => {
    const member = await world.person(everyPermission);
    for (const { path } of platformPages) {
      const address = path.replace(/:\w+/g, randomUUID());
      const seen = await member.get(address);
      assert.deepEqual([path, seen.status], [path, 403]);
      assert.match(seen.text, /for the operators of the platform/);
      assert.equal((await world.stranger().get(address)).status, 303);
    }
  });

  test('what is not there is a 404, whichever page it is asked of', async () => {
    const id = randomUUID();
    for (const path of [`/providers/${id}`, `/services/${id}`, `/services/${id}/enter`, `/users/${id}`])
      assert.equal((await operator.get(`/platform${path}`)).status, 404, path);
  });

  test('a provider is changed, with a reason that stands in its history', async () => {
    const path = `/platform/providers/${providers['firetext']}`;
    const given = { active: 'yes', priority: '25', rate_limit: '30', do: 'change' };
    const refused = await refuses(path, { ...given, reason: ' ' }, /Enter the reason\./);
    assert.match(refused.text, /value="25"/);
    await refuses(path, { ...given, priority: '101', reason: 'x' }, /must be a whole number from 0 to 100/);
    await refuses(path, { ...given, rate_limit: '0', reason: 'x' }, /from 1 to 1,000,000/);
    const changed = await does(path, { ...given, reason: hostile }, /Firetext is changed\. It is on\./);
    assert.ok(changed.text.includes(shownHostile));
    assert.ok(!changed.text.includes('<img src=x'));
    const { body } = await world.admin('GET', `/provider-details/${providers['firetext']}`);
    const { priority, rate_limit, reason, created_by } = body.provider_details;
    assert.deepEqual([priority, rate_limit, reason, created_by.id], [25, 30, hostile, operator.userId]);
  });

  test('a circuit is opened for a while and closed again', async () => {
    const path = `/platform/providers/${providers['firetext']}`;
    await refuses(path, { do: 'open', minutes: '0', reason: 'x' }, /from 1 to 10,080/);
    const open = await does(path, { do: 'open', minutes: '5', reason: 'Works on the line' }, /is left alone/);
    assert.match(open.text, /Left alone<\/strong> until/);
    await refuses(path, { do: 'close', reason: '' }, /Enter the reason/);
    await does(path, { do: 'close', reason: 'It works' }, /gets messages again/);
    assert.equal((await operator.submit(path, { do: 'explode', reason: 'x' })).status, 404);
  });

  test('a test message goes to the operator, and the answer is shown', async () => {
    const path = `/platform/providers/${providers['mmg']}`;
    await refuses(path, { do: 'test', type: 'sms', reason: '' }, /Enter the reason/);
    await does(
      path,
      { do: 'test', type: 'sms', reason: 'Is the line up?' },
      /The provider did not take the test message/,
    );
    const [reason] = await events('give_reason');
    assert.deepEqual([reason!['data'].change, reason!['data'].reason], ['test_provider', 'Is the line up?']);
  });

  test('the list of providers shows who is used, and shares', async () => {
    const { status, text } = await operator.get('/platform/providers');
    assert.equal(status, 200);
    for (const name of ['MMG', 'Firetext', 'In use']) assert.ok(text.includes(name), name);
    const file = await operator.get(`/platform/providers/${providers['mmg']}/calls.csv`);
    assert.equal(file.headers.get('content-type'), 'text/csv; charset=utf-8');
    assert.match(file.text, /^\ufeff?Hour from,Taken,Refused for good,Failed,Without an answer\r\n/);
  });

  test('what is parked is released, and dropped after it was confirmed', async () => {
    const [one, other] = await parkMessages(world, 2);
    const path = '/platform/queues';
    const page = await operator.get(path);
    for (const id of [one!, other!]) assert.ok(page.text.includes(id));
    await refuses(path, { do: 'release', reason: 'x' }, /Choose what to release or drop/);
    await refuses(path, { do: 'release', id: one!, reason: '' }, /Enter the reason/);
    const ask = await operator.submit(path, { do: 'ask-drop', id: one!, reason: 'Not wanted' });
    assert.match(ask.text, /This cannot be undone/);
    assert.ok(ask.text.includes('value="Not wanted"'));
    assert.deepEqual((await events('drop_parked')).length, 0);
    await refuses(path, { do: 'drop', id: one!, reason: '' }, /Enter the reason/);
    await does(path, { do: 'drop', id: one!, reason: 'Not wanted' }, /1 task dropped\./);
    assert.equal((await events('drop_parked'))[0]!['data'].reason, 'Not wanted');
    await does(
      path,
      { do: 'release', id: [one!, other!], reason: 'Mended' },
      /1 task released\. 1 task was no longer parked/,
    );
    await refuses(path, { do: 'release-queue', queue: 'nosuch', reason: 'x' }, /Choose the queue/);
    await parkMessages(world, 2);
    await does(
      path,
      { do: 'release-queue', queue: 'db-sms', reason: 'All of them' },
      /2 tasks of db-sms released/,
    );
    assert.match((await operator.get(path)).text, /Nothing is parked: all is well/);
  });

  test('stuck messages are shown by what they wait for, queued again, and given up', async () => {
    const ids = await parkMessages(world, 2);
    // They count from when they were due.
    await world.connection.pool.query(
      `update accepted set scheduled_for = null, created_at = created_at - interval '1 hour' where id = any($1)`,
      [ids],
    );
    const path = '/platform/stuck?kind=accepted';
    const page = await operator.get(path);
    assert.equal(page.status, 200);
    assert.match(page.text, /Accepted, not stored/);
    const base = '/platform/stuck';
    const empty = await operator.submit(base, { do: 'again', reason: 'x' });
    assert.equal(empty.status, 400);
    assert.match(empty.text, /Choose the messages/);
    const ask = await operator.submit(base, { do: 'ask-give-up', id: ids[0]!, reason: 'Too late' });
    assert.match(ask.text, /never sent: it becomes a technical failure/);
    const done = await operator.submit(base, { do: 'give-up', id: ids[0]!, reason: 'Too late' });
    assert.match((await operator.follow(done)).text, /1 message given up/);
    const late = await operator.submit(base, { do: 'give-up', id: ids[0]!, reason: 'Too late' });
    assert.deepEqual([late.status, /only what is parked can/.test(late.text)], [400, true]);
    const again = await operator.submit(base, { do: 'again', id: ids[1]!, reason: 'Mended' });
    assert.match((await operator.follow(again)).text, /1 message queued again, 1 of which had been parked/);
    assert.deepEqual((await events('give_reason'))[0]!['data'].ids, [ids[1]]);
  });

  test('any id is found, without what is personal, and nothing of it is in the address', async () => {
    const { body } = await world.call('POST', '/v2/notifications/email', {
      body: {
        template_id: world.tenant.templates.email,
        email_address: 'ada@ferry.example',
        personalisation: { name: 'Ada', time: '14:05' },
      },
    });
    const path = '/platform/find';
    await world.until(
      () => operator.submit(path, { q: body.id }),
      ({ text }) => text.includes(`/messages/${body.id}`),
    );
    const found = await operator.submit(path, { q: ' ada@ferry ' });
    assert.equal(found.status, 200);
    assert.ok(found.text.includes(body.id));
    assert.ok(!found.text.includes('ada@ferry.example'));
    for (const [id, kind] of [
      [world.tenant.id, 'Service'],
      [world.tenant.templates.sms, 'Template'],
      [providers['mmg']!, 'Provider'],
      [operator.userId!, 'Person'],
    ] as const) {
      const { text } = await operator.submit(path, { q: id });
      assert.ok(text.includes(`>${kind}</th>`), kind);
    }
    assert.match((await operator.submit(path, { q: randomUUID() })).text, /Nothing was found/);
    await refuses(path, { q: '' }, /Enter what to look for/);
    await refuses(path, { q: 'ab' }, /Too short/);
    const shown = await operator.submit(path, { q: hostile });
    assert.ok(shown.text.includes(`value="${shownHostile}"`));
  });

  test('a service is found, and its limits and state change with a reason', async () => {
    const tenant = await world.addTenant();
    const list = await operator.get(`/platform/services?name=${tenant.id.slice(0, 8)}`);
    assert.ok(list.text.includes(`/platform/services/${tenant.id}`));
    assert.match((await operator.get('/platform/services?name=nosuchname')).text, /No service fits/);
    const path = `/platform/services/${tenant.id}`;
    const page = await operator.get(path);
    assert.equal(page.status, 200);
    const version = () =>
      world.admin('GET', `/service/${tenant.id}`).then(({ body }) => String(body.data.version));
    const limits = {
      ...{ sms_message_limit: '70', email_message_limit: '80', international_sms_message_limit: '1' },
      ...{ rate_limit: '90', do: 'change_limits' },
    };
    await refuses(
      path,
      { ...limits, version: await version(), sms_message_limit: 'many', reason: 'x' },
      /must be a whole number/,
    );
    await refuses(path, { ...limits, version: await version(), reason: '' }, /Enter the reason/);
    await does(path, { ...limits, version: await version(), reason: 'A pilot' }, /The limits are changed/);
    await refuses(
      path,
      { ...limits, version: '1', reason: 'An old page' },
      /Somebody else has changed this service/,
    );
    await does(path, { do: 'back_to_trial', version: await version(), reason: 'Misuse' }, /is in trial mode/);
    assert.equal((await world.admin('POST', `/service/${tenant.id}/go-live-request`, {})).status, 201);
    const waiting = await operator.get('/platform/services?waiting=yes');
    assert.ok(waiting.text.includes(tenant.id));
    await does(path, { do: 'decline_request', reason: 'Not yet' }, /request to go live is declined/);
    await does(path, { do: 'make_live', version: await version(), reason: 'Checked' }, /The service is live/);
    const ask = await operator.submit(path, { do: 'suspend_service', reason: 'A breach' });
    assert.match(ask.text, /All of its keys end at once/);
    await does(
      path,
      { do: 'suspend_service', confirmed: 'yes', reason: 'A breach' },
      /The service is suspended/,
    );
    await does(path, { do: 'resume_service', reason: 'Mended' }, /The service may send again/);
    assert.match(
      (await operator.submit(path, { do: 'archive_service', reason: 'Closed' })).text,
      /cannot be undone/,
    );
    await refuses(path, { do: 'archive_service', confirmed: 'yes', reason: '' }, /Enter the reason/);
    const archived = await does(
      path,
      { do: 'archive_service', confirmed: 'yes', reason: 'Closed' },
      /is archived/,
    );
    assert.ok(!archived.text.includes('value="archive_service"'));
    const reasons = (await events('give_reason')).filter(({ service_id: id }) => id === tenant.id);
    assert.deepEqual(
      reasons.slice(0, 3).map(({ data }) => [data.change, data.reason]),
      [
        ['archive_service', 'Closed'],
        ['resume_service', 'Mended'],
        ['suspend_service', 'A breach'],
      ],
    );
  });

  test('an operator sees a service’s pages only after giving a reason, which its events tell, and for half an hour', async () => {
    // A page of the service, whichever rooms there are.
    const { pages } = await import('../../src/web/pages.ts');
    const inside = pages.find(({ path, get }) => get && /^\/services\/:service(\/\w+)?$/.test(path));
    const address = (inside?.path ?? '/services/:service').replace(':service', world.tenant.id);
    const enter = `/platform/services/${world.tenant.id}/enter`;
    if (inside) {
      const turned = await operator.get(address);
      assert.match(turned.location ?? '', new RegExp(`^${enter}\\?onward=`));
    }
    await refuses(enter, { reason: '' }, /Enter the reason/);
    const entered = await operator.submit(enter, { reason: 'Their ticket 12' });
    assert.equal(entered.location, `/services/${world.tenant.id}`);
    const [event] = await events('enter_service');
    assert.deepEqual(
      [event!['service_id'], event!['user_id'], event!['data'].reason],
      [world.tenant.id, operator.userId, 'Their ticket 12'],
    );
    if (inside) assert.equal((await operator.get(address)).status, 200);
  });

  test('a person is found by name, helped in, kept out, and archived', async () => {
    const userId = await world.addUser(['view_activity']);
    const member = await world.person(everyPermission);
    const { data } = (await world.admin('GET', `/user/${userId}`)).body;
    const list = await operator.submit('/platform/users', { search: data.email_address.slice(0, 12) });
    assert.ok(list.text.includes(`/platform/users/${userId}`));
    assert.match((await operator.submit('/platform/users', { search: hostile })).text, /Nobody has this/);
    const path = `/platform/users/${userId}`;
    for (let tries = 0; tries < 2; tries += 1)
      await world.admin('POST', `/user/${userId}/verify/password`, { password: 'wrong' });
    await refuses(path, { do: 'unlock', reason: '' }, /Enter the reason/);
    await does(path, { do: 'unlock', reason: 'They rang' }, /The person is unlocked/);
    const link = await operator.submit(path, { do: 'sign_in_link', reason: 'They rang' });
    assert.equal(link.status, 200);
    const url = /<pre[^>]*>([^<]+)<\/pre>/.exec(link.text)![1]!;
    assert.equal((await world.stranger().submit(new URL(url).pathname, {})).status, 303);
    const theirs = `/platform/users/${member.userId}`;
    assert.match((await operator.get(theirs)).text, /End 1 session/);
    await does(theirs, { do: 'end_sessions', reason: 'A lost phone' }, /not signed in anywhere/);
    await world.until(
      () => member.get('/services'),
      ({ status }) => status === 303,
    );
    assert.match(
      (await operator.submit(path, { do: 'archive_user', reason: 'Left' })).text,
      /cannot be undone/,
    );
    await does(path, { do: 'archive_user', confirmed: 'yes', reason: 'Left' }, /which is for good/);
    assert.equal((await operator.submit(path, { do: 'nothing', reason: 'x' })).status, 404);
  });

  test('who cannot be archived without leaving a service alone is not', async () => {
    const tenant = await world.addTenant();
    const userId = await world.addUser(everyPermission, tenant.id);
    await refuses(
      `/platform/users/${userId}`,
      { do: 'archive_user', confirmed: 'yes', reason: 'x' },
      /cannot be removed|last user/,
    );
  });

  test('figures are shown by day, service and provider, and downloaded', async () => {
    for (const by of ['day', 'service', 'provider']) {
      const page = await operator.get(`/platform/figures?period=90&by=${by}`);
      assert.equal(page.status, 200);
      const file = await operator.get(`/platform/figures.csv?period=7&by=${by}`);
      assert.match(file.headers.get('content-disposition')!, new RegExp(`figures-by-${by}-`));
      assert.match(file.text, /day,provider,service_id/);
    }
    const service = await operator.get('/platform/figures?period=90&by=service');
    assert.match(service.text, /31 days at most/);
  });

  test('events are filtered, do not show what belongs to services, and are downloaded', async () => {
    const changed = await world.admin('POST', `/service/${world.tenant.id}`, {
      contact_link: 'https://secret.example/ada',
    });
    assert.equal(changed.status, 200);
    const page = await operator.get(`/platform/events?service_id=${world.tenant.id}&type=update_service`);
    assert.match(page.text, /contact link changed/);
    assert.ok(!page.text.includes('secret.example'));
    const bad = await operator.get('/platform/events?user_id=me');
    assert.deepEqual([bad.status, /This is not an id/.test(bad.text)], [400, true]);
    const file = await operator.get(`/platform/events.csv?service_id=${world.tenant.id}`);
    assert.match(file.text, /update_service/);
    assert.ok(!file.text.includes('secret.example'));
  });

  test('what is installed is shown, and a periodic task is asked to run', async () => {
    const path = '/platform/system';
    const page = await operator.get(path);
    assert.match(page.text, /PostgreSQL/);
    assert.match(page.text, /notification_history/);
    const setting = (name: string) =>
      new RegExp(`<code>${name}</code></th>\\s*<td[^>]*>(.*?)</td>`).exec(page.text)?.[1];
    assert.equal(setting('ADMIN_CLIENT_SECRET'), 'Not set');
    assert.equal(setting('SECRET_KEY'), 'Set');
    assert.match(setting('WEB_UNDO_SECONDS') ?? '', /60.*Default/);
    await refuses(path, { task: '', reason: 'x' }, /Choose the task/);
    await refuses(path, { task: 'measure-tables', reason: '' }, /Enter the reason/);
    await does(path, { task: 'measure-tables', reason: 'To see' }, /runs measure-tables within seconds/);
    assert.equal((await operator.submit(path, { task: 'no-such-task', reason: 'x' })).status, 404);
  });

  test('the sandbox is made to fail, and reset', async () => {
    const path = '/platform/sandbox';
    const page = await operator.get(path);
    assert.match(page.text, /its inbox/);
    const none = { timeout_rate: '0', reset_rate: '0', 'latency_ms-min': '0', 'latency_ms-max': '0' };
    await refuses(path, { ...none, do: 'set', failure_rate: '101', reason: 'x' }, /number from 0 to 100/);
    await refuses(
      path,
      { ...none, do: 'set', 'latency_ms-min': '5', reason: 'x' },
      /not less than the first/,
    );
    await refuses(path, { ...none, do: 'set', reason: '' }, /Enter the reason/);
    await does(
      path,
      { ...none, do: 'set', failure_rate: '12.5', switches: 'outage', reason: 'A rehearsal' },
      /behaves as you set it/,
    );
    const set = await world.sandbox('/behaviour');
    assert.deepEqual([set.failure_rate, set.outage], [0.125, true]);
    await refuses(
      path,
      { do: 'recipient', recipient: '', what: 'refuse', reason: 'x' },
      /Enter a phone number/,
    );
    const shown = await does(
      path,
      { do: 'recipient', recipient: hostile, what: 'permanent-failure', reason: 'x' },
      /behaves as you set it/,
    );
    assert.ok(shown.text.includes(shownHostile));
    await does(path, { do: 'reset', reason: 'Done' }, /behaves as at the start/);
    assert.equal((await world.sandbox('/behaviour')).outage, false);
  });

  test('a change asks for the password again if it was given long ago, and a search does not', async () => {
    const late = await world.person('operator');
    await world.advance(31 * 60);
    const path = '/platform/system';
    const asked = await late.submit(path, { task: 'measure-tables', reason: 'To see' });
    assert.equal(asked.status, 401);
    assert.equal((await late.submit('/platform/find', { q: randomUUID() })).status, 200);
  });
});
