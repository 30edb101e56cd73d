import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Entry,
  financialYear,
  financialYearOf,
  forecastSentence,
  missingSentence,
  monthsOf,
  parseAmount,
  yearSentence,
} from './costs.ts';

test('a financial year begins on 1 April', () => {
  assert.equal(financialYearOf('2026-03-31'), 2025);
  assert.equal(financialYearOf('2026-04-01'), 2026);
  const { from, to, months } = financialYear(2026);
  assert.deepEqual(
    [from, to, months[0], months[8], months[11]],
    ['2026-04-01', '2027-03-31', '2026-04', '2026-12', '2027-03'],
  );
});

const texts: Entry = {
  notification_type: 'sms',
  ...{ month: '2026-05', messages: 3, fragments: 4, units: 5 },
  ...{ free_units: 2, charged_units: 3, cost_in_pounds: 0.072, full_cost_in_pounds: 0.12 },
};

test('each month up to the present one has its texts and emails, or nothing', () => {
  const emails = { ...texts, notification_type: 'email' as const, messages: 7, cost_in_pounds: 0 };
  const months = monthsOf(2026, '2026-06-30', [texts, emails]);
  assert.deepEqual(
    months.map(({ month, texts, emails, cost }) => [month, texts, emails, cost]),
    [
      ['2026-04', 0, 0, 0],
      ['2026-05', 3, 7, 0.072],
      ['2026-06', 0, 0, 0],
    ],
  );
});

test('the forecast is one sentence, also where it is nothing or not known', () => {
  const months = monthsOf(2026, '2026-05-10', [texts]);
  const of = (units: number, cost: number | null) =>
    forecastSentence(
      { forecast: { month: '2026-05', units, charged_units: units, cost_in_pounds: cost } },
      months,
    );
  assert.equal(
    of(500, 12.5),
    'May 2026 will cost about £12.50: £0.072 so far, and then as many texts a day as in the last 7 days.',
  );
  assert.equal(of(500, 0), 'May 2026 will cost nothing: its texts are within the free allowance.');
  assert.equal(of(0, 0), 'May 2026 will cost nothing: no texts are being sent.');
  assert.match(of(500, null)!, /is not known, because a rate is missing/);
  assert.equal(forecastSentence({ forecast: null }, months), null);
});

test('a year says what it has cost, and what is left of the allowance', () => {
  const total = {
    ...{ emails: 1, texts: 1200, fragments: 1300, units: 1300, free_units: 1000, charged_units: 300 },
    ...{ cost_in_pounds: 7.2, full_cost_in_pounds: 31.2 },
  };
  const of = (free: number, used: number) => [
    { financial_year_start: 2026, free_units: free, used_units: used, left_units: free - used },
  ];
  assert.equal(
    yearSentence({ total, allowances: of(1000, 1000) }, 2026),
    '2026 to 2027 has cost £7.20: 1,200 text messages of 1,300 fragments, and 1 email, which cost nothing. All 1,000 free fragments are used.',
  );
  assert.match(
    yearSentence({ total, allowances: of(5000, 1300) }, 2026),
    /1,300 of 5,000 free fragments are used/,
  );
  assert.match(yearSentence({ total, allowances: of(0, 0) }, 2026), /No texts are free/);
  assert.match(
    yearSentence({ total: { ...total, cost_in_pounds: null }, allowances: [] }, 2026),
    /is not known, because a rate is missing/,
  );
});

test('days without a rate are named', () => {
  assert.equal(missingSentence({ rate_missing: [] }), null);
  assert.match(
    missingSentence({
      rate_missing: [
        { from: '2026-04-01', to: '2026-04-03' },
        { from: '2026-05-02', to: '2026-05-02' },
      ],
    })!,
    /^No rate is set for 1 April 2026 to 3 April 2026, 2 May 2026: /,
  );
});

test('amounts are taken as people type them', () => {
  for (const [text, expected] of [
    ['500', 500],
    ['£1,250.50', 1250.5],
    [' 12.5 ', 12.5],
    ['0.01', 0.01],
    ['0', null],
    ['0.001', null],
    ['-5', null],
    ['ten', null],
    ['1e5', null],
    ['99999999', null],
  ] as const)
    assert.equal(parseAmount(text), expected, text);
});
