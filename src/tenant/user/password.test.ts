import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hashPassword, isPassword } from './password.ts';

describe('passwords', () => {
  test('a hash tells the right password from every other, also in characters beyond the 72nd byte', async () => {
    const long = 'ä'.repeat(200);
    const hash = await hashPassword(`${long}1`);
    assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.equal(await isPassword(`${long}1`, hash), true);
    assert.equal(await isPassword(`${long}2`, hash), false);
    assert.equal(await isPassword('', hash), false);
  });

  test('equal passwords have different hashes', async () => {
    assert.notEqual(await hashPassword('tide'), await hashPassword('tide'));
  });

  test('nothing is the password of somebody without one, or with a damaged hash', async () => {
    for (const hash of [null, '', '$argon2id$', 'tide', `$2b$10$${'a'.repeat(53)}`])
      assert.equal(await isPassword('tide', hash), false);
  });
});
