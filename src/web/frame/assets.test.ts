import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Asset, loadAssets } from './assets.ts';

const kilobyte = 1024;
const assets = loadAssets({ colour: '#0b5c66', logoFile: null });

const importsOf = ({ plain }: Asset) =>
  [...plain.toString().matchAll(/^import [^;']*'([^']+)';$/gm)].map(([, from]) => from!);

/** The scripts that the head of a page loads, each with what it imports. */
function scripts(path = assets.script): readonly Asset[] {
  const asset = assets.at(path)!;
  return [asset, ...importsOf(asset).flatMap((from) => scripts(from))];
}

suite('what pages load (spec 07, sections 2 and 12)', () => {
  test('is 18 KB of style and 20 KB of scripts at most, and with the page itself five requests', () => {
    const style = assets.at(assets.style.system)!;
    const script = scripts();
    const icon = assets.at(assets.icon)!;
    assert.ok(style.brotli.length <= 18 * kilobyte, `style ${style.brotli.length}`);
    const bytes = script.reduce((sum, { brotli }) => sum + brotli.length, icon.brotli.length);
    assert.ok(bytes <= 20 * kilobyte, `scripts and icon ${bytes}`);
    const requests = [['page'], [style], script, [icon]].flat();
    assert.ok(requests.length <= 5, `${requests.length} requests`);
  });

  test('imports nothing that is not served, and has neither the font nor a picture that only GOV.UK may use', () => {
    for (const asset of [...scripts(), assets.at(assets.style.system)!]) {
      assert.ok(importsOf(asset).every((from) => assets.at(from) !== null));
      const forbidden = /GDS Transport|@font-face|url\(|govuk-crest|govuk-logotype/.exec(
        asset.plain.toString(),
      );
      assert.equal(forbidden?.[0], undefined);
    }
    assert.equal(scripts().length, 2);
  });
});
