import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { failing, sendMessage } from './fill-messages.ts';
import { press, tabTo } from './keyboard.ts';

suite('journey 4: find one message (spec 07, section 8)', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  before(async () => {
    world = await createWebWorld();
    browser = await openBrowser();
    await world.behave({ recipients: failing });
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  for (const javaScriptEnabled of [true, false])
    test(`from the box of any page to the message and why it failed, in 2 pages, ${javaScriptEnabled ? 'with' : 'without'} script`, async () => {
      const reference = `order ${javaScriptEnabled}`;
      const id = await sendMessage(world, '07700 900791', { reference });
      await world.drain();
      const visitor = await world.person(everyPermission);
      const context = await browser.newContext({ javaScriptEnabled });
      await context.addCookies(
        [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
      );
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      await page.goto(`${world.webUrl}/services/${world.tenant.id}/messages`);
      await page.getByLabel('Find a message').fill(reference);
      await page.keyboard.press('Enter');
      await page.waitForURL(new RegExp(`/messages/${id}$`));
      const main = (await page.locator('main').textContent())!;
      assert.match(main, /Not delivered: the phone number does not exist\. Trying again will not help\./);
      assert.match(main, /Handed over to Sandbox/);
      assert.match(main, /high tide at 14:05/);
      assert.deepEqual(complaints, []);
      await context.close();
    });

  test('by keyboard alone: which of two it is, what the provider said of it, and sent again', async () => {
    const number = '07700 900792';
    const ids = [await sendMessage(world, number), await sendMessage(world, number)];
    await world.drain();
    const visitor = await world.person(everyPermission);
    const context = await browser.newContext();
    context.setDefaultTimeout(120_000);
    await context.addCookies(
      [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
    );
    const complaints = complaintsOf(context);
    const page = await context.newPage();
    await page.goto(`${world.webUrl}/services/${world.tenant.id}`);
    await tabTo(page, '#find-message');
    await page.keyboard.type('(+44) 7700-900-792');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/find\?search=/);
    await press(page, `main a[href$="/messages/${ids[0]}"]`);
    await page.waitForURL(new RegExp(`/messages/${ids[0]}$`));
    await press(page, '.app-timeline summary');
    await page.locator('.app-timeline details[open]').waitFor();
    await press(page, 'form[action$="/messages/again"] button');
    await page.getByText('1 message can be sent again.').waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  });
});
