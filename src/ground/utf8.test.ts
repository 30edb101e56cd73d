import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readUtf8 } from './utf8.ts';

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
