import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costInPounds, inPounds, rateAt, ratedPeriods, toMicros, type UnitRate } from './rate.ts';

const rates: readonly UnitRate[] = [
  { from: '2016-05-18', micros: 16_500 },
  { from: '2017-04-01', micros: 15_800 },
  { from: '2026-10-25', micros: 24_000 },
];

test('a rate applies from midnight in London on its first day, and there is none before the first', () => {
  const table: [string, number | null][] = [
    ['2016-05-17T22:59:59.999Z', null],
    ['2016-05-17T23:00:00Z', 16_500],
    ['2017-03-31T22:59:59.999Z', 16_500],
    ['2017-03-31T23:00:00Z', 15_800],
    // The clocks go back on this day, after its midnight.
    ['2026-10-24T22:59:59.999Z', 15_800],
    ['2026-10-24T23:00:00Z', 24_000],
    ['2030-01-01T00:00:00Z', 24_000],
  ];
  for (const [time, micros] of table) assert.equal(rateAt(rates, new Date(time)), micros, time);
  assert.equal(rateAt([], new Date()), null);
});

test('a period is divided where the rate changes', () => {
  const periods = (from: string, to: string) =>
    ratedPeriods(rates, { from, to }).map((one) => [one.from, one.to, one.micros]);
  assert.deepEqual(periods('2016-05-01', '2017-04-01'), [
    ['2016-05-01', '2016-05-17', null],
    ['2016-05-18', '2017-03-31', 16_500],
    ['2017-04-01', '2017-04-01', 15_800],
  ]);
  assert.deepEqual(periods('2016-05-18', '2016-05-18'), [['2016-05-18', '2016-05-18', 16_500]]);
  assert.deepEqual(periods('2027-01-02', '2027-01-01'), []);
  assert.deepEqual(
    ratedPeriods([], { from: '2027-01-01', to: '2027-01-02' }).map(({ micros }) => micros),
    [null],
  );
});

test('money is exact', () => {
  const cases: [units: number, micros: number | null, pounds: number | null][] = [
    [3, 24_000, 0.072],
    [7, 15_800, 0.1106],
    [1_000_000_007, 24_000, 24_000_000.168],
    [0, 24_000, 0],
    [1, 1, 0.000001],
    [5, null, null],
  ];
  for (const [units, micros, pounds] of cases) assert.equal(costInPounds(units, micros), pounds);
  for (const pounds of [0, 0.024, 0.0165, 0.000001, 1.1, 999.999999])
    assert.equal(inPounds(toMicros(pounds)!), pounds);
  for (const pounds of [0.0000001, 1 / 3]) assert.equal(toMicros(pounds), null);
});
