import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotificationStatus } from '../src/database/tables.ts';
import { faultsOf, judge, type Known } from './verdict.ts';

const known = (id: string, status: NotificationStatus, unknown = 0, row: number | null = null): Known => ({
  id,
  status,
  unknown,
  row,
});
const clean = { final: 2, lost: 0, doubled: 0, twice: 0, unknown: 0, repeated: 0, stray: 0, missing: 0 };

for (const { promise, accepted, sentRows = 0, rows, distinct, times, verdict, faults } of [
  {
    promise: 'a run whose messages are all final and arrived once has no faults',
    accepted: ['a', 'b'],
    rows: [known('a', 'delivered'), known('b', 'temporary-failure')],
    distinct: 2,
    times: [],
    verdict: clean,
    faults: 0,
  },
  {
    promise: 'a message that is not final and one that does not exist are lost',
    accepted: ['a', 'b', 'c', 'd'],
    rows: [known('a', 'sending'), known('b', 'delivered'), known('d', 'created')],
    distinct: 2,
    times: [],
    verdict: { ...clean, final: 1, lost: 3 },
    faults: 1,
  },
  {
    promise:
      'a message that arrived more than once was sent twice, unless enough of its attempts are unknown',
    accepted: ['a', 'b', 'c'],
    rows: [known('a', 'delivered'), known('b', 'delivered', 1), known('c', 'delivered', 1)],
    distinct: 3,
    times: [['a', 2] as const, ['b', 2] as const, ['c', 3] as const],
    verdict: { ...clean, final: 3, twice: 2, unknown: 2, repeated: 1 },
    faults: 1,
  },
  {
    promise: 'a message that was not accepted is a fault',
    accepted: ['a', 'b'],
    rows: [known('a', 'delivered'), known('b', 'delivered'), known('x', 'delivered')],
    distinct: 3,
    times: [],
    verdict: { ...clean, stray: 1 },
    faults: 1,
  },
  {
    promise: 'a delivered message that never reached the provider is a fault; one that was given up is not',
    accepted: ['a', 'b', 'c'],
    rows: [known('a', 'delivered'), known('b', 'delivered'), known('c', 'technical-failure')],
    distinct: 1,
    times: [],
    verdict: { ...clean, final: 3, missing: 1 },
    faults: 1,
  },
  {
    promise: 'every row of a file is one final message that arrived once, beside those sent by themselves',
    accepted: ['a'],
    sentRows: 2,
    rows: [known('a', 'delivered'), known('r', 'delivered', 0, 0), known('s', 'technical-failure', 1, 1)],
    distinct: 3,
    times: [['s', 2] as const],
    verdict: { ...clean, final: 3, unknown: 1, repeated: 1 },
    faults: 0,
  },
  {
    promise: 'a row without a message and one whose message is not final are lost',
    accepted: [],
    sentRows: 3,
    rows: [known('r', 'delivered', 0, 0), known('t', 'sending', 0, 2)],
    distinct: 2,
    times: [],
    verdict: { ...clean, final: 1, lost: 2 },
    faults: 1,
  },
  {
    promise: 'a second message of a row is a fault, even where both are delivered',
    accepted: [],
    sentRows: 2,
    rows: [known('r', 'delivered', 0, 0), known('s', 'delivered', 0, 1), known('t', 'delivered', 0, 1)],
    distinct: 3,
    times: [],
    verdict: { ...clean, doubled: 1, stray: 1 },
    faults: 2,
  },
  {
    promise: 'a message of a row that the file does not have is a fault',
    accepted: [],
    sentRows: 2,
    rows: [known('r', 'delivered', 0, 0), known('s', 'delivered', 0, 1), known('t', 'created', 0, 2)],
    distinct: 2,
    times: [],
    verdict: { ...clean, stray: 1 },
    faults: 1,
  },
  {
    promise: 'a message of a row that arrived twice without an unknown attempt was sent twice',
    accepted: [],
    sentRows: 2,
    rows: [known('r', 'delivered', 0, 0), known('s', 'delivered', 0, 1)],
    distinct: 2,
    times: [['r', 2] as const],
    verdict: { ...clean, twice: 1 },
    faults: 1,
  },
])
  test(`verdict of a run: ${promise}`, () => {
    const found = judge({ ids: new Set(accepted), rows: sentRows }, rows, {
      distinct,
      times: new Map(times),
    });
    assert.deepEqual(found, verdict);
    assert.equal(faultsOf(found).length, faults);
  });
