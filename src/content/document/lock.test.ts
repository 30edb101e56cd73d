import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { linkOf, readLink, testLink } from './link.ts';
import { isSame, lockOf, newKey } from './lock.ts';

test('what a lock seals opens with its key, and nothing else does', () => {
  const id = randomUUID();
  const key = newKey();
  const bytes = Buffer.from('high tide at 14:05');
  const sealed = lockOf(id, key).seal(bytes, 'content');
  assert.ok(!sealed.includes(bytes));
  assert.deepEqual(lockOf(id, key).open(sealed, 'content'), bytes);
  assert.throws(() => lockOf(id, newKey()).open(sealed, 'content'), 'another key');
  assert.throws(() => lockOf(randomUUID(), key).open(sealed, 'content'), 'another document');
  assert.throws(() => lockOf(id, key).open(sealed, 'filename'), 'another part');
  for (const at of [0, 12, 28, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    assert.throws(() => lockOf(id, key).open(changed, 'content'), `byte ${at}`);
  }
  assert.throws(() => lockOf(id, key).open(sealed.subarray(0, 20), 'content'), 'cut short');
});

test('proof and recipient differ with the key, and the stored hashes are no key', () => {
  const id = randomUUID();
  const [key, other] = [newKey(), newKey()];
  assert.ok(isSame(lockOf(id, key).proof(), lockOf(id, key).proof()));
  assert.ok(!isSame(lockOf(id, key).proof(), lockOf(id, other).proof()));
  assert.ok(!isSame(lockOf(id, key).recipientHash('a@b.cd'), lockOf(id, other).recipientHash('a@b.cd')));
  assert.ok(!isSame(lockOf(id, key).recipientHash('a@b.cd'), lockOf(id, key).recipientHash('a@b.ce')));
  assert.ok(!isSame(lockOf(id, key).proof(), key));
  assert.equal(isSame(Buffer.alloc(1), Buffer.alloc(2)), false);
});

test('a link holds id and key, and what is no link is none', () => {
  const link = { id: randomUUID(), key: newKey() };
  const url = linkOf('https://api.example.com/notify', link);
  const [id = '', key = ''] = /^https:\/\/api\.example\.com\/notify\/d\/([\w-]{22})\/([\w-]{43})$/
    .exec(url)!
    .slice(1);
  assert.deepEqual(readLink(id, key), link);
  for (const [a, b] of [
    [id.slice(1), key],
    [id, key.slice(1)],
    [`${id}a`, key],
    [id, `${key.slice(1)}=`],
    [link.id, key],
    ['', ''],
    ['é'.repeat(22), key],
  ] as const)
    assert.equal(readLink(a, b), null);
  assert.equal(testLink('https://h', 'x'), 'https://h/services/x/documents/test-document');
});
