import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Figures, openSandbox } from '../test/support/sandbox.ts';
import { Counts, References } from './counts.ts';

test('every message that the sandbox accepts is counted, by reference too', async (t) => {
  const { sms, email, get, call } = await openSandbox(t);
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  for (const reference of [one, two, one, one, 'other', 'other']) await sms({ reference });
  await email({ reference: two });
  const { receipts, ...figures } = await get<Figures>('/counts');
  assert.deepEqual(figures, {
    received: 7,
    sms: 6,
    email: 1,
    distinct_references: 3,
    duplicate_references: 3,
    duplicates: [
      { reference: one, times: 3 },
      { reference: 'other', times: 2 },
      { reference: two, times: 2 },
    ],
    uncounted: 0,
    requests: { malformed: 0, refused: 0, failed: 0, outage: 0, answered: 7, unanswered: 0, reset: 0 },
  });
  assert.equal(receipts.sent + receipts.pending, 7);
  assert.equal((await call('DELETE', '/counts')).status, 204);
  const cleared = await get<Figures>('/counts');
  assert.deepEqual([cleared.received, cleared.distinct_references, cleared.duplicates], [0, 0, []]);
});

test('the sandbox lists at most 10,000 duplicates and counts all of them', () => {
  const counts = new Counts(20_000);
  for (let round = 0; round < 3; round += 1) {
    for (let number = 0; number < 10_500; number += 1) counts.accept('sms', `ref-${number}`, 'answered');
  }
  const { duplicates, duplicate_references, received, distinct_references } = counts.present();
  assert.deepEqual([received, distinct_references, duplicate_references], [31_500, 10_500, 10_500]);
  assert.equal(duplicates.length, 10_000);
  assert.ok(duplicates.every(({ times }) => times === 3));
});

test('references beyond the limit are not counted; known ones still are', () => {
  const references = new References(2);
  const ids = [crypto.randomUUID(), 'text', crypto.randomUUID(), 'other'];
  assert.deepEqual(
    ids.map((id) => references.add(id)),
    [1, 1, 0, 0],
  );
  assert.deepEqual(
    ids.map((id) => references.add(id)),
    [2, 2, 0, 0],
  );
  assert.equal(references.size, 2);
});

test('references are counted as a Map would', () => {
  const reference = fc.oneof(
    fc.uuid(),
    fc.constantFrom(
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(reference, { maxLength: 200 }), (list) => {
      const references = new References(1_000);
      const map = new Map<string, number>();
      for (const item of list) {
        map.set(item, (map.get(item) ?? 0) + 1);
        assert.equal(references.add(item), map.get(item));
      }
      assert.equal(references.size, map.size);
    }),
  );
});

test('a million references take less than 100 MB and are counted exactly', () => {
  const references = new References(2_000_000);
  const id = (number: number) =>
    `0190a3c2-${(number & 0xffff).toString(16).padStart(4, '0')}-7000-8000-${number.toString(16).padStart(12, '0')}`;
  const before = process.memoryUsage().arrayBuffers;
  for (let number = 0; number < 1_000_000; number += 1) references.add(id(number));
  assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000);
  assert.equal(references.size, 1_000_000);
  for (let number = 0; number < 1_000_000; number += 997) assert.equal(references.add(id(number)), 2);
});
