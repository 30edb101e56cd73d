import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser, BrowserContext } from 'playwright-core';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { pasted } from './pasted.ts';
import { seen } from './patient.ts';

const limitSeconds = 60;

suite('journey 7: a key, and its first call', { skip: skipWithoutChromium }, () => {
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

  async function signedIn(javaScriptEnabled: boolean): Promise<BrowserContext> {
    const visitor = await world.person(everyPermission);
    const context = await browser.newContext({ javaScriptEnabled });
    await context.addCookies(
      [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
    );
    return context;
  }

  for (const [how, javaScriptEnabled] of [
    ['with script', true],
    ['without script', false],
  ] as const)
    test(`from the list of keys to the first call that arrives, ${how}, within ${limitSeconds} seconds`, async () => {
      const context = await signedIn(javaScriptEnabled);
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      const began = performance.now();
      await page.goto(`${world.webUrl}/services/${world.tenant.id}/developers/keys`);
      await seen(world, page, page.getByRole('button', { name: 'Make a key' }));
      await page.getByRole('button', { name: 'Make a key' }).click();
      await seen(world, page, page.getByLabel('Name of the key'));
      await page.getByLabel('Name of the key').fill(`Booking ${how}`);
      await seen(world, page, page.getByLabel('Test: pretends to send'));
      await page.getByLabel('Test: pretends to send').check();
      await seen(world, page, page.getByRole('button', { name: 'Make the key' }));
      await page.getByRole('button', { name: 'Make the key' }).click();
      await seen(world, page, page.getByRole('heading', { name: 'Waiting for the first call' }));
      assert.match((await page.locator('#key').textContent())!, /^booking_/);
      if (javaScriptEnabled) assert.ok(await page.getByRole('button', { name: 'Copy key' }).isVisible());
      await pasted((await page.locator('#call-curl').textContent())!);
      // Without script, the page of the key says so when it is looked at.
      if (!javaScriptEnabled) await page.getByRole('link', { name: 'See whether it has arrived' }).click();
      await seen(world, page, page.getByRole('heading', { name: 'Its calls arrive' }));
      const seconds = (performance.now() - began) / 1000;
      assert.ok(seconds < limitSeconds, `it took ${seconds} seconds`);
      assert.deepEqual(complaints, []);
      await context.close();
    });
});
