import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser, BrowserContext } from 'playwright-core';
import { tideRows } from '../support/jobs.ts';
import {
  complaintsOf,
  createWebWorld,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { press, tabTo } from './keyboard.ts';

/** 1,000 rows, of which 12 have a phone number that is too short. */
function file(name: string) {
  const rows = [...tideRows(1000)].map(([number, person, time], index) =>
    [index % 80 === 7 && index < 960 ? '0770' : number, `${person} ${name}`, time].join(','),
  );
  const buffer = Buffer.from(['phone number,name,time', ...rows, ''].join('\r\n'));
  return { name: `${name}.csv`, mimeType: 'text/csv', buffer };
}

suite('journey 3: send to a file (spec 07, section 8)', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  let guide: string;
  before(async () => {
    world = await createWebWorld();
    browser = await openBrowser();
    guide = `${world.webUrl}/services/${world.tenant.id}/templates/${world.tenant.templates.sms}/upload`;
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  const open = async (options: { javaScriptEnabled?: boolean } = {}): Promise<BrowserContext> => {
    const visitor = await world.person(['send_texts', 'send_emails', 'view_activity']);
    const context = await browser.newContext(options);
    await context.addCookies(
      [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
    );
    // A machine that does much else is slow; the limits are those of an idle one.
    context.setDefaultTimeout(120_000);
    return context;
  };
  const delivered = '988 text messages have been delivered.';

  for (const [how, javaScriptEnabled] of [
    ['with script', true],
    ['with JavaScript off', false],
  ] as const)
    test(`${how}: upload, mend, leave out, look, send, stop in time; send the file again and see it arrive`, async (t) => {
      const context = await open({ javaScriptEnabled });
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      await page.goto(guide);
      await page.setInputFiles('#file', file(how));
      const began = performance.now();
      await page.click('text=Upload and check');
      await page.waitForSelector('text=Of 1,000 rows, 12 have to be mended or left out');
      const seconds = (performance.now() - began) / 1000;
      t.diagnostic(`${seconds.toFixed(1)} seconds to the check page`);
      assert.ok(seconds < 10, `${seconds} seconds to the check page`);
      await page.click('text=Mobile number is too short: 12 rows');
      await page.fill('#cell-9-0', '07700 900 888');
      await page.click('text=Save and check again');
      await page.waitForSelector('text=11 rows still have to be mended');
      await page.click('text=Back to the file');
      await page.click('text=Leave these 11 out');
      await page.waitForSelector('text=All 989 rows can be sent.');
      await page.fill('#row', '100');
      await page.click('text=Show this row');
      await page.waitForSelector('text=Asked for');
      await page.click('text=Send 989 text messages');
      await page.click('text=Stop, nothing has been sent');
      await page.waitForSelector('text=Stopped. Nothing has been sent.');

      await page.goto(guide);
      await page.setInputFiles('#file', file(how));
      await page.click('text=Upload and check');
      await page.click('text=Leave these 12 out');
      await page.click('text=Send 988 text messages');
      await page.waitForSelector('text=Nothing has been sent yet.');
      await world.advance(61);
      if (javaScriptEnabled) await page.waitForSelector(`text=${delivered}`);
      else
        await world.until(
          async () => {
            // What is shown without script only is not text to the tool. The last page has no such link any more.
            await Promise.all([page.waitForEvent('load'), page.click('noscript a')]);
            return page.content();
          },
          (text) => text.includes(delivered),
          120,
        );
      assert.deepEqual(complaints, []);
      await context.close();
    });

  test('by keyboard alone', async () => {
    const context = await open();
    const page = await context.newPage();
    await page.goto(guide);
    await tabTo(page, '#file');
    // The dialog that chooses a file is the browser's own.
    await page.setInputFiles('#file', file('keys'));
    await press(page, 'main form button');
    await page.waitForSelector('text=Of 1,000 rows, 12 have to be mended');
    await press(page, 'form[action$="/leave-out"] button');
    await page.waitForSelector('text=All 988 rows can be sent.');
    await tabTo(page, '#when');
    await press(page, 'form:has(#when) button');
    await page.waitForSelector('text=Nothing has been sent yet.');
    await press(page, 'button[formaction$="/stop"]');
    await page.waitForSelector('text=Stopped. Nothing has been sent.');
    await context.close();
  });
});
