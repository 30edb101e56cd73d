import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import {
  complaintsOf,
  createWebWorld,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { press, tabTo } from './keyboard.ts';

const limitMilliseconds = 30_000;

suite('journey 1: see a message arrive (spec 07, section 8)', { skip: skipWithoutChromium }, () => {
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

  for (const javaScriptEnabled of [true, false])
    test(`from the printed link to the sandbox’s phone ${javaScriptEnabled ? 'with script, live' : 'without script'}, within 30 seconds`, async (t) => {
      const userId = await world.addUser([
        'send_texts',
        'view_activity',
        'manage_api_keys',
        'manage_templates',
      ]);
      const context = await browser.newContext({ javaScriptEnabled });
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      const link = await world.signInLink(userId);
      const began = Date.now();
      await page.goto(link);
      await page.locator('main button').first().click();
      await page.waitForURL(/\/services/);
      await page.goto(`${world.webUrl}/services/${world.tenant.id}/try`);
      await page.getByRole('button', { name: 'Send it' }).click();
      const arrived = page.getByText('It is on the sandbox’s phone.', { exact: true });
      if (javaScriptEnabled) await arrived.waitFor({ timeout: limitMilliseconds });
      else
        await world.until(
          async () => {
            if (!(await arrived.count())) await page.getByRole('link', { name: 'Refresh' }).click();
            return arrived.count();
          },
          (count) => count > 0,
          30,
        );
      const took = Date.now() - began;
      t.diagnostic(`from the link to the phone: ${(took / 1000).toFixed(1)} s`);
      assert.ok(took < limitMilliseconds, `it took ${took} ms`);
      assert.match((await page.locator('.app-bubble').textContent())!, /Hi Sam, high tide at 10:30/);
      if (javaScriptEnabled)
        await page.getByText('Sandbox reports: delivered').waitFor({ timeout: limitMilliseconds });
      for (const way of ['From your program', 'With your own words', 'To many at once'])
        assert.equal(await page.getByRole('heading', { name: way }).count(), 1);
      assert.deepEqual(complaints, []);
      await context.close();
    });

  test('by keyboard alone, from the printed link to each of the three ways on', async () => {
    const tenant = await world.addTenant();
    const userId = await world.addUser(['send_texts', 'view_activity', 'manage_templates'], tenant.id);
    const context = await browser.newContext();
    context.setDefaultTimeout(120_000);
    const complaints = complaintsOf(context);
    const page = await context.newPage();
    await page.goto(await world.signInLink(userId));
    await press(page, 'main button');
    await page.waitForURL(`**/services/${tenant.id}/try`);
    await tabTo(page, '#to');
    await page.keyboard.type('07700 900456');
    await press(page, '#send');
    await page.getByText('It is on the sandbox’s phone.', { exact: true }).waitFor();
    await page.getByText('Sandbox reports: delivered').waitFor();
    for (const way of ['a[href$="/team"]', 'a[href$="/templates/add"]', 'a[href$="/upload"]'])
      await tabTo(page, `main ${way}`);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/upload$/);
    assert.deepEqual(complaints, []);
    await context.close();
  });
});
