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
import { sendMessage } from '../web/fill-messages.ts';
import { receiving } from '../web/fill-received.ts';
import { fills } from '../web/fills.ts';

/** Where people look at what the pages look like; not kept in the repository. With `PICTURES=1`: taking them takes minutes. */
const pictures = process.env['PICTURES'] === '1' ? join(import.meta.dirname, '../web/screenshots') : null;

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
    world = await createWebWorld(receiving);
    browser = await openBrowser();
    if (pictures) mkdirSync(pictures, { recursive: true });
    values = await fill(world);
    // More than a page of parts of references, one of them long.
    for (let index = 0; index <= 50; index++)
      await sendMessage(world, 'ash@quay.example.com', {
        reference: `order-${index === 50 ? 'W'.repeat(120) : index}`,
      });
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
      // A browser saves a file, and what people wrote runs no script, not even that of the tool.
      const probe = await page.context().request.get(world.webUrl + address, { maxRedirects: 0 });
      assert.ok(probe.status() < 500, `it answered ${probe.status()}`);
      const { 'content-type': type = '', 'content-security-policy': policy = '' } = probe.headers();
      if (probe.status() < 300 && (!type.startsWith('text/html') || /\bsandbox\b/.test(policy)))
        return await page.close();
      await page.goto(world.webUrl + address);
      await look(page, path.replace(/\W+/g, '-'));
    });
  }

  // What is searched for is sent by a form, so no address leads to its answer.
  for (const [what, term, words] of [
    ['matches', '07700 9007', /Matches, newest first/],
    ['references', 'order-', /Their reference contains it[\s\S]*Look further back/],
    ['nearest', '07700 900702', /Almost the same number/],
  ] as const)
    test(`the answer to a search (${what}) is accessible, light and dark, wide and narrow, and the browser has no complaint`, async () => {
      complaints.length = 0;
      const page = await signedIn.newPage();
      await page.goto(`${world.webUrl}/services/${world.tenant.id}/find`);
      await page.locator('main #to').fill(term);
      await page.locator('main #to').press('Enter');
      await page.waitForURL(/\/find\?search=/);
      assert.match((await page.locator('main').textContent())!, words);
      await look(page, `find-${what}`);
    });

  /** Looks at the page from all sides, keeps pictures of it under the name if they are wanted, and closes it. */
  async function look(page: Page, name: string): Promise<void> {
    const view = async ({ width, height, colorScheme }: (typeof views)[number]) => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
    };
    for (const each of pictures ? views : []) {
      await view(each);
      await page.screenshot({ path: join(pictures!, `${name}-${each.name}.png`), fullPage: true });
    }
    const nameless = await page.evaluate('document.querySelectorAll("iframe:not([title])").length');
    assert.equal(nameless, 0, 'frames without a title');
    await page.evaluate(`document.querySelectorAll('iframe[sandbox]').forEach((frame) => frame.remove())`);
    for (const each of views) {
      await view(each);
      const { violations } = await new AxeBuilder({ page })
        .exclude('iframe')
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
        .analyze();
      assert.deepEqual(
        violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
        [],
        each.name,
      );
    }
    assert.deepEqual(await twins(page), [], 'ids that several elements have');
    await page.setViewportSize({ width: 320, height: 700 });
    const wide = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    assert.equal(wide, 0, 'it scrolls sideways at 320 pixels');
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

/** Gives the tenant something of each kind, and returns the ids that the paths of pages need, by parameter. */
async function fill(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = { service: world.tenant.id };
  for (const each of fills) Object.assign(values, await each(world));
  return values;
}

/** Ids that more than one element has. */
async function twins(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    return ids.filter((id, index) => ids.indexOf(id) !== index);
  })()`);
}
