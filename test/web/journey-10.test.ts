import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser, BrowserContext } from 'playwright-core';
import {
  complaintsOf,
  createWebWorld,
  openBrowser,
  skipWithoutChromium,
  type Visitor,
  type WebWorld,
} from '../support/web.ts';

const reason = 'They told us: works until noon';

/**
 * Journey 10 (spec 07, section 8): an operator sees that a provider has been left alone, why, and who has its messages;
 * switches it off with a reason; and finds that in its history. Three pages.
 */
suite('journey 10: something is wrong', () => {
  let world: WebWorld;
  let operator: Visitor;
  let mmg: string;
  before(async () => {
    world = await createWebWorld({
      ...{ MMG_API_KEY: 'a', MMG_URL: 'http://127.0.0.1:1/' },
      ...{ FIRETEXT_API_KEY: 'b', FIRETEXT_URL: 'http://127.0.0.1:1/' },
    });
    operator = await world.person('operator');
    const { body } = await world.admin('GET', '/provider-details');
    mmg = body.provider_details.find((one: { identifier: string }) => one.identifier === 'mmg').id;
  });
  after(() => world?.stop());

  const failing = async () => {
    const on = await world.admin('POST', `/provider-details/${mmg}`, { active: true });
    assert.equal(on.status, 200);
    const opened = await world.admin('POST', `/provider-details/${mmg}/circuit`, {
      ...{ state: 'open', minutes: 30, reason: '41 of 50 calls timed out' },
    });
    assert.equal(opened.status, 200);
  };
  const sentence =
    /MMG has been left alone since \d\d:\d\d \w+: 41 of 50 calls timed out\. Firetext has its messages\./;

  test('without a browser', async () => {
    await failing();
    const seen = await world.until(
      () => operator.get('/platform'),
      ({ text }) => sentence.test(text),
    );
    assert.ok(seen.text.includes(`/platform/providers/${mmg}`));
    assert.match(seen.text, /operations\.md, “The provider is down”/);
    const path = `/platform/providers/${mmg}`;
    const done = await operator.submit(path, {
      do: 'change',
      active: 'no',
      priority: '10',
      rate_limit: '',
      reason,
    });
    const history = await operator.follow(done);
    assert.match(history.text, /MMG is changed\. It is off\./);
    assert.ok(history.text.slice(history.text.indexOf('id="versions"')).includes(reason));
  });

  test('a part that cannot be had is missing, and the rest is shown', async () => {
    await world.connection.pool.query('alter table processes rename to processes_away');
    try {
      const seen = await world.until(
        () => operator.get('/platform'),
        ({ text }) => /What is wrong with .*processes.* cannot be told at the moment/.test(text),
      );
      assert.equal(seen.status, 200);
      assert.match(seen.text, /<h2[^>]*>By minute</);
    } finally {
      await world.connection.pool.query('alter table processes_away rename to processes');
    }
  });

  suite('in Chromium', { skip: skipWithoutChromium }, () => {
    let browser: Browser;
    before(async () => {
      browser = await openBrowser();
    });
    after(() => browser?.close());

    async function contextOf(javaScriptEnabled: boolean): Promise<BrowserContext> {
      const visitor = await world.person('operator');
      const context = await browser.newContext({ javaScriptEnabled });
      await context.addCookies(
        [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
      );
      return context;
    }

    for (const javaScriptEnabled of [true, false])
      test(
        javaScriptEnabled ? 'with script, the page learns of it by itself' : 'with script off',
        async () => {
          await world.admin('POST', `/provider-details/${mmg}/circuit`, { state: 'closed' });
          await world.admin('POST', `/provider-details/${mmg}`, { active: true });
          if (!javaScriptEnabled) await failing();
          const context = await contextOf(javaScriptEnabled);
          const complaints = complaintsOf(context);
          const page = await context.newPage();
          await page.goto(`${world.webUrl}/platform`);
          if (javaScriptEnabled) await failing();
          else
            await world.until(
              async () => {
                await page.reload();
                return sentence.test((await page.textContent('#problems')) ?? '');
              },
              (isSaid) => isSaid,
            );
          const link = page.getByRole('link', { name: sentence });
          await link.waitFor();
          await link.click();
          await page.getByLabel('Off', { exact: true }).check();
          await page.locator('#reason-change').fill(reason);
          await page.getByRole('button', { name: 'Save changes' }).click();
          await page.getByText('MMG is changed. It is off.').waitFor();
          assert.match((await page.textContent('#versions')) ?? '', new RegExp(reason));
          assert.deepEqual(complaints, []);
          await context.close();
        },
      );
  });
});
