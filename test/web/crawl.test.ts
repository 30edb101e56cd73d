import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { pages } from '../../src/web/pages.ts';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';
import { fillUploads } from './fill-uploads.ts';

/** Where people look at what the pages look like; not kept in the repository. */
const pictures = join(import.meta.dirname, 'screenshots');

const views = [
  { name: 'desktop', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'phone', width: 390, height: 844, colorScheme: 'dark' },
] as const;

/**
 * Every page that can be opened, as somebody who may see it: nothing that axe finds, no complaint of the browser, no
 * scrolling sideways at 320 pixels, and ids that are unique (spec 07, sections 11 and 14).
 */
suite('every page', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  let signedIn: BrowserContext;
  let stranger: BrowserContext;
  let complaints: string[];
  let values: Readonly<Record<string, string>>;

  before(async () => {
    world = await createWebWorld();
    browser = await openBrowser();
    mkdirSync(pictures, { recursive: true });
    values = await fill(world);
    const visitor = await world.person(everyPermission);
    await world.connection.pool.query('update users set platform_admin = true where id = $1', [
      visitor.userId,
    ]);
    signedIn = await browser.newContext();
    await signedIn.addCookies(
      [...visitor.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
    );
    stranger = await browser.newContext();
    complaints = complaintsOf(signedIn);
    complaintsOf(stranger, complaints);
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  for (const { path, get, needs } of pages) {
    if (!get) continue;
    test(`${path} is accessible, light and dark, wide and narrow, and the browser has no complaint`, async () => {
      complaints.length = 0;
      const page = await (needs === 'nothing' ? stranger : signedIn).newPage();
      const address = path.replace(/:(\w+)/g, (_, name: string) => values[name] ?? 'unknown');
      // A file is not shown, but taken.
      const response = await page.goto(world.webUrl + address).catch((error: Error) => {
        if (!error.message.includes('Download is starting')) throw error;
        return null;
      });
      if (response === null) return await page.close();
      assert.ok(response.status() < 500, `it answered ${response.status()}`);
      const { 'content-type': type = '', 'content-security-policy': policy = '' } = response.headers();
      // In the document of an email nothing runs, axe neither.
      const isFile = !type.startsWith('text/html') || policy.includes('sandbox');
      for (const { name, width, height, colorScheme } of isFile ? [] : views) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        await page.screenshot({
          path: join(pictures, `${path.replace(/\W+/g, '-')}-${name}.png`),
          fullPage: true,
        });
        const { violations } = await new AxeBuilder({ page })
          .exclude('iframe')
          .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
          .analyze();
        assert.deepEqual(
          violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
          [],
          name,
        );
      }
      if (!isFile) await checkWhole(page);
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});

/** Gives the tenant something of each kind, and returns the ids that the paths of pages need, by parameter. */
async function fill(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  return { service: world.tenant.id, ...(await fillUploads(world)) };
}

/** What axe does not look at. */
async function checkWhole(page: Page): Promise<void> {
  assert.deepEqual(await twins(page), [], 'ids that several elements have');
  const nameless = await page.evaluate('document.querySelectorAll("iframe:not([title])").length');
  assert.equal(nameless, 0, 'frames without a title');
  await page.setViewportSize({ width: 320, height: 700 });
  const wide = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  assert.equal(wide, 0, 'it scrolls sideways at 320 pixels');
}

/** Ids that more than one element has. */
async function twins(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    return ids.filter((id, index) => ids.indexOf(id) !== index);
  })()`);
}
