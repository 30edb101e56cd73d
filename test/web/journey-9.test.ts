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
import { fillUsage } from './fill-usage.ts';
import { seen } from './patient.ts';

suite('journey 9: what this month will cost', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  before(async () => {
    world = await createWebWorld();
    browser = await openBrowser();
    await fillUsage(world);
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  for (const [how, javaScriptEnabled] of [
    ['with script', true],
    ['without script', false],
  ] as const)
    test(`one page says it in a sentence, by template and file, ${how}; and people are told at an amount`, async () => {
      const visitor = await world.person(everyPermission);
      const context = await browser.newContext({ javaScriptEnabled });
      await context.addCookies(
        [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
      );
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      await page.goto(`${world.webUrl}/services/${world.tenant.id}/usage`);
      await seen(world, page, page.getByText(/will cost about £/));
      await seen(world, page, page.getByRole('region', { name: 'Templates by cost' }));
      await seen(world, page, page.getByText('No file was sent in this year.'));
      await seen(world, page, page.getByRole('link', { name: /Be told at an amount|Change the amounts/ }));
      await page.getByRole('link', { name: /Be told at an amount|Change the amounts/ }).click();
      await seen(world, page, page.getByLabel('Amount in a month'));
      await page.getByLabel('Amount in a month').fill('500');
      await seen(world, page, page.getByRole('button', { name: 'Save' }));
      await page.getByRole('button', { name: 'Save' }).click();
      await seen(world, page, page.getByText('get an email at £500.00 in a month'));
      assert.deepEqual(complaints, []);
      await context.close();
    });
});
