import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { announceService } from '../../src/tenant/service/store.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { failing, hostile, sendMessage } from './fill-messages.ts';

suite('the pages of messages (spec 07, section 6)', () => {
  let world: WebWorld;
  let reader: Visitor;
  let at: (path: string) => string;
  before(async () => {
    world = await createWebWorld();
    await world.behave({ recipients: failing });
    reader = await world.person(everyPermission);
    at = (path) => `/services/${world.tenant.id}${path}`;
    await world.connection.db
      .updateTable('services')
      .set({ permissions: ['sms', 'email', 'schedule'] })
      .where('id', '=', world.tenant.id)
      .execute();
    await announceService(world.connection.db, world.tenant.id);
  });
  after(() => world.stop());

  const idsIn = (text: string) => [
    ...new Set([...text.matchAll(/\/messages\/([0-9a-f-]{36})"/g)].map(([, id]) => id!)),
  ];
  const linkIn = (text: string, words: string) =>
    new RegExp(`href="([^"]+)"[^>]*>${words}<`).exec(text)![1]!.replaceAll('&amp;', '&');
  const list = async (query: string, visitor = reader) => {
    const seen = await visitor.get(at(`/messages${query}`));
    assert.equal(seen.status, 200, seen.title);
    return seen;
  };

  test('a message is explained: what was sent, what became of it, what happened, and links to what it came from', async () => {
    const id = await sendMessage(world, '07700 900791', { reference: 'order 7' });
    await world.drain();
    const { status, text, title } = await reader.get(at(`/messages/${id}`));
    assert.equal(status, 200);
    assert.match(text, /Not delivered: the phone number does not exist\. Trying again will not help\./);
    assert.match(text, /Correct the phone number where you keep it/);
    assert.match(text, /Handed over to Sandbox/);
    assert.match(text, /Sandbox reports: phone number doesn’t exist/);
    assert.match(text, /In its own words/);
    assert.match(text, /Hi &lt;img src=x onerror=alert\(1\)&gt;&quot;&#39;&amp;, high tide at 14:05/);
    assert.match(text, />order 7</);
    assert.match(text, /a normal key/);
    assert.ok(text.includes(at(`/templates/${world.tenant.templates.sms}`)));
    assert.match(text, new RegExp(`name="ids" value="${id}"`));
    assert.doesNotMatch(title, /7700/);
    assert.ok(!text.includes(hostile));
  });

  test('an email is shown in a document of its own that loads and runs nothing', async () => {
    const id = await sendMessage(world, 'rowan@quay.example.com');
    await world.drain();
    const { text } = await reader.get(at(`/messages/${id}`));
    assert.match(text, new RegExp(`<iframe src="${at(`/messages/${id}/email`)}"[^>]* sandbox="allow-popups`));
    const { status, headers, text: document } = await reader.get(at(`/messages/${id}/email`));
    assert.equal(status, 200);
    assert.match(headers.get('content-security-policy')!, /default-src 'none'.*sandbox/);
    assert.match(document, /<base target="_blank">/);
    assert.match(document, /high tide at 14:05/);
    assert.ok(!document.includes('<img src=x'));
    const sms = await sendMessage(world, '07700 900701');
    assert.equal((await reader.get(at(`/messages/${sms}/email`))).status, 404);
  });

  test('the list can be narrowed to what failed, with reasons and counts that lead to their messages', async () => {
    const gone = await sendMessage(world, '07700 900791');
    const off = await sendMessage(world, '07700 900792');
    const fine = await sendMessage(world, '07700 900702');
    await world.drain();
    const failed = await list('?status=failed');
    assert.match(failed.text, /These filters are on: failed, for any reason\./);
    assert.ok(idsIn(failed.text).includes(gone) && idsIn(failed.text).includes(off));
    assert.ok(!idsIn(failed.text).includes(fine));
    const count = Number(
      /status=permanent-failure"[^>]*>[^<]*<\/a> <span class="app-number">(\d+)</.exec(failed.text)![1],
    );
    const narrowed = await list('?status=permanent-failure');
    assert.equal(idsIn(narrowed.text).length, count);
    assert.ok(!idsIn(narrowed.text).includes(off));
    const { text: csv } = await reader.get(at('/messages/reasons.csv?status=failed'));
    assert.match(csv, new RegExp(`The number or address does not exist,${count}\\r\\n`));
    for (const [query, has] of [
      ['?type=email', false],
      ['?type=sms', true],
      [`?template=${world.tenant.templates.email}`, false],
      [`?template=${world.tenant.templates.sms}`, true],
      [`?sender=${reader.userId}`, false],
      [`?key=${randomUUID()}`, false],
      [`?file=${randomUUID()}`, false],
      ['?from=2020-01-01', true],
      ['?until=2020-01-01', false],
      ['?from=not-a-day&type=fax', true],
    ] as const)
      assert.equal(idsIn((await list(query)).text).includes(gone), has, query);
  });

  test('an empty list says which filters are on and how long messages are kept', async () => {
    const { text } = await list('?status=cancelled&until=2020-01-01&type=email');
    assert.match(text, /emails; cancelled; until Wednesday 1 January 2020/);
    assert.match(text, /No message fits these filters\. Messages are kept for 7 days\./);
    assert.match(text, /Take all filters off/);
  });

  test('pages lead to older messages by id, and the last has no way on', async () => {
    const tenant = await world.addTenant();
    const join = await world.admin('POST', `/service/${tenant.id}/users/${reader.userId}`, {
      permissions: everyPermission.map((permission) => ({ permission })),
    });
    assert.equal(join.status, 201);
    const ids: string[] = [];
    for (let count = 0; count < 52; count += 1)
      ids.push(
        await sendMessage(world, '07700 900703', { template_id: tenant.templates.sms }, tenant.keys.normal),
      );
    await world.drain();
    const look = (path: string) =>
      world.until(
        () => reader.get(path),
        ({ status }) => status === 200,
      );
    const first = await look(`/services/${tenant.id}/messages`);
    assert.equal(idsIn(first.text).length, 50);
    const next =
      /rel="next"/.test(first.text) && /href="([^"]*older_than=[^"]*)" rel="next"/.exec(first.text)![1]!;
    const second = await look(String(next).replaceAll('&amp;', '&'));
    assert.deepEqual(new Set([...idsIn(first.text), ...idsIn(second.text)]), new Set(ids));
    assert.doesNotMatch(second.text, /rel="next"/);
    assert.match(second.text, /rel="prev"/);
  });

  test('the same messages are downloaded as a file without formulas', async () => {
    await sendMessage(world, '07700 900704', { reference: '=1+1' });
    await world.drain();
    const { status, headers, text } = await reader.get(at('/messages/download?type=sms'));
    assert.equal(status, 200);
    assert.match(headers.get('content-disposition')!, /messages\.csv/);
    assert.match(text, /'=1\+1/);
    assert.doesNotMatch(text, /@quay/);
  });

  test('one match opens at once; several are listed, with nothing personal in the address', async () => {
    const one = await sendMessage(world, '07700 900711', { reference: 'only-one' });
    await sendMessage(world, '07700 900721');
    await sendMessage(world, '07700 900721');
    const path = at('/find');
    for (const term of ['07700900711', '+44 7700 900-711', '0711', 'only-one', one]) {
      const { status, location } = await reader.submit(path, { to: term });
      assert.deepEqual([status, location], [303, at(`/messages/${one}`)], term);
    }
    const many = await reader.submit(path, { to: '900721' });
    assert.equal(many.status, 303);
    assert.doesNotMatch(many.location!, /900721/);
    const { status, text } = await reader.follow(many);
    assert.equal(status, 200);
    assert.equal(idsIn(text).length, 2);
    // What is sealed for one service does not open in another.
    const tenant = await world.addTenant();
    const other = await world.person(everyPermission, tenant.id);
    const stolen = await other.get(
      `/services/${tenant.id}/find${new URL(many.location!, 'http://x').search}`,
    );
    assert.doesNotMatch(stolen.text, /900721/);
  });

  test('what is not found is said to have been searched, how and for how many days; what is too short is refused', async () => {
    const nothing = await reader.follow(await reader.submit(at('/find'), { to: '07700 900 999' }));
    assert.match(nothing.text, /No message was found\./);
    assert.match(
      nothing.text,
      /phone numbers that begin with 07700900999, also with 44 in place of a leading 0, or end with 07700900999/,
    );
    assert.match(nothing.text, /kept for 7 days/);
    for (const term of ['12', '']) {
      const { status, text, title } = await reader.submit(at('/find'), { to: term });
      assert.equal(status, 400);
      assert.match(title, /^Error: /);
      assert.match(text, term === '' ? /Enter a phone number/ : /at least 4 characters/);
    }
    const hostileTerm = await reader.follow(await reader.submit(at('/find'), { to: hostile }));
    assert.ok(!hostileTerm.text.includes(hostile));
  });

  test('a number that nothing went to offers those that are almost the same, and a button searches each', async () => {
    const tenant = await world.addTenant();
    const visitor = await world.person(everyPermission, tenant.id);
    const path = `/services/${tenant.id}/find`;
    const to = (number: string) =>
      sendMessage(world, number, { template_id: tenant.templates.sms }, tenant.keys.normal);
    const nearest = await to('07700 900751');
    await to('07700 900852');
    const { text } = await visitor.follow(await visitor.submit(path, { to: '07700 900752' }));
    assert.match(text, /No message was found\./);
    assert.match(text, /Almost the same number/);
    assert.deepEqual(
      [...text.matchAll(/name="to" value="(\+\d+)"[^>]*>([^<]*)</g)].map(([, value, shown]) => [
        value,
        shown,
      ]),
      [
        ['+447700900852', '07700 900852'],
        ['+447700900751', '07700 900751'],
      ],
    );
    const { location } = await visitor.submit(path, { to: '+447700900751' });
    assert.equal(location, `/services/${tenant.id}/messages/${nearest}`);
    const nothing = await visitor.follow(await visitor.submit(path, { to: '07700 900119' }));
    assert.doesNotMatch(nothing.text, /Almost the same number/);
  });

  test('a part of a reference opens its message, or lists them beside other matches, and says how far back it looked', async () => {
    const tenant = await world.addTenant();
    const visitor = await world.person(everyPermission, tenant.id);
    const path = `/services/${tenant.id}/find`;
    const to = (number: string, reference?: string) =>
      sendMessage(
        world,
        number,
        { template_id: tenant.templates.sms, ...(reference && { reference }) },
        tenant.keys.normal,
      );
    const find = async (term: string) => visitor.follow(await visitor.submit(path, { to: term }));
    const one = await to('07700 900761', 'Case/2026-0765');
    for (const term of ['case/20', '0765', 'Case/2026-0765']) {
      const { location } = await visitor.submit(path, { to: term });
      assert.equal(location, `/services/${tenant.id}/messages/${one}`, term);
    }
    // The end of a number as well as a part of a reference.
    const ends = await to('07700 900765');
    const both = await find('0765');
    assert.deepEqual(idsIn(both.text), [ends, one]);
    assert.match(both.text, /Their reference contains it/);
    assert.match(both.text, /Case\/2026-0765/);
    // A whole number is no part of a reference, unless that is asked for.
    const number = await to('07700 900762', 'to 07700900763 instead');
    for (let time = 0; time < 2; time++) await to('07700 900763');
    const whole = await find('07700900763');
    assert.equal(idsIn(whole.text).length, 2);
    const asked = await visitor.get(linkIn(whole.text, 'Look for references that contain it'));
    assert.deepEqual(idsIn(asked.text), [number]);
    assert.match((await find('9999')).text, /references of yours that contain 9999/);

    for (let index = 0; index < 51; index++) await to('07700 900764', `bulk-${index}`);
    const first = await find('BULK-');
    assert.equal(idsIn(first.text).length, 50);
    assert.match(first.text, /looked for in messages back to <time/);
    const rest = await visitor.get(linkIn(first.text, 'Look further back'));
    assert.equal(idsIn(rest.text).length, 1);
    assert.doesNotMatch(rest.text, /Look further back/);
    assert.equal(idsIn((await visitor.get(linkIn(rest.text, 'Newest matches'))).text).length, 50);
  });

  test('a search is widened to another service of the same person', async () => {
    const tenant = await world.addTenant();
    await world.admin('POST', `/service/${tenant.id}/users/${reader.userId}`, {
      permissions: [{ permission: 'view_activity' }],
    });
    const id = await sendMessage(
      world,
      '07700 900731',
      { template_id: tenant.templates.sms },
      tenant.keys.normal,
    );
    const here = await world.until(
      async () => reader.follow(await reader.submit(at('/find'), { to: '07700 900731' })),
      ({ text }) => text.includes(`value="${tenant.id}"`),
    );
    assert.match(here.text, /No message was found/);
    const there = await reader.submit(at('/find'), { to: '07700 900731', service: tenant.id });
    assert.match(there.location!, new RegExp(`^/services/${tenant.id}/find\\?search=`));
    assert.ok((await reader.follow(there)).text.includes(id));
    const stranger = await world.addTenant();
    const refused = await reader.follow(
      await reader.submit(at('/find'), { to: '07700 900731', service: stranger.id }),
    );
    assert.equal(refused.status, 404);
  });

  test('a scheduled message is cancelled once, after being asked', async () => {
    const later = new Date(world.clock.now() + 3_600_000).toISOString();
    const id = await sendMessage(world, '07700 900741', { scheduled_for: later });
    const path = at(`/messages/${id}`);
    const { text } = await reader.get(path);
    assert.match(text, /Not sent yet: it will be sent on/);
    assert.ok(text.includes(`${path}/cancel`));
    assert.match(
      (await reader.get(`${path}/cancel`)).text,
      /It will never be sent, and cannot be brought back/,
    );
    const done = await reader.submit(`${path}/cancel`, {});
    assert.equal(done.location, path);
    const after = await reader.follow(done);
    assert.match(after.text, /The message is cancelled\. It will not be sent\./);
    assert.match(after.text, /Not sent: it was cancelled before its time\./);
    const again = await reader.follow(await reader.get(`${path}/cancel`));
    assert.match(again.text, /can no longer be cancelled/);
    assert.ok(!again.text.includes('govuk-notification-banner--success'));
    const sent = await sendMessage(world, '07700 900742');
    await world.drain();
    assert.equal((await reader.get(at(`/messages/${sent}/cancel`))).location, at(`/messages/${sent}`));
  });

  test('hidden values of a template stay hidden in lists and in messages', async () => {
    const tenant = await world.addTenant();
    const viewer = await world.person(everyPermission, tenant.id);
    const redact = await world.admin('POST', `/service/${tenant.id}/template/${tenant.templates.email}`, {
      redact_personalisation: true,
      created_by: viewer.userId,
    });
    assert.equal(redact.status, 200, JSON.stringify(redact.body));
    const personalisation = { name: 'Secret Person', time: '14:05' };
    const id = await sendMessage(
      world,
      'ash@quay.example.com',
      { template_id: tenant.templates.email, personalisation },
      tenant.keys.normal,
    );
    await world.drain();
    const base = `/services/${tenant.id}/messages`;
    for (const path of [base, `${base}/${id}`]) {
      const { text } = await viewer.get(path);
      assert.doesNotMatch(text, /Secret Person/);
      assert.match(text, /Tide for \(\(name\)\)/);
    }
    assert.equal((await viewer.get(`${base}/${id}/email`)).status, 404);
  });

  test('who may only send sees what they sent; who may neither is told what it needs; other services are 404', async () => {
    const others = await sendMessage(world, '07700 900751');
    const sender = await world.person(['send_texts']);
    const sent = await sender.submit(at('/try'), {
      template: world.tenant.templates.sms,
      to: '07700 900752',
    });
    const own = new URL(sent.location!, 'http://x').searchParams.get('message')!;
    await world.drain();
    assert.deepEqual(idsIn((await list('', sender)).text), [own]);
    assert.equal((await sender.get(at(`/messages/${own}`))).status, 200);
    assert.equal((await sender.get(at(`/messages/${others}`))).status, 404);
    assert.equal((await sender.get(at('/messages/download'))).status, 403);
    const neither = await world.person(['manage_templates']);
    for (const path of ['/messages', '/find', `/messages/${own}`, `/messages/${own}/email`]) {
      const { status, text } = await neither.get(at(path));
      assert.equal(status, 403, path);
      assert.match(text, /See messages and figures/);
    }
    const tenant = await world.addTenant();
    const stranger = await world.person(everyPermission, tenant.id);
    for (const path of ['', '/messages', '/find', '/try', `/messages/${own}`])
      assert.equal((await stranger.get(at(path))).status, 404, path);
    for (const path of [
      `/messages/${own}`,
      `/messages/${own}/email`,
      `/messages/${own}/cancel`,
      '/messages/x',
    ])
      assert.equal((await stranger.get(`/services/${tenant.id}${path}`)).status, 404, path);
  });

  test('an operator gives one reason, sees recipients and contents for half an hour, and the service reads why', async () => {
    const id = await sendMessage(world, '07700 900761');
    await world.drain();
    const operator = await world.person('operator');
    const enter = `/platform/services/${world.tenant.id}/enter`;
    const pages = ['/messages', `/messages/${id}`, '/find', '/messages/download', `/messages/${id}/email`];
    const turnedAway = async () => {
      for (const path of pages)
        assert.ok((await operator.get(at(path))).location?.startsWith(`${enter}?onward=`), path);
    };
    await turnedAway();
    const asked = (await operator.get(at(`/messages/${id}`))).location!;
    const [, onward] = /name="_onward" value="([^"]+)"/.exec((await operator.get(asked)).text)!;
    const entered = await operator.submit(
      asked,
      { reason: 'They asked about ticket 12', _onward: onward! },
      enter,
    );
    assert.equal(entered.location, at(`/messages/${id}`));
    assert.match((await operator.follow(entered)).text, /07700 900761/);
    assert.match((await operator.get(at('/messages'))).text, /07700 900761[\s\S]*high tide/);
    assert.match((await operator.get(at('/messages/download'))).text, /07700 ?900761/);
    const manager = await world.person(['manage_settings']);
    const { text } = await manager.get(at('/history?type=enter_service'));
    assert.match(text, /Looked into the service[\s\S]*They asked about ticket 12/);
    await world.advance(31 * 60);
    await turnedAway();
  });
});
