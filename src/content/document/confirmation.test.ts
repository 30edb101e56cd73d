import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCipher } from '../../ground/cipher.ts';
import { confirmationCookie, isConfirmed } from './confirmation.ts';

const cipher = createCipher(['a secret that only the tests use'], 'tests');
const now = Date.UTC(2026, 10, 21);

test('a confirmation is valid for its document for 15 minutes and cannot be forged', () => {
  const [cookie = ''] = confirmationCookie(cipher, 'a', now, false).split(';');
  const check = (header: string | undefined, id = 'a', later = 0) =>
    isConfirmed(cipher, id, now + later, header);
  assert.equal(check(cookie), true);
  assert.equal(check(`x=y; ${cookie}; z`), true);
  assert.equal(check(`document=forged; ${cookie}`), true);
  assert.equal(check(cookie, 'a', 15 * 60_000 - 1), true);
  assert.equal(check(cookie, 'a', 15 * 60_000), false);
  assert.equal(check(cookie, 'b'), false);
  for (const header of [
    undefined,
    '',
    'document',
    'document=',
    `document=${now + 1000}`,
    cookie.slice(0, -2),
    `x${cookie}`,
  ])
    assert.equal(check(header), false, header);
  const another = createCipher(['another secret of the tests'], 'tests');
  assert.equal(isConfirmed(another, 'a', now, cookie), false);
});

test('scripts and other sites cannot read the confirmation cookie', () => {
  assert.match(confirmationCookie(cipher, 'a', now, false), /; Max-Age=900; HttpOnly; SameSite=Strict$/);
  assert.match(confirmationCookie(cipher, 'a', now, true), /; SameSite=Strict; Secure$/);
});
