import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { announcement, type Job, jobSentence, stageOf } from './job.ts';

const now = Date.UTC(2026, 10, 30, 14, 0, 0);
const job: Job = {
  ...{ id: 'a', original_file_name: 'tides.csv', template: 't', template_name: 'Tide', template_version: 1 },
  ...{ template_type: 'sms', notification_count: 1000, job_status: 'in progress' },
  ...{ created_at: '2026-11-30T13:59:00.000000Z', scheduled_for: null, hold_until: null },
  ...{ processing_started: null, processing_finished: null, final_at: null, paused: false },
  ...{ resent_from: null, contact_list_id: null, created_by: null, statistics: [] },
  ...{ rows_total: 1000, rows_done: 0 },
};
const counts = (given: Record<string, number>) => ({
  statistics: Object.entries(given).map(([status, count]) => ({ status, count })),
  rows_done: Object.values(given).reduce((sum, count) => sum + count, 0),
});
const final = { final_at: '2026-11-30T13:59:59.000000Z', job_status: 'finished' };

suite('how far a file is', () => {
  for (const [more, stage, sentence] of [
    [
      { job_status: 'scheduled', scheduled_for: '2026-12-01T09:00:00.000000Z' },
      'scheduled',
      '1,000 text messages will be sent from 1 December 2026 at 09:00 GMT.',
    ],
    [
      { job_status: 'pending', hold_until: '2026-11-30T14:00:42.000000Z' },
      'held',
      'Nothing has been sent yet. Sending begins at 14:00:42 GMT.',
    ],
    [
      { job_status: 'pending', hold_until: '2026-11-30T13:59:59.000000Z' },
      'waiting',
      'Nothing has been sent yet. Sending is about to begin.',
    ],
    [
      counts({ sending: 400, 'permanent-failure': 1 }),
      'under way',
      '401 of 1,000 text messages have been begun; 1 has failed so far.',
    ],
    [
      { job_status: 'finished', ...counts({ sending: 1, delivered: 990, 'temporary-failure': 9 }) },
      'under way',
      'Of 1,000 text messages, 1 is still on the way. 9 did not arrive.',
    ],
    [{ ...final, ...counts({ delivered: 1000 }) }, 'ended', 'All 1,000 text messages have been delivered.'],
    [
      { ...final, rows_total: 1, template_type: 'email', ...counts({ sent: 1 }) },
      'ended',
      'It has been delivered.',
    ],
    [
      { ...final, ...counts({ delivered: 988, 'permanent-failure': 9, 'validation-failed': 3 }) },
      'ended',
      '12 of 1,000 text messages did not arrive.',
    ],
    [
      { job_status: 'paused', paused: true, ...counts({ delivered: 412 }) },
      'paused',
      'Paused: 412 of 1,000 rows were begun. Nothing more is handed over until it is resumed.',
    ],
    [{ job_status: 'cancelled', ...counts({}) }, 'stopped', 'Stopped: nothing has been sent.'],
    [
      { job_status: 'cancelled', ...counts({ delivered: 412, cancelled: 88 }) },
      'stopped',
      'Stopped: 412 of 1,000 text messages had gone, 588 are not sent.',
    ],
    [
      { job_status: 'sending limits exceeded' },
      'over limit',
      'Nothing was sent: the file has more rows than the service can still send on that day. Send it again tomorrow, or ask for a higher limit.',
    ],
  ] as [Partial<Job>, string, string][])
    test(`${stage}: ${sentence}`, () => {
      const shown = { ...job, ...more };
      assert.deepEqual([stageOf(shown, now), jobSentence(shown, 'Europe/London', now)], [stage, sentence]);
    });

  test('what is said aloud changes with every tenth, not with every message', () => {
    const said = (delivered: number) =>
      announcement({ ...job, ...counts({ delivered, sending: 1000 - delivered }) }, 'Europe/London', now);
    assert.deepEqual(
      [said(0), said(99), said(100), said(199)],
      ['0', '0', '10', '10'].map((per) => `${per}% of the messages have ended`),
    );
  });
});
