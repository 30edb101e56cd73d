import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCipher } from '../../ground/cipher.ts';
import { createIdSource } from '../../ground/id.ts';
import { readUnsubscribeLink, unsubscribeUrl } from './link.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const year = 365 * 86_400_000;
const id = createIdSource({ now: () => now })();
const cipher = createCipher(['first'], 'salt');
const email = { id, normalisedRecipient: 'rowan@example.com' };
const tokenOf = (url: string) => url.split('/').at(-1)!;
const token = tokenOf(unsubscribeUrl('https://despatch.example', cipher, email));

test('a link holds its message and, encrypted, its recipient, and is the same each time', () => {
  const url = unsubscribeUrl('https://despatch.example', cipher, email);
  assert.equal(url, `https://despatch.example/unsubscribe/${id}/${token}`);
  assert.doesNotMatch(Buffer.from(token, 'base64url').toString('latin1'), /rowan|example/);
  assert.deepEqual(readUnsubscribeLink(cipher, id, token, now), { id, recipient: 'rowan@example.com' });
  assert.deepEqual(readUnsubscribeLink(cipher, id.toUpperCase(), token, now)?.id, id);
});

test('a link is valid for a year after its message', () => {
  assert.ok(readUnsubscribeLink(cipher, id, token, now + year - 1));
  assert.equal(readUnsubscribeLink(cipher, id, token, now + year), null);
});

test('a link stays valid while its secret is listed, and not longer', () => {
  assert.ok(readUnsubscribeLink(createCipher(['second', 'first'], 'salt'), id, token, now));
  assert.equal(readUnsubscribeLink(createCipher(['second'], 'salt'), id, token, now), null);
});

test('a token of another message or use, a changed one and nonsense are refused', () => {
  const other = createIdSource({ now: () => now + 1 })();
  const elsewhere = cipher.seal('rowan@example.com', id).toString('base64url');
  const bytes = Buffer.from(token, 'base64url');
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    assert.equal(readUnsubscribeLink(cipher, id, changed.toString('base64url'), now), null, `byte ${at}`);
  }
  assert.equal(readUnsubscribeLink(cipher, other, token, now), null);
  for (const wrong of [elsewhere, '', 'x', '%00', token.slice(0, -2), `${token}AAAA`])
    assert.equal(readUnsubscribeLink(cipher, id, wrong, now), null, wrong);
  assert.equal(readUnsubscribeLink(cipher, 'not-a-uuid', token, now), null);
});
