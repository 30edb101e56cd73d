import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type Visitor,
  type WebWorld,
} from '../support/web.ts';
import { receiving, withNumber } from './fill-received.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;
const shownHostile = '&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;';

suite('received texts (spec 07, section 6)', () => {
  let world: WebWorld;
  let base: string;
  let reader: Visitor;
  let text: Awaited<ReturnType<typeof withNumber>>;
  before(async () => {
    world = await createWebWorld(receiving);
    base = `/services/${world.tenant.id}/received`;
    reader = await world.person(everyPermission);
  });
  after(() => world?.stop());

  test('a service without a number is told how to get one', async () => {
    const { status, text: shown } = await reader.get(base);
    assert.equal(status, 200);
    assert.match(shown, /it has no number of its own/);
    assert.match(shown, /Ask the people who run this platform/);
  });

  test('texts are listed by day, found by number without showing it in the address, and downloaded', async () => {
    text = await withNumber(world, world.tenant.id);
    assert.match((await reader.get(base)).text, /Nobody has texted\./);
    await text('447700900111', `Until when? ${hostile}`);
    await text('447700900222', 'Another person');
    const all = await reader.get(base);
    assert.match(all.text, /2 texts\./);
    assert.ok(all.text.includes(shownHostile));
    assert.ok(!all.text.includes('<img src=x'));
    assert.match(all.text, /People can text <bdi>07700 900456<\/bdi>/);
    const day = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' }).format(world.clock.now());
    assert.match((await reader.get(`${base}?day=${day}`)).text, /2 texts on /);
    assert.match(
      (await reader.get(`${base}?day=2020-01-01`)).text,
      /Nobody has texted on Wednesday 1 January 2020/,
    );

    const found = await reader.submit(base, { number: '07700 900 222' });
    assert.match(found.location ?? '', /\?from=/);
    assert.doesNotMatch(found.location ?? '', /900/);
    const one = await reader.follow(found);
    assert.match(one.text, /1 text from this number/);
    assert.doesNotMatch(one.text, /Until when/);

    const file = await reader.get(`${base}/download`);
    assert.match(file.headers.get('content-disposition') ?? '', /received-texts\.csv/);
    assert.match(file.text, /Received,Number,Message\r\n/);
    assert.match(file.text, /Another person/);
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    const elsewhere = await stranger.get(found.location!.replace(world.tenant.id, other.id));
    assert.doesNotMatch(elsewhere.text, /900 222/, 'what is sealed opens in its service only');
    const part = await reader.get(found.location!.replace('received?', 'received/download?'));
    assert.doesNotMatch(part.text, /Until when/);
  });

  test('a conversation shows both sides with statuses, and is answered with a template', async () => {
    const { body } = await world.call('POST', '/v2/notifications/sms', {
      body: {
        template_id: world.tenant.templates.sms,
        phone_number: '07700 900 333',
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
    await world.until(
      () => world.call('GET', `/v2/notifications/${body.id}`),
      (answer) => answer.body.status === 'delivered',
    );
    const id = await text('447700900333', 'Is that summer time?');
    const { text: shown, title } = await reader.get(`${base}/${id}`);
    const [sent, received] = [shown.indexOf('high tide at 14:05'), shown.indexOf('Is that summer time?')];
    assert.ok(sent > 0 && received > sent, 'the older one comes first');
    assert.match(shown, /Delivered/);
    assert.ok(shown.includes(`/messages/${body.id}`));
    assert.doesNotMatch(title, /900/);

    const none = await reader.submit(`${base}/${id}`, { template: '' });
    assert.equal(none.status, 400);
    assert.match(none.title, /^Error: /);
    const answered = await reader.submit(`${base}/${id}`, { template: world.tenant.templates.sms });
    assert.match(
      answered.location ?? '',
      new RegExp(
        `^/services/${world.tenant.id}/templates/${world.tenant.templates.sms}/send\\?to=[\\w-]{40,}$`,
      ),
    );
    assert.doesNotMatch(shown, /templates\/[^"]*email/);
    assert.match((await reader.follow(answered)).text, /name="to"[^>]*value="447700900333"/);
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    const elsewhere = answered
      .location!.replace(world.tenant.id, other.id)
      .replace(world.tenant.templates.sms, other.templates.sms);
    assert.doesNotMatch((await stranger.get(elsewhere)).text, /900333/);
  });

  for (const javaScriptEnabled of [true, false])
    test(`from a received text to its answer ${javaScriptEnabled ? 'with' : 'without'} script: the number is filled in, and in no address`, {
      skip: skipWithoutChromium,
    }, async () => {
      const id = await text('447700900444', 'When does it close?');
      const browser = await openBrowser();
      try {
        const context = await browser.newContext({ javaScriptEnabled });
        context.setDefaultTimeout(60_000);
        const complaints = complaintsOf(context);
        await context.addCookies(
          [...reader.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
        );
        const page = await context.newPage();
        const addresses: string[] = [];
        page.on('request', (request) => addresses.push(request.url()));
        await page.goto(world.webUrl + base);
        await page.getByRole('link', { name: '900444' }).first().click();
        await page.getByLabel('Template').selectOption(world.tenant.templates.sms);
        await page.getByRole('button', { name: 'Continue' }).click();
        assert.equal(await page.getByLabel('Phone number').inputValue(), '447700900444');
        await page.getByLabel('name', { exact: true }).fill('Ada');
        await page.getByLabel('time', { exact: true }).fill('17:00');
        await page.getByRole('button', { name: 'Continue' }).last().click();
        await page.getByRole('button', { name: 'Send now' }).click();
        await page.waitForURL(/messages\/[0-9a-f-]{36}$/);
        await world.drain();
        await page.goto(`${world.webUrl}${base}/${id}`);
        await page.locator('.app-said--sent').filter({ hasText: 'high tide at 17:00' }).first().waitFor();
        assert.deepEqual(
          addresses.filter((address) => address.includes('900444')),
          [],
        );
        assert.deepEqual(complaints, []);
      } finally {
        await browser.close();
      }
    });

  test('texts of another service are not found, and a missing permission is named', async () => {
    const id = await text('447700900111', 'Hello');
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    assert.equal((await stranger.get(`/services/${other.id}/received/${id}`)).status, 404);
    assert.equal((await stranger.get(`/services/${other.id}/received/unknown`)).status, 404);
    assert.equal((await stranger.get(`${base}/${id}`)).status, 404);
    const sender = await world.person(['send_texts']);
    for (const path of ['', `/${id}`, '/download']) {
      const refused = await sender.get(base + path);
      assert.equal(refused.status, 403, path);
      assert.match(refused.text, /See messages and figures/);
    }
    const viewer = await world.person(['view_activity']);
    assert.match((await viewer.get(`${base}/${id}`)).text, /To answer, you need the permission “Send”/);
  });
});
