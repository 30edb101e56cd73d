import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CipherError, createCipher } from './cipher.ts';

const cipher = createCipher(['first secret key'], 'salt');

test('any text opens again in its own context, and is unreadable while sealed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, context) => {
      assert.equal(cipher.open(cipher.seal(text, context), context), text);
      assert.equal(cipher.open(new Uint8Array(cipher.seal(text, context)), context), text);
    }),
  );
  assert.ok(!cipher.seal('07700900123', 'row').includes('07700900123'));
});

test('a sealed value copied to another row does not open', () => {
  const sealed = cipher.seal('text', 'row 1');
  for (const context of ['row 2', '', 'row 1 '])
    assert.throws(() => cipher.open(sealed, context), CipherError);
});

test('a sealed value with a changed, missing or extra byte does not open', () => {
  const sealed = cipher.seal('a code: 123456', 'row');
  for (let i = 0; i < sealed.length; i++) {
    for (const mask of [1, 0x80]) {
      const changed = Buffer.from(sealed);
      changed[i]! ^= mask;
      assert.throws(() => cipher.open(changed, 'row'), CipherError, `byte ${i}`);
    }
    assert.throws(() => cipher.open(sealed.subarray(0, i), 'row'), CipherError, `cut to ${i}`);
  }
  assert.throws(() => cipher.open(Buffer.concat([sealed, Buffer.alloc(1)]), 'row'), CipherError);
});

test('the first secret key seals and every key of the list opens, so that keys can be rotated', () => {
  const [older, both, newer] = [['old'], ['new', 'old'], ['new']].map((keys) => createCipher(keys, 'salt'));
  assert.equal(both!.open(older!.seal('text', 'row'), 'row'), 'text');
  assert.equal(newer!.open(both!.seal('text', 'row'), 'row'), 'text');
});

test('the error for a value sealed under a removed key, or another salt, names SECRET_KEY', () => {
  const sealed = cipher.seal('text', 'row');
  for (const other of [createCipher(['another'], 'salt'), createCipher(['first secret key'], 'pepper')])
    assert.throws(() => other.open(sealed, 'row'), { name: 'CipherError', message: /SECRET_KEY/ });
  assert.throws(() => createCipher([], 'salt'), /at least one secret key/);
});

test('the cipher uses no nonce twice', () => {
  const nonces = Array.from({ length: 2000 }, () => cipher.seal('same', 'row').toString('hex', 5, 17));
  assert.equal(new Set(nonces).size, 2000);
});

test('a value that is sealed alike is equal for equal texts in an equal context, and for no others', () => {
  const cipher = createCipher(['secret'], 'salt');
  const seal = (text: string, context: string) => cipher.sealAlike(text, context).toString('hex');
  assert.equal(seal('Rowan', 'row 1'), seal('Rowan', 'row 1'));
  assert.equal(cipher.open(cipher.sealAlike('Rowan', 'row 1'), 'row 1'), 'Rowan');
  const nonces = [
    seal('Rowan', 'row 1'),
    seal('Rowan', 'row 2'),
    seal('Rowa', 'row 1'),
    seal('1Rowan', 'row '),
    createCipher(['other'], 'salt').sealAlike('Rowan', 'row 1').toString('hex'),
  ].map((sealed) => sealed.slice(10, 34));
  assert.equal(new Set(nonces).size, nonces.length);
});
