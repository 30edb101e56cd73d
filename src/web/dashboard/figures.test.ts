import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type DayFigures, dayPlot, daysUntil, type JobEntry, openJobs, sumsOf, troubles } from './figures.ts';

const day = (
  day: string,
  statuses: Record<string, number>,
  notification_type: 'sms' | 'email' = 'sms',
): DayFigures => ({ day, notification_type, statuses });

const job = (job_status: string, more: Partial<JobEntry> = {}): JobEntry => ({
  ...{ id: job_status, original_file_name: 'tides.csv', job_status, notification_count: 3 },
  ...{ created_at: '2026-03-02T08:00:00Z', scheduled_for: null, final_at: null },
  ...more,
});

const now = Date.parse('2026-03-02T12:00:00Z');
const well = {
  isActive: true,
  limits: { sms: 50, email: 50 },
  used: { sms: 0, email: 0 },
  week: [],
  jobs: [],
  now,
};
const said = (more: Partial<Parameters<typeof troubles>[0]>) =>
  troubles({ ...well, ...more }).map(({ text }) => text);

suite('the dashboard in words', () => {
  test('statuses come to delivered, under way and failed; cancelled ones to nothing', () => {
    assert.deepEqual(
      sumsOf([
        day('2026-03-01', { created: 1, sending: 2, pending: 4, sent: 8, delivered: 16, cancelled: 1000 }),
        day(
          '2026-03-02',
          { 'permanent-failure': 1, 'validation-failed': 1, 'technical-failure': 1 },
          'email',
        ),
      ]),
      { delivered: 24, underWay: 7, failed: 3 },
    );
  });

  test('days without messages are zeros, and the last day is today, not finished', () => {
    assert.deepEqual(daysUntil('2026-03-01', 3), ['2026-02-27', '2026-02-28', '2026-03-01']);
    const { rows, sentence, total } = dayPlot(
      [day('2026-02-28', { delivered: 30 }), day('2026-03-01', { delivered: 5, 'permanent-failure': 5 })],
      '2026-03-01',
      3,
    );
    assert.deepEqual(
      rows.map(({ label, short, values, unfinished }) => [label, short, values, unfinished]),
      [
        ['Friday 27 February 2026', '27 Feb', [0, 0, 0], false],
        ['Saturday 28 February 2026', '28 Feb', [30, 0, 0], false],
        ['Sunday 1 March 2026', 'Today', [5, 0, 5], true],
      ],
    );
    assert.equal(sentence, 'Between 0 and 30 a day before today, 10 today so far; 13% failed.');
    assert.equal(total, 40);
  });

  test('nothing is wrong with a service that has failed nothing', () => {
    assert.deepEqual(said({ week: [day('2026-03-01', { delivered: 3 })] }), []);
  });

  test('what did not arrive is counted and explained', () => {
    assert.deepEqual(
      said({
        week: [
          day('2026-03-01', { delivered: 3988, 'permanent-failure': 9 }),
          day('2026-03-01', { 'permanent-failure': 1, 'temporary-failure': 2 }, 'email'),
        ],
      }),
      [
        '12 of 4,000 messages of the last 7 days did not arrive. 9 phone numbers do not exist; 1 email address does not exist; 2 could not be reached, or nobody confirmed in time.',
      ],
    );
  });

  test('limits are told when they are reached or nearly so, and not when nobody knows', () => {
    assert.deepEqual(said({ used: { sms: 50, email: 45 } }), [
      'Today’s 50 text messages have been sent. More are refused until midnight in London.',
      'Only 5 of today’s 50 emails are left.',
    ]);
    assert.deepEqual(said({ used: { sms: 44, email: 44 } }), []);
    assert.deepEqual(said({ used: null }), []);
  });

  test('what stops everything comes first', () => {
    const all = said({
      isActive: false,
      jobs: [
        job('sending limits exceeded'),
        job('sending limits exceeded', { created_at: '2026-02-20T08:00:00Z' }),
      ],
      week: [day('2026-03-01', { 'technical-failure': 1 })],
    });
    assert.match(all[0]!, /suspended/);
    assert.match(all[1]!, /“tides\.csv” was not sent/);
    assert.match(
      all[2]!,
      /1 of 1 message of the last 7 days did not arrive\. 1 failed for a technical reason\./,
    );
    assert.equal(all.length, 3);
  });

  test('files are open until every message is final', () => {
    const jobs = [
      job('in progress'),
      job('finished', { final_at: '2026-03-02T08:00:00Z' }),
      job('finished'),
      job('cancelled'),
      job('scheduled'),
      job('sending limits exceeded'),
    ];
    assert.deepEqual(
      openJobs(jobs).map(({ job_status: status }) => status),
      ['scheduled', 'in progress', 'finished'],
    );
  });
});
