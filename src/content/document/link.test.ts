import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { documentCipher, documentUrl, equalHashes, newKey, parseLink, testDocumentUrl } from './link.ts';

test('what is sealed under the key of a document opens with that key and nothing else', () => {
  const id = randomUUID();
  const key = newKey();
  const bytes = Buffer.from('high tide at 14:05');
  const sealed = documentCipher({ id, key }).seal(bytes, 'content');
  assert.ok(!sealed.includes(bytes));
  assert.deepEqual(documentCipher({ id, key }).open(sealed, 'content'), bytes);
  assert.throws(() => documentCipher({ id, key: newKey() }).open(sealed, 'content'), 'another key');
  assert.throws(() => documentCipher({ id: randomUUID(), key }).open(sealed, 'content'), 'another document');
  assert.throws(() => documentCipher({ id, key }).open(sealed, 'filename'), 'another part');
  for (const at of [0, 12, 28, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    assert.throws(() => documentCipher({ id, key }).open(changed, 'content'), `byte ${at}`);
  }
  assert.throws(() => documentCipher({ id, key }).open(sealed.subarray(0, 20), 'content'), 'cut short');
});

test('proof and recipient hash differ with the key, and the stored hashes do not reveal it', () => {
  const id = randomUUID();
  const [key, other] = [newKey(), newKey()];
  assert.ok(equalHashes(documentCipher({ id, key }).proof(), documentCipher({ id, key }).proof()));
  assert.ok(!equalHashes(documentCipher({ id, key }).proof(), documentCipher({ id, key: other }).proof()));
  assert.ok(
    !equalHashes(
      documentCipher({ id, key }).recipientHash('a@b.cd'),
      documentCipher({ id, key: other }).recipientHash('a@b.cd'),
    ),
  );
  assert.ok(
    !equalHashes(
      documentCipher({ id, key }).recipientHash('a@b.cd'),
      documentCipher({ id, key }).recipientHash('a@b.ce'),
    ),
  );
  assert.ok(!equalHashes(documentCipher({ id, key }).proof(), key));
  assert.equal(equalHashes(Buffer.alloc(1), Buffer.alloc(2)), false);
});

test('a link carries id and key, and a malformed one is rejected', () => {
  const link = { id: randomUUID(), key: newKey() };
  const url = documentUrl('https://api.example.com/notify', link);
  const [id = '', key = ''] = /^https:\/\/api\.example\.com\/notify\/d\/([\w-]{22})\/([\w-]{43})$/
    .exec(url)!
    .slice(1);
  assert.deepEqual(parseLink(id, key), link);
  for (const [a, b] of [
    [id.slice(1), key],
    [id, key.slice(1)],
    [`${id}a`, key],
    [id, `${key.slice(1)}=`],
    [link.id, key],
    ['', ''],
    ['é'.repeat(22), key],
  ] as const)
    assert.equal(parseLink(a, b), null);
  assert.equal(testDocumentUrl('https://h', 'x'), 'https://h/services/x/documents/test-document');
});
