import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCutoffs, retentionCutoff } from './retention.ts';

test('retention keeps today and the given number of whole days before it, in London time', () => {
  const table: [string, number, string][] = [
    // The specification's examples.
    ['2026-03-20T00:00:00.000Z', 7, '2026-03-13T00:00:00.000Z'],
    ['2026-03-20T23:59:59.999Z', 7, '2026-03-13T00:00:00.000Z'],
    ['2026-07-09T12:00:00.000Z', 4, '2026-07-04T23:00:00.000Z'],
    // In summer the day begins at 23:00 UTC.
    ['2026-07-09T22:59:59.999Z', 7, '2026-07-01T23:00:00.000Z'],
    ['2026-07-09T23:00:00.000Z', 7, '2026-07-02T23:00:00.000Z'],
    // Across the clock changes in March and October.
    ['2026-04-01T01:40:00.000Z', 7, '2026-03-25T00:00:00.000Z'],
    ['2026-04-01T01:40:00.000Z', 3, '2026-03-29T00:00:00.000Z'],
    ['2026-04-02T01:40:00.000Z', 3, '2026-03-29T23:00:00.000Z'],
    ['2026-10-28T01:40:00.000Z', 3, '2026-10-24T23:00:00.000Z'],
    ['2026-10-28T01:40:00.000Z', 7, '2026-10-20T23:00:00.000Z'],
    ['2026-10-29T01:40:00.000Z', 3, '2026-10-26T00:00:00.000Z'],
    ['2026-03-01T01:40:00.000Z', 90, '2025-12-01T00:00:00.000Z'],
  ];
  for (const [now, days, before] of table)
    assert.deepEqual(retentionCutoff(Date.parse(now), days), { days, before: new Date(before) }, now);
});

test('every number of days that a service may set has a cutoff', () => {
  const now = Date.parse('2026-07-09T12:00:00Z');
  const cutoffs = allCutoffs(now);
  assert.deepEqual([cutoffs.length, cutoffs[0]?.days, cutoffs.at(-1)?.days], [88, 3, 90]);
  for (const cutoff of cutoffs) assert.deepEqual(cutoff, retentionCutoff(now, cutoff.days));
});
