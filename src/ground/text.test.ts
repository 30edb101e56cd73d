import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decomposed, readUtf8 } from './text.ts';

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
