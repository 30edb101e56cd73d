import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { decomposed, readTextFile, readUtf8 } from './text.ts';

const folder = mkdtempSync(join(tmpdir(), 'despatch-text-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('without its marks, a text decomposes as normalize does it', () => {
  const unit = fc.oneof(
    fc.constantFrom(...'aéﬁ½ệ\u0327\u0301\u1d165\u302e각Å'),
    fc.string({ unit: 'binary' }),
  );
  const withoutMarks = (text: string) => text.replace(/\p{M}/gu, '');
  fc.assert(
    fc.property(fc.array(unit), fc.constantFrom('NFD' as const, 'NFKD' as const), (units, form) => {
      const text = units.join('');
      assert.equal(withoutMarks(decomposed(text, form)), withoutMarks(text.normalize(form)));
    }),
    { numRuns: 300 },
  );
});

test('text in UTF-8 reads back, without the byte order mark that may precede it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(readUtf8(Buffer.from(`\ufeff${text}`)), text);
      if (!text.startsWith('\ufeff')) assert.equal(readUtf8(Buffer.from(text)), text);
    }),
  );
  for (const text of ['', 'a', '\ufeff', 'a\ufeffb'])
    assert.equal(readUtf8(Buffer.from(`\ufeff${text}`)), text);
});

test('bytes that are not UTF-8 are no text, wherever they stand', () => {
  for (const bad of ['e9', '80', 'c0af', 'eda080', 'f4908080', 'c3', 'fffe', 'efbb', 'ff'])
    for (const text of [`${bad}`, `61${bad}`, `${bad}0a`, `efbbbf${bad}`])
      assert.equal(readUtf8(Buffer.from(text, 'hex')), null, text);
});

test('a file is read without its byte order mark, or refused with the place of what is wrong', () => {
  const path = join(folder, 'a.txt');
  const cases: [hex: string, read: string | RegExp][] = [
    ['efbbbf5a6fc3ab', 'Zoë'],
    ['', ''],
    ['efbfbd', '\ufffd'],
    ['4a6f73e9', /byte 4 of line 1 is 0xe9\./],
    ['efbbbf410a0d0a42ff43', /byte 2 of line 3 is 0xff\./],
    ['c3ab0ac3', /byte 1 of line 2 is 0xc3\./],
    ['fffe48006900', /byte 1 of line 1 is 0xff\./],
    ['48006900', /byte 2 of line 1 is 0x00\./],
    ['61efbfbde9', /byte 5 of line 1 is 0xe9\./],
  ];
  for (const [hex, expected] of cases) {
    writeFileSync(path, hex, 'hex');
    if (typeof expected === 'string') assert.equal(readTextFile(path), expected);
    else assert.throws(() => readTextFile(path, 'SETTING'), expected, hex);
  }
  assert.throws(() => readTextFile(path), {
    message: /a\.txt is not text in UTF-8.*Save it with the encoding UTF-8\.$/,
  });
  assert.throws(
    () => readTextFile(folder, '--file'),
    /^ConfigError: --file names .* cannot be read: it is a folder\.$/,
  );
  assert.throws(() => readTextFile(join(folder, 'b')), /cannot be read: there is no such file\.$/);
});

test('no other code turns the bytes of a file into text', () => {
  const root = join(import.meta.dirname, '../..');
  const files = globSync(['src/**/*.ts', 'sandbox/**/*.ts'], { cwd: root }).filter(
    (file) => !/\.test\.ts$|^src\/ground\/text\.ts$|^src\/cli\/start\.ts$/.test(file),
  );
  assert.ok(files.length > 100);
  const other = files.filter((file) =>
    /readFile(?:Sync)?\([^)]*utf-?8|readFile(?:Sync)?\([^)]*\)\.toString/i.test(
      readFileSync(join(root, file), 'utf8'),
    ),
  );
  assert.deepEqual(other, []);
});
