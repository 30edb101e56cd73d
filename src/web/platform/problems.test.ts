import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ProcessFacts, Provider, QueueFacts, Task } from './facts.ts';
import { type Now, problemsOf } from './problems.ts';

const now = Date.parse('2026-11-30T10:30:00Z');
const reader = { zone: 'Europe/London', now };

const provider = (more: Partial<Provider>): Provider => ({
  ...{ id: 'p1', display_name: 'MMG', identifier: 'mmg', priority: 10, notification_type: 'sms' },
  ...{ active: true, version: 1, updated_at: null, created_by: null, supports_international: true },
  ...{ reason: null, rate_limit: null, circuit: 'closed', circuit_until: null, ...more },
});
const firetext = provider({ id: 'p2', display_name: 'Firetext', identifier: 'firetext' });
const queue = (more: Partial<QueueFacts>): QueueFacts => ({
  ...{ name: 'send-sms', waiting: 0, delayed: 0, active: 0, oldest_due_seconds: 0, parked: 0 },
  ...{ served_by: ['one'], ...more },
});
const process = (more: Partial<ProcessFacts>): ProcessFacts => ({
  ...{ id: 'one', roles: ['api', 'worker', 'scheduler'], queues: [], host: 'quay', pid: 7, version: '0.1.0' },
  ...{ git_commit: '', clock_skew_seconds: 0.01, started_at: '', last_seen_at: '', ...more },
});
const task = (more: Partial<Task>): Task => ({
  ...{ name: 'fold-figures', schedule: { every_seconds: 2 }, last_began_at: null, last_succeeded_at: null },
  ...{ last_seconds: null, last_count: null, last_failed_at: null, last_failure: null },
  ...{ next_due_at: '2026-11-30T10:30:01.000000Z', asked_at: null, ...more },
});
const none = { accepted: 0, created: 0, sending: 0, callback: 0, counted_back_to: null };
const well: Now = {
  ...{ providers: [provider({}), firetext], queues: [queue({})], processes: [process({})], stuck: none },
  ...{ tasks: [task({})], sandboxTypes: ['email'] },
};
const open = provider({
  ...{ circuit: 'open', circuit_until: '2026-11-30T10:31:00.000000Z' },
  ...{ updated_at: '2026-11-30T10:02:00.000000Z' },
  reason: 'Circuit opened: 41 of 50 calls failed within 30 seconds',
});

test('nothing is said of what is well, or of what cannot be had', () => {
  assert.deepEqual(problemsOf(well, reader), []);
  const unknown = { providers: null, queues: null, processes: null, stuck: null, tasks: null };
  assert.deepEqual(problemsOf({ ...unknown, sandboxTypes: [] }, reader), []);
  assert.deepEqual(
    problemsOf({ ...unknown, queues: [queue({ served_by: [] })], sandboxTypes: [] }, reader),
    [],
    'whether a queue is served is not known without the processes',
  );
});

const cases: readonly (readonly [Partial<Now>, readonly string[]])[] = [
  [
    { providers: [open, firetext] },
    [
      'MMG has been left alone since 10:02 GMT: 41 of 50 calls failed within 30 seconds. Firetext has its messages.',
    ],
  ],
  [
    { providers: [{ ...open, circuit: 'half-open' }, firetext] },
    [
      'MMG is being tried again, with one message at a time. It had been left alone since 10:02 GMT: 41 of 50 calls failed within 30 seconds. Firetext has its messages.',
    ],
  ],
  [
    { providers: [open] },
    [
      'No text messages can be sent at the moment: every provider that is switched on has failed too often, or was stopped. They wait and are tried again.',
      'MMG has been left alone since 10:02 GMT: 41 of 50 calls failed within 30 seconds.',
    ],
  ],
  [
    { providers: [provider({ active: false })] },
    [
      'No text messages can be sent at the moment: every provider of them is switched off. They wait and are tried again.',
    ],
  ],
  [{ sandboxTypes: [] }, ['No emails can be sent: no provider for them is set up.']],
  [
    { queues: [queue({ waiting: 12, oldest_due_seconds: 300, served_by: [] })] },
    [
      'No process serves the queue send-sms (text messages to hand over): 12 tasks wait, the oldest for 5 minutes.',
      'No process serves the queue send-sms: what comes into it will wait.',
    ],
  ],
  [
    { queues: [queue({ waiting: 1, oldest_due_seconds: 61 })] },
    ['The queue send-sms (text messages to hand over) is behind: 1 task waits, the oldest for 61 seconds.'],
  ],
  [
    { queues: [queue({ parked: 1 })] },
    [
      '1 task of the queue send-sms (text messages to hand over) is parked: it failed for good, and waits for somebody to release or drop it.',
    ],
  ],
  [
    { processes: [process({ roles: ['api'] })] },
    [
      'No process with the role worker is alive: nothing is sent.',
      'No process with the role scheduler is alive: scheduled files do not begin, and nothing is tidied up.',
    ],
  ],
  [
    { processes: [process({ clock_skew_seconds: -90 })] },
    ['The clock of quay (process 7) is 90 seconds behind the database’s.'],
  ],
  [
    { stuck: { ...none, created: 1, callback: 1200 } },
    [
      '1 message that was due has not been sent for more than 5 minutes.',
      '1,200 callbacks have not been taken by their services for more than 5 minutes.',
    ],
  ],
  [
    {
      tasks: [
        task({
          ...{
            last_succeeded_at: '2026-11-30T09:00:00.000000Z',
            last_failed_at: '2026-11-30T10:00:00.000000Z',
          },
          last_failure: 'database error 57014',
        }),
        task({
          ...{ name: 'measure-tables', last_failed_at: '2026-11-30T08:00:00.000000Z' },
          ...{ last_succeeded_at: '2026-11-30T09:00:00.000000Z', next_due_at: '2026-11-30T09:30:00.000000Z' },
        }),
      ],
    },
    [
      'The periodic task fold-figures failed at 10:00 GMT (database error 57014). It is tried again.',
      'The periodic task measure-tables has been due for 1 hour.',
    ],
  ],
];
for (const [more, expected] of cases)
  test(`it is said: ${expected[0]}`, () => {
    const said = problemsOf({ ...well, ...more }, reader);
    assert.deepEqual(
      said.map(({ text }) => text),
      expected,
    );
  });

test('the worst comes first', () => {
  const said = problemsOf(
    {
      ...well,
      providers: [open, firetext],
      processes: [process({ roles: ['scheduler'] })],
      stuck: { ...none, sending: 2 },
    },
    reader,
  );
  assert.deepEqual(
    said.map(({ weight }) => weight),
    [1, 2, 3],
  );
});

test('each names a part of docs/operations.md that is there', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');
  const everything = cases.flatMap(([more]) => problemsOf({ ...well, ...more }, reader));
  const parts = [...new Set(everything.map((one) => one.guide))];
  assert.ok(parts.length > 5);
  for (const part of parts)
    assert.ok(
      guide.includes(`# ${part}\n`) || guide.includes(`**${part}.**`),
      `docs/operations.md has no part “${part}”`,
    );
});
