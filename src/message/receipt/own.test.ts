import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCipher } from '../../ground/cipher.ts';
import { isOwn, sealOwn } from './own.ts';

const cipher = createCipher(['a secret of 24 characters'], 'salt');
const body = 'status=0&reference=a';

test('a simulated receipt is recognised by its seal: for this body and endpoint, under any of our secrets', () => {
  const sealed = sealOwn(cipher, '/endpoint', body);
  assert.ok(isOwn(cipher, '/endpoint', Buffer.from(body), sealed));
  const rotated = createCipher(['another secret of the kind', 'a secret of 24 characters'], 'salt');
  assert.ok(isOwn(rotated, '/endpoint', Buffer.from(body), sealed));
});

test('a seal for another body or endpoint, under another secret, or malformed, is not recognised', () => {
  const sealed = sealOwn(cipher, '/endpoint', body);
  const stranger = createCipher(['a secret of somebody else'], 'salt');
  assert.ok(!isOwn(cipher, '/other', Buffer.from(body), sealed));
  assert.ok(!isOwn(cipher, '/endpoint', Buffer.from(`${body}1`), sealed));
  assert.ok(!isOwn(stranger, '/endpoint', Buffer.from(body), sealed));
  for (const header of [undefined, '', 'x', sealed.slice(1), [sealed], 5])
    assert.ok(!isOwn(cipher, '/endpoint', Buffer.from(body), header));
});
