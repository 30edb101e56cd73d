import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobStatus } from '../../database/tables.ts';
import { type Step, steered } from './job.ts';

type Times = Omit<Parameters<typeof steered>[1], 'status'>;

const at = new Date('2026-11-21T12:00:00.000Z');
const begun = { processingStarted: at, processingFinished: null, finalAt: null };
const made = { ...begun, processingFinished: at };
const fresh = { ...begun, processingStarted: null };
const final = { ...made, finalAt: at };

test('what can be done to a job depends on how far it is', () => {
  const table: [status: JobStatus, times: Times, outcome: Partial<Record<Step, JobStatus>>][] = [
    ['scheduled', fresh, { cancel: 'cancelled', stop: 'cancelled' }],
    ['pending', fresh, { stop: 'cancelled', pause: 'paused' }],
    ['in progress', begun, { stop: 'cancelled', pause: 'paused' }],
    ['finished', made, { stop: 'cancelled', pause: 'paused' }],
    ['finished all notifications created', made, { stop: 'cancelled', pause: 'paused' }],
    ['finished all notifications created', final, {}],
    ['paused', fresh, { stop: 'cancelled', resume: 'pending' }],
    ['paused', begun, { stop: 'cancelled', resume: 'in progress' }],
    ['paused', made, { stop: 'cancelled', resume: 'finished' }],
    ['cancelled', begun, {}],
    ['cancelled', final, {}],
    ['sending limits exceeded', final, {}],
    ['error', fresh, {}],
  ];
  for (const [status, times, outcome] of table)
    for (const step of ['cancel', 'stop', 'pause', 'resume'] as const)
      assert.equal(steered(step, { status, ...times }), outcome[step] ?? null, `${step} ${status}`);
});
