import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decomposed } from './text.ts';

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
