import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayOf, dayStart } from '../../ground/clock.ts';
import {
  daysIn,
  financialYear,
  financialYearOf,
  inMonths,
  isDay,
  mondayOf,
  mondays,
  periodOf,
} from './periods.ts';

test('an instant belongs to the day that it is in London, on both sides of every edge', () => {
  for (const [instant, day] of [
    // The clocks go forward on 29 March 2026 at 01:00, and back on 25 October at 02:00.
    ['2026-03-28T23:59:59.999Z', '2026-03-28'],
    ['2026-03-29T00:00:00.000Z', '2026-03-29'],
    ['2026-03-29T22:59:59.999Z', '2026-03-29'],
    ['2026-03-29T23:00:00.000Z', '2026-03-30'],
    ['2026-03-31T22:59:59.999Z', '2026-03-31'],
    ['2026-03-31T23:00:00.000Z', '2026-04-01'],
    ['2026-10-24T22:59:59.999Z', '2026-10-24'],
    ['2026-10-24T23:00:00.000Z', '2026-10-25'],
    ['2026-10-25T23:59:59.999Z', '2026-10-25'],
    ['2026-10-26T00:00:00.000Z', '2026-10-26'],
    ['2028-02-29T23:59:59.999Z', '2028-02-29'],
    ['2028-03-01T00:00:00.000Z', '2028-03-01'],
  ] as const) {
    assert.equal(dayOf(Date.parse(instant)), day, instant);
    assert.ok(dayStart(day) <= Date.parse(instant), instant);
  }
});

test('a financial year goes from 1 April to 31 March and has twelve months in this order', () => {
  const { from, to, months } = financialYear(2027);
  assert.deepEqual([from, to], ['2027-04-01', '2028-03-31']);
  assert.equal(daysIn({ from, to }), 366);
  assert.equal(months.length, 12);
  assert.deepEqual(
    [months[0], months[8], months[9], months[11]],
    ['2027-04', '2027-12', '2028-01', '2028-03'],
  );
  assert.equal(new Date(dayStart(financialYear(2016).from)).toISOString(), '2016-03-31T23:00:00.000Z');
  for (const [day, year] of [
    ['2026-03-31', 2025],
    ['2026-04-01', 2026],
    ['2026-12-31', 2026],
    ['2027-01-01', 2026],
    ['2028-02-29', 2027],
  ] as const)
    assert.equal(financialYearOf(day), year, day);
});

test('weeks begin on Monday, also across the ends of years and months', () => {
  for (const [day, monday] of [
    ['2026-11-30', '2026-11-30'],
    ['2026-12-06', '2026-11-30'],
    ['2027-01-01', '2026-12-28'],
    ['2028-02-29', '2028-02-28'],
    ['2026-03-29', '2026-03-23'],
  ] as const)
    assert.equal(mondayOf(day), monday, day);
  assert.deepEqual(mondays({ from: '2026-10-25', to: '2026-11-02' }), [
    '2026-10-19',
    '2026-10-26',
    '2026-11-02',
  ]);
});

test('only days that exist are days, and those before any message are read as such', () => {
  for (const text of [
    '2026-02-29',
    '2026-13-01',
    '2026-1-01',
    '01-02-2026',
    '2026-11-30T00:00',
    '',
    '99999-01-01',
  ])
    assert.equal(isDay(text), false, text);
  for (const text of ['2028-02-29', '2026-04-01', '0000-01-01']) assert.equal(isDay(text), true, text);
  assert.deepEqual(periodOf('0000-01-01', '2026-04-01'), { from: '1970-01-01', to: '2026-04-01' });
  assert.equal(daysIn(periodOf('0000-01-01', '0001-01-01')), 0);
  assert.equal(daysIn({ from: '2026-03-28', to: '2026-03-30' }), 3);
});

test('a period is its whole months and the days around them, each day once', () => {
  const table: [period: [string, string], months: [string, string] | null, days: [string, string][]][] = [
    [['2026-04-01', '2027-03-31'], ['2026-04-01', '2027-03-01'], []],
    [['2028-02-01', '2028-02-29'], ['2028-02-01', '2028-02-01'], []],
    [['2028-02-01', '2028-02-28'], null, [['2028-02-01', '2028-02-28']]],
    [['2026-11-30', '2026-11-30'], null, [['2026-11-30', '2026-11-30']]],
    [
      ['2026-01-31', '2026-03-01'],
      ['2026-02-01', '2026-02-01'],
      [
        ['2026-01-31', '2026-01-31'],
        ['2026-03-01', '2026-03-01'],
      ],
    ],
    [['2026-12-31', '2027-01-01'], null, [['2026-12-31', '2027-01-01']]],
    [['2026-12-01', '2027-01-14'], ['2026-12-01', '2026-12-01'], [['2027-01-01', '2027-01-14']]],
    [['1970-01-01', '2026-11-30'], ['1970-01-01', '2026-11-01'], []],
    [['2026-11-02', '2026-11-01'], null, [['2026-11-02', '2026-11-01']]],
  ];
  for (const [[from, to], months, days] of table) {
    const period = (pair: [string, string] | null) => pair && { from: pair[0], to: pair[1] };
    assert.deepEqual(
      inMonths({ from, to }),
      { months: period(months), days: days.map(period) },
      `${from} to ${to}`,
    );
  }
});
