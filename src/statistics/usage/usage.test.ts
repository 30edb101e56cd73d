import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayOf } from '../../ground/clock.ts';
import {
  addCharges,
  charge,
  chargeDays,
  costOf,
  type DayUnits,
  daysWithoutRate,
  forecastMonth,
  fullCostOf,
  monthOf,
  slicesOf,
} from './usage.ts';

const rates = [
  { from: '2025-04-01', micros: 23_300 },
  { from: '2026-04-01', micros: 24_000 },
];

test('the allowance is used up in order, and where it runs out a part is charged', () => {
  const table: [
    free: number,
    units: number[],
    expected: [free: number, charged: number, pounds: number | null][],
  ][] = [
    [0, [3], [[0, 3, 0.072]]],
    [3, [3], [[3, 0, 0]]],
    [
      4,
      [3, 3, 3],
      [
        [3, 0, 0],
        [1, 2, 0.048],
        [0, 3, 0.072],
      ],
    ],
    [
      10,
      [3, 3],
      [
        [3, 0, 0],
        [3, 0, 0],
      ],
    ],
    [5, [], []],
    [
      2,
      [0, 7],
      [
        [0, 0, 0],
        [2, 5, 0.12],
      ],
    ],
    [
      250_000,
      [249_999, 2],
      [
        [249_999, 0, 0],
        [1, 1, 0.024],
      ],
    ],
  ];
  for (const [free, units, expected] of table) {
    const charged = charge(
      units.map((one) => ({ units: one, rate: 24_000 })),
      free,
    );
    assert.deepEqual(
      charged.map((one) => [one.free, one.charged, costOf(one)]),
      expected,
    );
    const total = addCharges(charged);
    assert.equal(
      total.free + total.charged,
      units.reduce((sum, one) => sum + one, 0),
    );
    assert.equal(total.micros, total.charged * 24_000);
  }
});

test('units without a rate have no price, unless they are free', () => {
  const [free, paid] = charge(
    [
      { units: 2, rate: null },
      { units: 3, rate: null },
    ],
    2,
  );
  assert.deepEqual([costOf(free!), fullCostOf(free!)], [0, null]);
  assert.deepEqual([costOf(paid!), fullCostOf(paid!)], [null, null]);
  const more = charge([{ units: 1, rate: 24_000 }], 0);
  assert.equal(costOf(addCharges([paid!, ...more])), null);
});

test('each financial year has an allowance of its own, from 1 April in London', () => {
  const days = ['2026-03-31T22:59:59.999Z', '2026-03-31T23:00:00Z'].map((time) => ({
    day: dayOf(Date.parse(time)),
    units: 10,
  }));
  const allowances = new Map([
    [2025, 4],
    [2026, 9],
  ]);
  const charged = chargeDays(days, rates, allowances);
  assert.deepEqual(
    charged.map(({ day, free, rate, micros }) => [day, free, rate, micros]),
    [
      ['2026-03-31', 4, 23_300, 6 * 23_300],
      ['2026-04-01', 9, 24_000, 24_000],
    ],
  );
});

test('parts of a period cost together what its days cost, whatever they are divided into', () => {
  const days: DayUnits[] = [
    { day: '2026-03-30', units: 7 },
    { day: '2026-03-31', units: 6 },
    { day: '2026-04-01', units: 5 },
    { day: '2026-04-02', units: 9 },
    { day: '2026-04-03', units: 2 },
  ];
  const allowances = new Map([
    [2025, 10],
    [2026, 8],
  ]);
  const charged = chargeDays(days, rates, allowances);
  const slices = slicesOf({ from: '2026-03-31', to: '2026-04-30' }, charged, rates, allowances);
  assert.deepEqual(
    slices.map(({ from, to, rate, left }) => [from, to, rate, left]),
    [
      ['2026-03-31', '2026-03-31', 23_300, 3],
      ['2026-04-01', '2026-04-01', 24_000, 8],
      ['2026-04-02', '2026-04-02', 24_000, 3],
      ['2026-04-03', '2026-04-30', 24_000, 0],
    ],
  );
  for (const split of [
    [1, 0],
    [0.5, 0.5],
    [0, 1],
  ])
    for (const slice of slices) {
      const ofSlice = charged.filter(({ day }) => slice.from <= day && day <= slice.to);
      const units = ofSlice.reduce((sum, one) => sum + one.units, 0);
      const parts = [Math.floor(units * split[0]!), units - Math.floor(units * split[0]!)];
      const byKind = charge(
        parts.map((one) => ({ units: one, rate: slice.rate })),
        slice.left,
      );
      assert.deepEqual(addCharges(byKind), addCharges(ofSlice));
    }
});

test('periods without a rate are named', () => {
  const day = (day: string, units: number) => ({ day, units });
  const days = chargeDays(
    [day('2025-03-29', 1), day('2025-03-30', 2), day('2025-03-31', 2), day('2025-04-01', 2)],
    rates,
    new Map([
      [2024, 1],
      [2025, 0],
    ]),
  );
  assert.deepEqual(daysWithoutRate(days), [{ from: '2025-03-30', to: '2025-03-31' }]);
});

test('a month is foretold by what it has cost and the last 7 whole days', () => {
  const units = (from: number, to: number, units: number, month = '2026-11') =>
    Array.from({ length: to - from + 1 }, (_, index) => ({
      day: `${month}-${String(from + index).padStart(2, '0')}`,
      units,
    }));
  const table: [
    string,
    string,
    DayUnits[],
    free: number,
    expected: [units: number, pounds: number | null],
  ][] = [
    // 10 a day on 1 to 20 November, 3 so far today, 10 on each of the 9 days to come.
    ['a month under way', '2026-11-21', [...units(1, 20, 10), ...units(21, 21, 3)], 0, [293, 7.032]],
    ['its last day', '2026-11-30', units(1, 30, 10), 0, [300, 7.2]],
    ['nothing sent', '2026-11-21', [], 0, [0, 0]],
    ['a month that stays free', '2026-11-21', units(1, 20, 10), 290, [290, 0]],
    ['an allowance that runs out later in it', '2026-11-21', units(1, 20, 10), 280, [290, 0.24]],
    // The week before counts, though it belongs to the last month and year.
    ['its first day', '2026-04-01', units(25, 31, 30, '2026-03'), 0, [870, 20.88]],
    ['February of a leap year', '2028-02-28', [...units(21, 27, 7, '2028-02')], 0, [56, 1.344]],
  ];
  for (const [name, today, days, free, expected] of table) {
    const forecast = forecastMonth(today, days, rates, free);
    assert.deepEqual([forecast.units, costOf(forecast)], expected, name);
  }
  const later = [...rates, { from: '2026-11-29', micros: 30_000 }];
  const dearer = forecastMonth('2026-11-27', units(20, 26, 10), later, 0);
  assert.equal(costOf(dearer), 7 * 0.24 + 1 * 0.24 + 2 * 0.3);
});

test('months end on their last day, also in leap years', () => {
  const ends: [string, string][] = [
    ['2026-02-10', '2026-02-28'],
    ['2028-02-10', '2028-02-29'],
    ['2026-12-31', '2026-12-31'],
    ['2026-04-01', '2026-04-30'],
  ];
  for (const [day, to] of ends) assert.deepEqual(monthOf(day), { from: `${day.slice(0, 7)}-01`, to });
});
