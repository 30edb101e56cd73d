import assert from 'node:assert/strict';
import { after, before, suite, type TestContext, test } from 'node:test';
import { pages } from '../../src/web/pages.ts';
import { type Element, everyElement, parseMarkup, textOf } from '../support/markup.ts';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type Visitor,
  type WebWorld,
} from '../support/web.ts';
import { allOf, formFields, queryFields } from './fields.ts';
import { fillHostile, hostile, hostileEnvironment } from './fill-hostile.ts';

/** What in a document came from text that somebody wrote: what no page of ours has. */
function intruders(document: string, isMail: boolean): readonly string[] {
  let elements: readonly Element[];
  try {
    elements = everyElement(parseMarkup(document));
  } catch (error) {
    return [(error as Error).message];
  }
  const found: string[] = [];
  for (const element of elements) {
    const { name, attributes } = element;
    if (name === 'img') found.push('img');
    if (
      name === 'script' &&
      (textOf(element).includes('ran') || !/^(|\/assets\/.*)$/.test(attributes.get('src') ?? ''))
    )
      found.push('script');
    for (const [key, value] of attributes) {
      // Mails have their styles in attributes: mail programs read no others.
      if (/^on/i.test(key) || (key === 'style' && !isMail)) found.push(`${name} ${key}`);
      const leads = ['href', 'src', 'action', 'formaction', 'data', 'srcdoc'].includes(key);
      if (leads && !/^(\/(?!\/)|#|https?:|mailto:|tel:)/.test(value)) found.push(`${name} ${key}=${value}`);
    }
  }
  if (/INJ49/.test(document)) found.push('something that was worked out');
  return found;
}

suite('text that people, programs and providers write (spec 07, section 14)', () => {
  let world: WebWorld;
  let reader: Visitor;
  let values: Readonly<Record<string, string>>;
  before(async () => {
    world = await createWebWorld(hostileEnvironment);
    reader = await world.person(everyPermission);
    await world.connection.pool.query('update users set platform_admin = true where id = $1', [
      reader.userId,
    ]);
    values = await fillHostile(world);
  });
  after(() => world?.stop());

  /** A page with what there is of its kind for texts, and for emails. */
  const addressesOf = (path: string): readonly string[] => {
    const { textTemplate, mailMessage, mailUpload } = values;
    const others = { template: textTemplate!, message: mailMessage!, upload: mailUpload!, row: '2' };
    const address = (more: Readonly<Record<string, string>>) =>
      path.replace(/:(\w+)/g, (_, name: string) => more[name] ?? values[name] ?? 'unknown');
    return [...new Set([address({}), address(others)])];
  };
  const isDocument = (headers: Headers) => (headers.get('content-type') ?? '').startsWith('text/html');
  /** An email in its frame, where not even the tool of the test runs script. */
  const isMail = (headers: Headers) => headers.get('content-security-policy')!.includes('sandbox');
  /** Whether it stands in the page itself, and not only in the name of the service above. */
  const hasText = (text: string) => text.slice(text.indexOf('<main')).includes('&lt;img');

  test('no element and no attribute of a page comes from it, wherever it was written', async (context: TestContext) => {
    const query = allOf(queryFields, hostile);
    const wrong: string[] = [];
    let shown = 0;
    for (const { path, get } of pages) {
      if (!get) continue;
      for (const address of addressesOf(path).flatMap((one) => [one, `${one}?${query}`])) {
        const { status, text, headers } = await reader.get(address);
        if (status >= 500) wrong.push(`${path}: ${status}`);
        if (!isDocument(headers)) continue;
        if (hasText(text)) shown += 1;
        wrong.push(...intruders(text, isMail(headers)).map((what) => `${path}: ${what}`));
      }
    }
    context.diagnostic(`${shown} pages show it`);
    assert.ok(shown > 40);
    assert.deepEqual([...new Set(wrong)], []);
  });

  test('a browser runs nothing of it, loads nothing for it, reports nothing and does not scroll sideways', {
    skip: skipWithoutChromium,
  }, async () => {
    const browser = await openBrowser();
    try {
      const signedIn = await browser.newContext();
      await signedIn.addCookies(
        [...reader.cookies].map(([name, value]) => ({ name, value, url: world.webUrl })),
      );
      const complaints = complaintsOf(signedIn);
      const page = await signedIn.newPage();
      await page.setViewportSize({ width: 320, height: 700 });
      page.on('dialog', (dialog) => {
        complaints.push(`a dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => {
        const { origin, pathname } = new URL(request.url());
        if (origin !== world.webUrl || pathname.endsWith('/x'))
          complaints.push(`it asked for ${request.url()}`);
      });
      const wrong: string[] = [];
      for (const { path, get } of pages) {
        if (!get) continue;
        for (const address of addressesOf(path)) {
          const { headers } = await reader.get(address);
          if (!isDocument(headers)) continue;
          complaints.length = 0;
          await page.goto(world.webUrl + address, { waitUntil: 'load' });
          if (!isMail(headers)) {
            if (await page.evaluate('window.ran !== undefined')) wrong.push(`${path}: it ran`);
            const beyond = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
            const wide = await page.evaluate(beyond);
            if (wide !== 0) wrong.push(`${path}: it scrolls sideways, by ${wide} pixels`);
          }
          wrong.push(...complaints.map((complaint) => `${path}: ${complaint}`));
        }
      }
      assert.deepEqual(wrong, []);
    } finally {
      await browser.close();
    }
  });

  test('a form that is filled in so is shown again with it as text', async (context: TestContext) => {
    const token = /name="_token" value="([^"]+)"/.exec((await reader.get('/services')).text)![1]!;
    const form = allOf(formFields, hostile, [['_token', token]]);
    const wrong: string[] = [];
    let shown = 0;
    for (const { path, post } of pages) {
      if (!post || path === '/sign-out') continue;
      for (const address of addressesOf(path)) {
        const { status, text, headers } = await reader.post(address, form);
        if (status >= 500) wrong.push(`${path}: ${status}`);
        if (!isDocument(headers)) continue;
        if (hasText(text)) shown += 1;
        wrong.push(...intruders(text, isMail(headers)).map((what) => `${path}: ${what}`));
      }
    }
    context.diagnostic(`${shown} forms show it`);
    assert.ok(shown > 20);
    assert.deepEqual([...new Set(wrong)], []);
  });
});
