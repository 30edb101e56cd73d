import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import {
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { tabTo } from './keyboard.ts';

/**
 * The pictures of docs/teams.md, taken of the demo service (`npm run screenshots`): they are made anew when the pages
 * have changed, not with every test. Numbers and addresses are those that are reserved for examples.
 */
const folder = join(import.meta.dirname, '../../docs/teams');
const mostBytes = 60 * 1024;
const width = 1040;

/** So many texts a day, and a third as many emails; of 24 numbers one does not exist. */
const week = [52, 61, 48, 75, 66, 58, 31];
const failing = '447700900124';

suite('the pictures for teams', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  let page: Page;
  let demo: WebWorld['credentials']['services'][number];
  let base: string;
  before(async () => {
    world = await createWebWorld();
    demo = world.credentials.services[0]!;
    base = `${world.webUrl}/services/${demo.id}`;
    await world.behave({ recipients: { [failing]: { outcome: 'permanent-failure' } } });
    for (const [day, count] of week.entries()) {
      await sendOn(count, 'sms');
      await sendOn(Math.round(count / 3), 'email');
      await world.drain(60);
      if (day < week.length - 1) await world.advance(86_400);
    }
    await world.admin('POST', `/service/${demo.id}`, { sms_message_limit: 1000, email_message_limit: 1000 });
    const reader = await world.person(everyPermission, demo.id);
    browser = await openBrowser();
    const context = await browser.newContext({
      viewport: { width, height: 800 },
      // Letters stay readable, and the files small.
      deviceScaleFactor: 0.75,
      colorScheme: 'light',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(60_000);
    await context.addCookies(
      [...reader.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
    );
    page = await context.newPage();
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  async function sendOn(count: number, type: 'sms' | 'email'): Promise<void> {
    const recipient = type === 'sms' ? 'phone number' : 'email address';
    const rows = Array.from({ length: count }, (_, index) => [
      type === 'sms' ? `07700 900${101 + (index % 24)}` : `reader${index}@harbour-library.example`,
      ...[['Ada', 'Tom', 'Mia', 'Ben'][index % 4]!, 'Sea Charts', '4 May'],
    ]);
    const { status, body } = await world.call('POST', '/v2/notifications/bulk', {
      key: demo.keys.normal,
      body: {
        ...{ name: 'Books', template_id: demo.templates[type] },
        rows: [[recipient, 'name', 'title', 'date'], ...rows],
      },
    });
    assert.equal(status, 201, JSON.stringify(body));
  }

  /** Saves what is in the window, from the element that `top` names. */
  async function save(name: string, top = 'body', height = 560): Promise<void> {
    const { y } = (await page.locator(top).first().boundingBox())!;
    const scrolled = Number(await page.evaluate('scrollY'));
    const path = join(folder, `${name}.png`);
    const clip = { x: 0, y: Math.max(0, y + scrolled - (top === 'body' ? 0 : 16)), width, height };
    await page.screenshot({ path, clip, fullPage: true });
    const { size } = statSync(path);
    assert.ok(size <= mostBytes, `${name}.png has ${size} bytes`);
  }

  test('the dashboard', async () => {
    await page.goto(base);
    await save('dashboard', 'body', 740);
  });

  test('a template being written', async () => {
    await page.goto(`${base}/templates/${demo.templates.sms}/edit`);
    await page.getByLabel('title', { exact: true }).fill('Y Môr a’r Tŵr');
    await page.locator('#preview-cost').filter({ hasText: 'because of' }).waitFor();
    await save('write', 'h1', 640);
  });

  test('a message before it is sent', async () => {
    await page.goto(`${base}/templates/${demo.templates.sms}/send`);
    await page.getByLabel('Phone number').fill('07700 900123');
    for (const [field, value] of [
      ['name', 'Ada'],
      ['title', 'Sea Charts'],
      ['date', '4 May'],
    ] as const)
      await page.getByLabel(field, { exact: true }).fill(value);
    await page.getByRole('button', { name: 'Continue' }).last().click();
    await page.getByText('Nothing has been sent yet').waitFor();
    await save('send', 'h1', 510);
  });

  test('a file with faulty rows', async () => {
    await page.goto(`${base}/templates/${demo.templates.sms}/upload`);
    const rows = Array.from(
      { length: 40 },
      (_, index) => `${index % 9 === 4 ? '0770' : `07700 900${201 + index}`},Ada,Sea Charts,4 May`,
    );
    const buffer = Buffer.from(['phone number,name,title,date', ...rows, ''].join('\n'));
    await page.setInputFiles('#file', { name: 'may-loans.csv', mimeType: 'text/csv', buffer });
    await page.getByRole('button', { name: 'Upload and check' }).click();
    await page.getByText('have to be mended or left out').waitFor();
    await save('file', 'h1', 560);
  });

  test('failed messages, and why', async () => {
    await page.goto(`${base}/messages?status=failed`);
    await save('failed', 'h1', 620);
  });

  test('what became of a message', async () => {
    await page.goto(`${base}/messages?status=failed`);
    await tabTo(page, 'table a');
    await page.keyboard.press('Enter');
    await page.waitForURL(/messages\/[0-9a-f-]{36}$/);
    await save('message', 'h1', 620);
  });
});
