import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { announceService } from '../../src/tenant/service/store.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { failing, hostile, sendMessage } from './fill-messages.ts';

suite('the dashboard and trying a message out (spec 07, section 6)', () => {
  let world: WebWorld;
  let reader: Visitor;
  let at: (path: string) => string;
  before(async () => {
    world = await createWebWorld();
    await world.behave({ recipients: failing });
    reader = await world.person(everyPermission);
    at = (path) => `/services/${world.tenant.id}${path}`;
  });
  after(() => world.stop());

  test('a service that has sent nothing is led to its first message', async () => {
    const { status, text } = await reader.get(at(''));
    assert.equal(status, 200);
    assert.match(text, /Nothing is wrong\./);
    assert.match(text, new RegExp(`href="${at('/try')}"[^>]*>Send your first message`));
  });

  test('it says first what is wrong, then figures by type and day, limits, files and templates', async () => {
    for (const to of ['07700 900791', '07700 900702', '07700 900703', 'ash@quay.example.com'])
      await sendMessage(world, to);
    await world.drain();
    const { text } = await world.until(
      () => reader.get(at('')),
      ({ text }) => /1 of 4 messages of the last 7 days did not arrive/.test(text),
    );
    assert.match(text, /1 phone number does not exist\./);
    assert.match(text, /href="[^"]*\/messages\?status=failed"/);
    assert.match(text, /Text messages today<\/th>(<td[^>]*>\d+<\/td>){4}/);
    const figures = /Text messages today<\/th>((?:<td[^>]*>\d+<\/td>){4})/.exec(text)![1]!;
    assert.deepEqual(
      [...figures.matchAll(/>(\d+)</g)].map(([, count]) => count),
      ['3', '2', '0', '1'],
    );
    assert.match(text, /can still be sent\./);
    assert.match(text, /role="img" aria-label="None a day before today, 4 today so far; 25% failed\."/);
    assert.match(text, /No file is under way or scheduled\./);
    assert.match(text, new RegExp(`/messages\\?template=${world.tenant.templates.sms}`));
    assert.ok(!text.includes(hostile));
    for (const period of ['30', '90', 'x']) {
      const { text: other } = await reader.get(at(`?period=${period}`));
      assert.match(other, new RegExp(`Messages by day, last ${period === 'x' ? 7 : period} days`));
    }
  });

  test('the figures by day are downloaded with every day of the period', async () => {
    const { status, text, headers } = await reader.get(at('/by-day.csv?period=30'));
    assert.equal(status, 200);
    assert.match(headers.get('content-type')!, /^text\/csv/);
    const lines = text.trim().split('\r\n');
    assert.equal(lines.length, 31);
    assert.match(lines[30]!, /^\d{4}-\d{2}-\d{2},2,0,1,1,0,0$/);
  });

  test('who may not see figures gets the templates; another service is 404', async () => {
    const writer = await world.person(['manage_templates']);
    assert.equal((await writer.get(at(''))).location, at('/templates'));
    assert.equal((await writer.get(at('/by-day.csv'))).status, 403);
    assert.equal((await writer.get(at('/try'))).status, 403);
    const tenant = await world.addTenant();
    const stranger = await world.person(everyPermission, tenant.id);
    for (const path of ['', '/by-day.csv', '/try']) assert.equal((await stranger.get(at(path))).status, 404);
  });

  test('a suspended service and a limit that is reached are told first', async () => {
    const tenant = await world.addTenant();
    const viewer = await world.person(['view_activity'], tenant.id);
    await sendMessage(
      world,
      'ash@quay.example.com',
      { template_id: tenant.templates.email },
      tenant.keys.normal,
    );
    await world.drain();
    const change = await world.admin('POST', `/service/${tenant.id}`, {
      ...{ email_message_limit: 1, sms_message_limit: 20, restricted: true },
    });
    assert.equal(change.status, 200, JSON.stringify(change.body));
    const path = `/services/${tenant.id}`;
    const full = await world.until(
      () => viewer.get(path),
      ({ text }) => text.includes('has been sent'),
    );
    assert.match(full.text, /Today’s 1 email has been sent\. More are refused/);
    assert.match(full.text, /in trial mode/);
    assert.match(full.text, /20 text messages and 0 emails can still be sent/);
    await world.admin('POST', `/service/${tenant.id}/suspend`, {});
    await announceService(world.connection.db, tenant.id);
    // Its members are no longer let in; operators are.
    const operator = await world.person('operator', tenant.id);
    await world.until(
      () => operator.get(path),
      ({ text }) => text.includes('This service is suspended'),
    );
  });

  test('a first message is filled in, previewed, sent once, and watched until it has arrived', async () => {
    const ready = await reader.get(at('/try'));
    assert.equal(ready.status, 200);
    assert.match(ready.text, /never leaves this installation/);
    assert.match(
      ready.text,
      /name="to"[^>]* value="07700 900 321"|value="447700900321"|value="\+447700900321"/,
    );
    assert.match(ready.text, /Hi Sam, high tide at 10:30/);
    const template = world.tenant.templates.sms;
    const preview = await reader.submit(at('/try'), {
      ...{ template, to: '07700 900801', 'value-0': hostile, 'value-1': '9:15', do: 'preview' },
    });
    assert.equal(preview.status, 200);
    assert.match(preview.text, /Hi &lt;img src=x onerror=alert\(1\)&gt;&quot;&#39;&amp;, high tide at 9:15/);
    assert.ok(!preview.text.includes(hostile));
    const fields = new URLSearchParams();
    const form = ready.text.slice(ready.text.indexOf('<main'));
    for (const [, name, value] of form.matchAll(/name="(_token|_form)" value="([^"]*)"/g))
      fields.set(name!, value!);
    for (const [name, value] of Object.entries({
      template,
      to: '07700 900801',
      'value-0': 'Ash',
      'value-1': '9:15',
    }))
      fields.set(name, value);
    const sent = await reader.post(at('/try'), fields.toString());
    const twice = await reader.post(at('/try'), fields.toString());
    assert.equal(sent.status, 303);
    assert.equal(twice.location, sent.location);
    assert.doesNotMatch(sent.location!, /900801/);
    await world.drain();
    const { text } = await reader.follow(sent);
    assert.match(text, /It is on the sandbox’s phone\.<\/strong> The provider reports that it has arrived\./);
    assert.match(text, /Hi Ash, high tide at 9:15/);
    for (const step of [
      'Accepted, sent by Sam Ferry',
      'Stored',
      'Handed over to Sandbox',
      'Sandbox reports: delivered',
    ])
      assert.ok(text.includes(step), step);
    assert.match(text, /after 0\.\d seconds|at once/);
    for (const way of ['/developers/keys', `/templates/${template}/edit`, `/templates/${template}/upload`])
      assert.ok(text.includes(`href="${at(way)}"`), way);
    const inbox = await world.sandbox('/messages?q=900801');
    assert.equal(inbox.messages.length, 1);
  });

  test('a recipient that cannot be sent to is refused in words, and what was filled in stays', async () => {
    const refused = await reader.submit(at('/try'), {
      ...{ template: world.tenant.templates.sms, to: '12', 'value-0': 'Kept value', 'value-1': '9' },
    });
    assert.equal(refused.status, 400);
    assert.match(refused.title, /^Error: /);
    assert.match(refused.text, /There is a problem/);
    assert.match(refused.text, /value="Kept value"/);
    const empty = await reader.submit(at('/try'), { template: world.tenant.templates.sms, to: ' ' });
    assert.match(empty.text, /Enter a recipient/);
  });

  test('without a template it says so, and where one is made', async () => {
    const tenant = await world.addTenant();
    const owner = await world.person(everyPermission, tenant.id);
    for (const id of Object.values(tenant.templates))
      await world.admin('POST', `/service/${tenant.id}/template/${id}`, { archived: true });
    const { text } = await owner.get(`/services/${tenant.id}/try`);
    assert.match(text, /A message is made of a template/);
    assert.ok(text.includes(`/services/${tenant.id}/templates/add`));
  });
});
