import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { accept, type Receiver, receiver, refuse, token } from '../support/callback-receiver.ts';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { seen } from './patient.ts';

suite('journey 8: a callback', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  let back: Receiver;
  before(async () => {
    back = await receiver(accept);
    world = await createWebWorld({ CALLBACK_ALLOW_PRIVATE: '1' });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
    back?.stop();
  });

  for (const [how, javaScriptEnabled] of [
    ['with script', true],
    ['without script', false],
  ] as const)
    test(`an address is set and tested within 3 pages, and what failed is replayed, ${how}`, async () => {
      const tenant = await world.addTenant();
      const visitor = await world.person(everyPermission, tenant.id);
      const context = await browser.newContext({ javaScriptEnabled });
      await context.addCookies(
        [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
      );
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      const documents: string[] = [];
      page.on('response', (response) => {
        if (response.request().isNavigationRequest() && response.status() === 200)
          documents.push(response.url());
      });
      await page.goto(`${world.webUrl}/services/${tenant.id}/developers/callbacks`);
      await seen(world, page, page.getByRole('link', { name: 'Set an address for delivery statuses' }));
      await page.getByRole('link', { name: 'Set an address for delivery statuses' }).click();
      await seen(world, page, page.getByLabel('Address'));
      await page.getByLabel('Address').fill(back.url);
      await seen(world, page, page.getByLabel('Token'));
      await page.getByLabel('Token').fill(token);
      await seen(world, page, page.getByRole('button', { name: 'Save and send a test' }));
      await page.getByRole('button', { name: 'Save and send a test' }).click();
      await seen(world, page, page.getByText('The test arrived. It answered 204'));
      assert.equal(documents.length, 3);

      back.become(refuse(400));
      await world.call('POST', '/v2/notifications/sms', {
        key: tenant.keys.normal,
        body: {
          template_id: tenant.templates.sms,
          phone_number: '07700 900 123',
          personalisation: { name: 'Ada', time: '14:05' },
        },
      });
      await world.until(
        () => world.admin('GET', `/service/${tenant.id}/callbacks?status=failed`),
        ({ body }) => body.callbacks.length === 1,
      );
      back.become(accept);
      await page.goto(`${world.webUrl}/services/${tenant.id}/developers/callbacks`);
      await seen(world, page, page.getByText('It answered 400'));
      await seen(world, page, page.getByRole('button', { name: 'Replay what failed' }));
      await page.getByRole('button', { name: 'Replay what failed' }).click();
      await seen(world, page, page.getByRole('button', { name: 'Replay them' }));
      await page.getByRole('button', { name: 'Replay them' }).click();
      await seen(world, page, page.getByRole('heading', { name: 'Replay of callbacks' }));
      const done = page.getByText('1 callback was queued, and all have been called').first();
      if (javaScriptEnabled) await seen(world, page, done);
      else
        await world.until(
          async () => {
            await page.getByRole('link', { name: 'Refresh' }).click();
            return await done.count();
          },
          (count) => count > 0,
          60,
        );
      assert.deepEqual(complaints, []);
      await context.close();
    });
});
