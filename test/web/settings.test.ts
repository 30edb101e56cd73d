import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;

suite('the settings of a service and their history (spec 07, section 6)', () => {
  let world: WebWorld;
  let reader: Visitor;
  let serviceId: string;
  let at: (path: string) => string;
  before(async () => {
    world = await createWebWorld();
    serviceId = (await world.addTenant({})).id;
    at = (path) => `/services/${serviceId}${path}`;
    reader = await world.person(everyPermission, serviceId);
  });
  after(() => world.stop());

  const service = async () => (await world.admin('GET', `/service/${serviceId}`)).body.data;
  const said = async (form: ReturnType<Visitor['submit']>) => (await reader.follow(await form)).text;
  const versionAt = async (path: string) =>
    /name="version" value="(\d+)"/.exec((await reader.get(at(path))).text)![1]!;

  test('the name is changed, names that are taken are refused, and hostile ones are shown as text', async () => {
    const name = `${hostile} ${serviceId.slice(0, 8)}`;
    const fields = { name, from: 'harbour.desk', version: await versionAt('/settings/name') };
    assert.match(await said(reader.submit(at('/settings/name'), fields)), /The name is changed/);
    const { text } = await reader.get(at('/settings'));
    assert.ok(text.includes('&lt;img src=x onerror=alert(1)&gt;'));
    assert.ok(!text.includes('<img src=x'));
    const other = await world.addTenant({});
    const taken = (await world.admin('GET', `/service/${other.id}`)).body.data.name as string;
    const refused = await reader.submit(at('/settings/name'), { name: taken, from: 'harbour.desk' });
    assert.equal(refused.status, 400);
    assert.match(refused.text, /There is a service with this name already\./);
    const from = await reader.submit(at('/settings/name'), { name, from: 'not a local part' });
    assert.match(from.text, /at most 64 letters, numbers, dots and hyphens/);
  });

  test('what somebody else changed meanwhile is not overwritten unawares', async () => {
    const version = await versionAt('/settings/contact');
    await world.admin('POST', `/service/${serviceId}`, { contact_link: 'https://harbour.example/new' });
    const path = at('/settings/contact');
    const refused = await reader.post(
      path,
      new URLSearchParams({
        ...{ contact: 'https://harbour.example/mine', version },
        _token: /name="_token" value="([^"]+)"/.exec((await reader.get(path)).text)![1]!,
      }).toString(),
    );
    assert.equal(refused.status, 400);
    assert.match(refused.text, /Somebody else has changed the settings meanwhile/);
    assert.ok(refused.text.includes('value="https://harbour.example/mine"'));
    assert.equal((await service()).contact_link, 'https://harbour.example/new');
  });

  test('prefix and contact are changed', async () => {
    await reader.submit(at('/settings/prefix'), {
      prefix: 'no',
      version: await versionAt('/settings/prefix'),
    });
    assert.equal((await service()).prefix_sms, false);
    assert.equal((await reader.submit(at('/settings/prefix'), {})).status, 400);
    const version = await versionAt('/settings/contact');
    const wrong = await reader.submit(at('/settings/contact'), { contact: 'somewhere', version });
    assert.equal(wrong.status, 400);
    await reader.submit(at('/settings/contact'), { contact: '', version });
    assert.equal((await service()).contact_link, null);
  });

  test('senders are added, made the default and removed; the default stays', async () => {
    const path = at('/settings/senders');
    assert.match((await reader.submit(path, { sender: '!' })).text, /govuk-error-message/);
    assert.match(await said(reader.submit(path, { sender: 'PIER' })), /The sender is added/);
    const list = async () => (await world.admin('GET', `/service/${serviceId}/sms-sender`)).body;
    const pier = (await list()).find((each: { sms_sender: string }) => each.sms_sender === 'PIER');
    await reader.submit(path, { do: 'default' }, `${path}/${pier.id}`);
    assert.equal((await list())[0].sms_sender, 'PIER');
    const kept = await reader.submit(path, { do: 'remove' }, `${path}/${pier.id}`);
    assert.equal(kept.status, 400);
    const other = (await list()).find((each: { sms_sender: string }) => each.sms_sender !== 'PIER');
    await reader.submit(path, { do: 'remove' }, `${path}/${other.id}`);
    assert.deepEqual(
      (await list()).map((each: { sms_sender: string }) => each.sms_sender),
      ['PIER'],
    );
  });

  test('an address for replies is tried with an email before it is added', async () => {
    const path = at('/settings/reply-to');
    const address = `replies.${randomUUID().slice(0, 8)}@harbour.example`;
    assert.equal((await reader.submit(path, { address: 'nowhere' })).status, 400);
    const sent = await reader.submit(path, { address, default: 'yes' });
    assert.equal(sent.location, `${path}/try`);
    assert.ok(!`${sent.location}`.includes(address));
    await world.drain();
    await world.until(
      () => reader.get(`${path}/try`),
      ({ text }) => text.includes('The email has arrived'),
    );
    assert.match(await said(reader.submit(`${path}/try`, {})), /The address is added/);
    const { body } = await world.admin('GET', `/service/${serviceId}/email-reply-to`);
    assert.equal(body[0].email_address, address);
    const twice = await reader.submit(path, { address });
    assert.match(twice.text, /already a reply-to email address/);
    const old = body[1];
    assert.match(await said(reader.submit(path, { do: 'remove' }, `${path}/${old.id}`)), /is removed/);
  });

  test('an address that takes no email is not added', async () => {
    const path = at('/settings/reply-to');
    await reader.submit(path, { address: 'perm-fail@simulator.notify' });
    await world.drain();
    await world.until(
      () => reader.get(`${path}/try`),
      ({ text }) => text.includes('could not be delivered'),
    );
    assert.equal((await reader.submit(`${path}/try`, {})).status, 200);
    const { body } = await world.admin('GET', `/service/${serviceId}/email-reply-to`);
    assert.ok(body.every((each: { email_address: string }) => !each.email_address.startsWith('perm-fail')));
  });

  test('keeping messages for less long is confirmed first, because it deletes', async () => {
    const path = at('/settings/retention');
    assert.equal((await reader.submit(path, { sms: 'long', email: '7' })).status, 400);
    assert.equal((await reader.submit(path, { sms: '500', email: '7' })).status, 400);
    assert.equal((await reader.submit(path, { sms: '30', email: '7' })).location, at('/settings'));
    const asked = await reader.submit(path, { sms: '5', email: '7' });
    assert.equal(asked.status, 200);
    assert.match(asked.text, /They cannot be brought back/);
    const days = async () =>
      (await world.admin('GET', `/service/${serviceId}/data-retention`)).body[0].days_of_retention;
    assert.equal(await days(), 30);
    const sure = await reader.submit(path, { sms: '5', email: '7', sure: '5 7' });
    assert.equal(sure.location, at('/settings'));
    assert.equal(await days(), 5);
    const { text } = await reader.get(at('/history?type=update_data_retention'));
    assert.match(text, /Changed how long messages are kept: <span dir="auto">text messages</);
    assert.match(text, /Days kept: <span dir="auto">30<\/span> → <span dir="auto">5</);
  });

  test('the guest list is kept, names what is wrong, and is no business of operators', async () => {
    const path = at('/settings/guests');
    const wrong = await reader.submit(path, { guests: `07700 900 111\n${hostile}` });
    assert.equal(wrong.status, 400);
    assert.ok(wrong.text.includes('&lt;img src=x'));
    await reader.submit(path, { guests: ' 07700 900 111 \n\nguest@harbour.example\n07700 900 111' });
    const { body } = await world.admin('GET', `/service/${serviceId}/guest-list`);
    assert.deepEqual(body, {
      ...{ email_addresses: ['guest@harbour.example'], phone_numbers: ['07700 900 111'] },
    });
    const operator = await world.person('operator', at('').split('/')[2]);
    assert.ok(!(await operator.get(path)).text.includes('guest@harbour.example'));
  });

  test('a service in trial asks to go live, with a list of what is still to do, and can withdraw', async () => {
    await world.admin('POST', `/service/${serviceId}`, { restricted: true });
    const path = at('/settings/go-live');
    const { text } = await reader.get(path);
    assert.match(text, /Two people can manage the settings/);
    assert.match(text, /Not yet/);
    assert.match(await said(reader.submit(path, { do: 'ask' })), /The operators see your request now/);
    assert.equal((await service()).has_active_go_live_request, true);
    assert.match(await said(reader.submit(path, { do: 'withdraw' })), /The request is withdrawn/);
    assert.equal((await service()).has_active_go_live_request, false);
    await world.admin('POST', `/service/${serviceId}`, { restricted: false });
    assert.match((await reader.get(path)).text, /Your service is live/);
  });

  test('recipients are suppressed, looked for and sent to again, and stand in no address', async () => {
    const path = at('/settings/suppressions');
    assert.match((await reader.get(path)).text, /There are none\./);
    assert.equal((await reader.submit(path, { do: 'add', recipient: 'x' })).status, 400);
    assert.match(await said(reader.submit(path, { do: 'add', recipient: '07700 900 777' })), /07700 900777/);
    const found = await reader.submit(path, { do: 'search', recipient: '07700900777' });
    assert.equal(found.status, 200);
    assert.match(found.text, /07700 900777/);
    const none = await reader.submit(path, { do: 'search', recipient: '07700900778' });
    assert.match(none.text, /Nobody like that is suppressed/);
    const operator = await world.person('operator', at('').split('/')[2]);
    assert.ok(!(await operator.get(path)).text.includes('900777'));
    const id = /settings\/suppressions\/([0-9a-f-]{36})/.exec((await reader.get(path)).text)![1]!;
    assert.match(await said(reader.submit(path, {}, `${path}/${id}`)), /sent to this recipient again/);
    await reader.submit(path, { do: 'setting', failed: 'yes' });
    assert.match((await reader.get(path)).text, /value="yes" checked/);
    const { text } = await reader.get(at('/history'));
    assert.match(text, /Suppressed a recipient: <span dir="auto">text messages</);
    assert.match(text, /Took a recipient off the suppressed ones: <span dir="auto">text messages</);
    assert.match(
      text,
      /Leave out who failed permanently: <span dir="auto">no<\/span> → <span dir="auto">yes</,
    );
    assert.ok(!text.includes('900777'));
  });

  test('the history says who changed what from what to what, and sets it back', async () => {
    const person = (await world.admin('GET', `/user/${reader.userId}`)).body.data.name as string;
    const before = (await service()).prefix_sms as boolean;
    const prefix = before ? 'no' : 'yes';
    await reader.submit(at('/settings/prefix'), { prefix, version: await versionAt('/settings/prefix') });
    const operator = await world.person('operator', at('').split('/')[2]);
    const byOperator = await operator.submit(at('/settings/contact'), {
      ...{ contact: 'https://harbour.example/operator', version: await versionAt('/settings/contact') },
    });
    assert.equal(byOperator.status, 303, byOperator.text);
    const { text } = await reader.get(at('/history'));
    assert.ok(text.includes(person));
    assert.match(text, /Text messages begin with the name: <span dir="auto">(yes|no)<\/span> → /);
    assert.match(text, /operator of the platform/);
    await world.admin('POST', `/service/${serviceId}/template-folder`, { name: 'Tides', parent_id: null });
    await world.admin('POST', `/service/${serviceId}/template`, {
      ...{ name: 'High', template_type: 'sms', content: 'High tide', created_by: reader.userId },
    });
    const named = await reader.get(at('/history'));
    assert.match(named.text, /Added a template/);
    assert.match(named.text, /Added a folder: <span dir="auto">Tides</);
    assert.doesNotMatch(
      named.text.replace(/<[^>]*>/g, ''),
      /[0-9a-f]{8}-[0-9a-f]{4}-|\d:\d\d\.\d|view_activity/,
    );
    const own = await reader.get(`${at('/history')}?user_id=${reader.userId}&type=update_service`);
    assert.ok(!own.text.includes('harbour.example/operator'));
    const values = JSON.stringify({ prefix_sms: before });
    const done = await reader.submit(at('/history'), { values }, at('/history/restore'));
    assert.match((await reader.follow(done)).text, /The earlier values are set again/);
    assert.equal((await service()).prefix_sms, before);
    for (const nonsense of ['x', '{}', '{"restricted":false}', '{"name":""}'])
      assert.equal(
        (await reader.submit(at('/history'), { values: nonsense }, at('/history/restore'))).status,
        303,
      );
    const none = await reader.get(`${at('/history')}?type=delete_contact_list`);
    assert.match(none.text, /Nothing fits the filter/);
  });
});
