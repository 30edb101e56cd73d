import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf, smsRate } from './cost.ts';

test('an SMS rate applies from midnight in London on its first day', () => {
  const table: [string, number][] = [
    ['2015-01-01T00:00:00Z', 0.0165],
    ['2016-05-18T00:00:00Z', 0.0165],
    ['2017-03-31T22:59:59.999Z', 0.0165],
    ['2017-03-31T23:00:00Z', 0.0158],
    ['2021-03-31T22:59:59Z', 0.0158],
    ['2021-03-31T23:00:00Z', 0.016],
    ['2022-03-31T23:00:00Z', 0.0161],
    ['2022-04-30T22:59:59Z', 0.0161],
    ['2022-04-30T23:00:00Z', 0.0172],
    ['2023-03-31T23:00:00Z', 0.0197],
    ['2024-03-31T22:59:59Z', 0.0197],
    ['2024-03-31T23:00:00Z', 0.0227],
    ['2025-03-31T23:00:00Z', 0.0233],
    ['2026-03-31T22:59:59Z', 0.0233],
    ['2026-03-31T23:00:00Z', 0.024],
    ['2030-01-01T00:00:00Z', 0.024],
  ];
  for (const [time, rate] of table) assert.equal(smsRate(new Date(time)), rate, time);
});

test('an email is free; a text costs its fragments times multiplier times rate, once its fragments are known', () => {
  const createdAt = new Date('2026-11-21T12:00:00Z');
  const sms = { type: 'sms', status: 'delivered', billableUnits: 2, rateMultiplier: 3, createdAt } as const;
  const cost = (units: number, multiplier: number) => ({
    is_cost_data_ready: true,
    cost_in_pounds: units * multiplier * 0.024,
    cost_details: {
      billable_sms_fragments: units,
      international_rate_multiplier: multiplier,
      sms_rate: 0.024,
    },
  });
  const notReady = { is_cost_data_ready: false, cost_in_pounds: null, cost_details: {} };
  const free = { is_cost_data_ready: true, cost_in_pounds: 0, cost_details: {} };
  assert.deepEqual(costOf(sms), cost(2, 3));
  assert.deepEqual(costOf({ ...sms, rateMultiplier: null }), cost(2, 1));
  assert.deepEqual(costOf({ ...sms, billableUnits: 0 }), cost(0, 3));
  assert.deepEqual(costOf({ ...sms, status: 'created' }), cost(2, 3));
  assert.deepEqual(costOf({ ...sms, status: 'created', billableUnits: 0 }), notReady);
  assert.deepEqual(costOf({ ...sms, type: 'email', status: 'created', billableUnits: 0 }), free);
});
