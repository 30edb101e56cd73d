import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startJob, tideRows } from '../support/jobs.ts';
import {
  complaintsOf,
  createWebWorld,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { failing, sendMessage } from './fill-messages.ts';
import { press, tabTo } from './keyboard.ts';

suite('journey 5: put failures right (spec 07, section 8)', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  before(async () => {
    world = await createWebWorld();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  for (const [how, javaScriptEnabled] of [
    ['with script', true],
    ['with JavaScript off', false],
  ] as const)
    test(`${how}: the failed ones, one to another number, are sent again within four pages`, async () => {
      const visitor = await world.person(['send_texts', 'view_activity']);
      const context = await browser.newContext({ javaScriptEnabled });
      await context.addCookies(
        [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
      );
      context.setDefaultTimeout(120_000);
      const complaints = complaintsOf(context);
      const job = await startJob(world, world.tenant, [
        ...tideRows(20),
        ['07700900002', 'Ann', '1', 'a'],
        ['07700900003', 'Bob', '2', 'b'],
      ]);
      await world.drain(120);
      const page = await context.newPage();
      const pages: string[] = [];
      page.on('framenavigated', (frame) => pages.push(new URL(frame.url()).pathname));
      await page.goto(`${world.webUrl}/services/${world.tenant.id}/files/${job}?status=failed`);
      await page.waitForSelector('text=2 of 22 text messages did not arrive.');
      await page.click('text=Send the 2 failed ones again');
      await page.waitForSelector('text=1 of 2 messages can be sent again.');
      await page.fill('label:has-text("Instead of") >> xpath=.. >> input', '07700 900 555');
      await page.click('text=Check again');
      await page.waitForSelector('text=2 messages can be sent again.');
      await page.click('text=Send 2 messages again');
      await page.waitForSelector('text=2 messages are being sent again.');
      assert.equal(pages.length, 4, pages.join(' '));
      assert.deepEqual(complaints, []);
      await world.drain(120);
      const { messages } = await world.sandbox('/messages?type=sms&q=900555');
      assert.ok(messages.length > 0);
      await context.close();
    });

  test('by keyboard alone: from the filter and the reasons, the chosen ones, one to another number', async () => {
    const tenant = await world.addTenant();
    await world.behave({ recipients: failing });
    const ids: string[] = [];
    for (const to of ['07700 900791', '07700 900792', '07700 900701'])
      ids.push(await sendMessage(world, to, { template_id: tenant.templates.sms }, tenant.keys.normal));
    await world.drain();
    const visitor = await world.person(['send_texts', 'view_activity'], tenant.id);
    const context = await browser.newContext();
    context.setDefaultTimeout(120_000);
    await context.addCookies(
      [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
    );
    const complaints = complaintsOf(context);
    const page = await context.newPage();
    await page.goto(`${world.webUrl}/services/${tenant.id}/messages`);
    await press(page, '#filter summary');
    await tabTo(page, '#filter-status');
    await page.keyboard.type('Failed');
    await press(page, '#filter form button');
    await page.waitForURL(/status=failed/);
    await page.getByText('2 failed; most often', { exact: false }).waitFor();
    for (const id of [ids[1], ids[0]]) {
      await tabTo(page, `#choose-${id}`);
      await page.keyboard.press('Space');
    }
    await press(page, 'form[action$="/messages/again"] button');
    await page.getByText('1 of 2 messages can be sent again.').waitFor();
    await tabTo(page, `#recipient-${ids[0]}`);
    await page.keyboard.type('07700 900555');
    await press(page, 'main form button:not([name])');
    await page.getByText('2 messages can be sent again.', { exact: true }).waitFor();
    await press(page, 'button[name="sure"]');
    await page.getByText('2 messages are being sent again.').waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  });
});
