import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf } from './cost.ts';

const rates = [{ from: '2026-04-01', micros: 24_000 }];

test('an email is free; a text costs its fragments times multiplier times rate, once its fragments and the rate of its day are known', () => {
  const createdAt = new Date('2026-11-21T12:00:00Z');
  const sms = { type: 'sms', status: 'delivered', billableUnits: 2, rateMultiplier: 3, createdAt } as const;
  const cost = (units: number, multiplier: number) => ({
    is_cost_data_ready: true,
    cost_in_pounds: Number((units * multiplier * 0.024).toFixed(6)),
    cost_details: {
      billable_sms_fragments: units,
      international_rate_multiplier: multiplier,
      sms_rate: 0.024,
    },
  });
  const notReady = { is_cost_data_ready: false, cost_in_pounds: null, cost_details: {} };
  const free = { is_cost_data_ready: true, cost_in_pounds: 0, cost_details: {} };
  assert.deepEqual(costOf(sms, rates), cost(2, 3));
  assert.deepEqual(costOf({ ...sms, rateMultiplier: null }, rates), cost(2, 1));
  assert.deepEqual(costOf({ ...sms, billableUnits: 0 }, rates), cost(0, 3));
  assert.deepEqual(costOf({ ...sms, status: 'created' }, rates), cost(2, 3));
  assert.deepEqual(costOf({ ...sms, status: 'created', billableUnits: 0 }, rates), notReady);
  assert.deepEqual(costOf({ ...sms, createdAt: new Date('2026-03-31T22:59:59Z') }, rates), notReady);
  assert.deepEqual(costOf({ ...sms, type: 'email', status: 'created', billableUnits: 0 }, rates), free);
});
