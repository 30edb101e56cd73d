import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { themes } from '../../src/web/frame/page.ts';
import { pages } from '../../src/web/pages.ts';
import { everyElement, parseMarkup } from '../support/markup.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';

const govuk = dirname(
  createRequire(import.meta.url).resolve('govuk-frontend/dist/govuk/govuk-frontend.min.js'),
);
const packaged = readdirSync(join(govuk, 'assets'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.\w+$/.test(file),
);
/** How the crest and the crown are drawn, as far as it is told in text. */
const drawings = [
  ...packaged.filter((file) => file.endsWith('.svg')).map((file) => join(govuk, 'assets', file)),
  ...['header', 'footer'].map((name) => join(govuk, 'components', name, 'fixtures.json')),
].flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/ d=\\?"([^"\\]{60,})/g)].map(([, path]) => path!.slice(0, 60)),
);

/** What only GOV.UK may show (spec 07, section 2). */
const reserved = /GDS[ -]?Transport|light-94a07e06a1|bold-b542beb274|crest(?!on)|crown|govuk-icon|opengraph/i;

suite('everything that is served (spec 07, sections 2 and 14)', () => {
  let world: WebWorld;
  let reader: Visitor;
  /** By path: what came. */
  const served = new Map<string, string>();
  before(async () => {
    world = await createWebWorld();
    reader = await world.person(everyPermission);
    await world.connection.pool.query('update users set platform_admin = true where id = $1', [
      reader.userId,
    ]);
    const values: Record<string, string> = {
      ...{ service: world.tenant.id, serviceId: world.tenant.id, user: reader.userId!, topic: 'statuses' },
      ...{ template: world.tenant.templates.email, type: 'delivery_status' },
    };
    for (const { path, get } of pages) {
      const address = path.replace(/:(\w+)/g, (whole, name: string) => values[name] ?? whole);
      if (!get || address.includes(':')) continue;
      const { status, text, headers } = await reader.get(address);
      // An email in its frame is a document of its own, which may load nothing.
      const isMail = headers.get('content-security-policy')!.includes('sandbox');
      const isPage = headers.get('content-type')?.startsWith('text/html') && !isMail;
      if (status === 200 && isPage) served.set(address, text);
    }
    for (const theme of themes) {
      await reader.submit('/account/look', { theme, zone: 'Europe/London' });
      served.set(`/account in ${theme}`, (await reader.get('/account')).text);
    }
    // A file may name further ones.
    for (const [, text] of served)
      for (const [path] of text.matchAll(/\/assets\/[\w.-]+/g))
        if (!served.has(path)) served.set(path, (await reader.get(path)).text);
  });
  after(() => world?.stop());

  test('nothing has the font, the crest or the crown, and no page says GOV.UK', (context: TestContext) => {
    const files = [...served.keys()].filter((path) => path.startsWith('/assets/'));
    const count = (extension: string) => files.filter((path) => path.endsWith(extension)).length;
    context.diagnostic(`${served.size - files.length} pages, ${files.length} files`);
    assert.ok(served.size - files.length > 60, 'there are pages');
    assert.deepEqual([count('.css'), count('.js'), count('.svg')], [3, 2, 1]);
    assert.ok(drawings.length > 4, 'the package draws them');
    for (const [path, text] of served) {
      assert.equal(reserved.exec(text)?.[0], undefined, path);
      if (!path.startsWith('/assets/')) assert.doesNotMatch(text, /GOV\.UK|logotype/i, path);
      for (const drawing of drawings) assert.ok(!text.includes(drawing), `${path} has ${drawing}`);
    }
  });

  test('no file of the package has an address', async () => {
    assert.ok(packaged.length > 8);
    for (const file of packaged)
      for (const path of [`/assets/${file}`, `/${file}`, `/${file.split('/').at(-1)}`])
        assert.equal((await reader.get(path)).status, 404, path);
  });

  test('no page and no file has the browser ask another host, or for what there is not', async () => {
    for (const [path, text] of served) {
      if (path.startsWith('/assets/')) {
        assert.doesNotMatch(text, /url\(|@import\b|sourceMappingURL|importScripts|eval\(/, path);
        for (const [, from] of text.matchAll(/\b(?:import|from) ?['"]([^'"]+)['"]/g))
          assert.ok(from!.startsWith('/assets/'), `${path} imports ${from}`);
        continue;
      }
      for (const { name, attributes } of everyElement(parseMarkup(text))) {
        const loaded = ['src', 'srcset', 'data', 'poster', 'action', 'formaction', 'background'];
        if (name === 'link') loaded.push('href');
        for (const attribute of loaded) {
          const to = attributes.get(attribute);
          if (to !== undefined) assert.match(to, /^\/(?!\/)/, `${path}: ${name} ${attribute}`);
        }
        assert.ok(!attributes.has('style'), `${path}: a style attribute of ${name}`);
        assert.ok(![...attributes.keys()].some((key) => /^on/i.test(key)), `${path}: ${name} has a handler`);
      }
    }
  });
});
