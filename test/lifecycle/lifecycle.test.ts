import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { NotificationStatus } from '../../src/database/tables.ts';
import type { SendResult } from '../../src/provider/contract.ts';
import {
  type Call,
  createHarness,
  type Harness,
  providers,
  providerTimeoutSeconds,
  type Seen,
  timeoutHours,
  type Worker,
} from './harness.ts';

/** The number of random stories; test/slow/lifecycle.test.ts runs more. */
const numRuns = Number(process.env['LIFECYCLE_RUNS'] ?? 40);

let harness: Harness;
before(async () => {
  harness = await createHarness();
});
after(() => harness.stop());

/** What has happened to the message so far, as seen from outside. */
type Story = {
  id: string;
  prefix: string | null;
  status: NotificationStatus;
  workers: Worker[];
  calls: Call[];
  /** Providers that accepted the message in time for a live worker. */
  accepted: string[];
  receipts: number;
};

/**
 * The allowed transitions (spec 05, section 10), including several at once. `sent` has more for countries that report
 * delivery.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  created: [
    'created',
    'sending',
    'sent',
    'pending',
    'delivered',
    'temporary-failure',
    'permanent-failure',
    'technical-failure',
  ],
  sending: ['sending', 'pending', 'delivered', 'temporary-failure', 'permanent-failure', 'technical-failure'],
  pending: ['pending', 'delivered', 'temporary-failure', 'permanent-failure', 'technical-failure'],
};
const reported = [
  'sent',
  'pending',
  'delivered',
  'temporary-failure',
  'permanent-failure',
  'technical-failure',
];

function mayBecome({ status, prefix }: Story, next: string): boolean {
  if (status === 'sent' && prefix === '33') return reported.includes(next);
  return (allowed[status] ?? [status]).includes(next);
}

const isRunning = (call: Call) => harness.now() - call.startedAt < providerTimeoutSeconds * 1000;

/** Checks what must hold after every step. */
async function check(story: Story): Promise<Seen> {
  const seen = await harness.look(story.id);
  const { status, attempts } = seen;
  assert.ok(mayBecome(story, status), `${story.status} became ${status}`);
  story.status = status;
  const definite = attempts.filter(({ outcome }) => outcome === 'accepted');
  assert.ok(definite.length <= 1, `accepted definitely by ${definite.map(({ provider }) => provider)}`);
  assert.ok(story.accepted.length <= 1, `accepted by ${story.accepted}`);
  if (definite.length > 0)
    assert.notEqual(status, 'created', 'a message that a provider accepted is not sent again');
  const live = story.workers.filter(({ call }) => call !== null && isRunning(call));
  assert.ok(live.length <= 1, 'two workers call a provider at once');
  // The timeline: every call and every receipt is on it.
  assert.deepEqual(
    attempts.map(({ number }) => number),
    attempts.map((_, index) => index + 1),
  );
  const called = attempts.map(({ provider }) => provider).join();
  let place = 0;
  for (const { provider } of story.calls) {
    while (place < attempts.length && attempts[place]!.provider !== provider) place += 1;
    assert.ok(place < attempts.length, `the call of ${provider} is not among the attempts ${called}`);
    place += 1;
  }
  assert.equal(seen.receipts, story.receipts);
  return seen;
}

function note(story: Story, worker: Worker): void {
  if (worker.call) story.calls.push(worker.call);
  else story.workers.splice(story.workers.indexOf(worker), 1);
}

type Step = fc.AsyncCommand<Story, Harness>;
const step = (name: string, may: (story: Story) => boolean, run: (story: Story) => Promise<void>): Step => ({
  check: may,
  run: async (story) => {
    await run(story);
    await check(story);
  },
  toString: () => name,
});

const take = step(
  'a worker looks for the task',
  ({ workers }) => workers.length < 3,
  async (story) => {
    const worker = await harness.take();
    if (!worker) return;
    story.workers.push(worker);
    note(story, worker);
  },
);

const results: Readonly<Record<string, SendResult>> = {
  accepted: { outcome: 'accepted', reference: 'r' },
  failed: { outcome: 'failed', code: '500', detail: 'no' },
  rejected: { outcome: 'rejected', code: '400', detail: 'never' },
  'no recipient': { outcome: 'rejected', code: '550', detail: 'none', recipient: 'permanent' },
  full: { outcome: 'rejected', code: '552', detail: 'full', recipient: 'temporary' },
  unknown: { outcome: 'unknown', code: '504', detail: 'Gateway Time-out' },
};

const answer = (outcome: string, which: number) =>
  step(
    `provider answers ${outcome} to worker ${which}`,
    ({ workers }) => workers.length > 0,
    async (story) => {
      const worker = story.workers[which % story.workers.length]!;
      const { provider } = worker.call!;
      // A client gives up after its time-out, whatever the provider answers later.
      const inTime = isRunning(worker.call!);
      if (inTime && outcome === 'accepted') story.accepted.push(provider);
      await harness.answer(worker, inTime ? results[outcome]! : results['unknown']!);
      note(story, worker);
    },
  );

/** The worker dies in the middle of a call, and its task is released to the next one. */
const crash = (which: number) =>
  step(
    `worker ${which} is killed`,
    ({ workers }) => workers.length > 0,
    async (story) => {
      const [worker] = story.workers.splice(which % story.workers.length, 1);
      await harness.release(worker!);
    },
  );

/** The worker is alive but so slow that another gets its task. */
const stall = (which: number) =>
  step(
    `worker ${which} stalls`,
    ({ workers }) => workers.length > 0,
    (story) => harness.release(story.workers[which % story.workers.length]!),
  );

const receive = (status: NotificationStatus, provider: string, times: number) =>
  step(
    `${times} x receipt ${status} of ${provider}`,
    () => true,
    async (story) => {
      story.receipts += times;
      const { attempts } = await harness.look(story.id);
      const isAsked = attempts.some((attempt) => attempt.provider === provider);
      const receipts = Array.from({ length: times }, () => harness.receive(story.id, provider, status));
      for (const { outcome } of await Promise.all(receipts))
        assert.equal(outcome !== 'not asked', isAsked, `a receipt of ${provider} was ${outcome}`);
    },
  );

const pass = (seconds: number) =>
  step(
    `${seconds} s pass`,
    () => true,
    () => harness.advance(seconds),
  );

/** The nightly time-out, in the night in which the message is due for it or an earlier one. */
const night = (hours: number) =>
  step(
    `${hours} hours pass, and the time-out runs`,
    () => true,
    async () => {
      await harness.advance(hours * 3600);
      await harness.timeOut();
    },
  );

const which = fc.nat(2);
const steps = [
  fc.constant(take),
  fc.constant(take),
  fc.tuple(fc.constantFrom(...Object.keys(results)), which).map(([outcome, n]) => answer(outcome, n)),
  fc.tuple(fc.constantFrom(...Object.keys(results)), which).map(([outcome, n]) => answer(outcome, n)),
  which.map(crash),
  which.map(stall),
  fc
    .tuple(
      fc.constantFrom<NotificationStatus>(
        'pending',
        'delivered',
        'temporary-failure',
        'permanent-failure',
        'technical-failure',
      ),
      fc.constantFrom(...providers),
      fc.integer({ min: 1, max: 3 }),
    )
    .map(([status, provider, times]) => receive(status, provider, times)),
  fc.constantFrom(1, 6, 11, 16, 300).map(pass),
  fc.constantFrom(16, 300).map(pass),
  fc.constantFrom(20, timeoutHours).map(night),
];

/** Whatever has happened, the message reaches a final status once workers live and providers work. */
async function finish(story: Story): Promise<void> {
  while (story.workers.length > 0) await answer('accepted', 0).run(story, harness);
  for (let round = 0; round < 20; round++) {
    const { tasks } = await check(story);
    if (tasks === 0) break;
    await harness.advance(301);
    await take.run(story, harness);
    while (story.workers.length > 0) await answer('accepted', 0).run(story, harness);
  }
  const { status, tasks, attempts } = await check(story);
  assert.equal(tasks, 0, 'its task is finished');
  assert.notEqual(status, 'created', `attempts: ${attempts.map(({ outcome }) => outcome)}`);
  for (const { outcome } of attempts) assert.notEqual(outcome, null, 'no attempt is left open');
}

test('a message makes only allowed transitions and is sent once, whatever the order of attempts, crashes and receipts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands(steps, { maxCommands: 24, size: '+1' }),
      fc.constantFrom(null, '33', '1'),
      async (commands, prefix) => {
        const id = await harness.newMessage(prefix);
        const story: Story = {
          id,
          prefix,
          status: 'created',
          workers: [],
          calls: [],
          accepted: [],
          receipts: 0,
        };
        await fc.asyncModelRun(() => ({ model: story, real: harness }), commands);
        await finish(story);
        assert.deepEqual(await harness.drift(), [], 'the figures are what the history says');
      },
    ),
    { numRuns, endOnFailure: true },
  );
});

test('a message whose worker died in a call waits its retry delay, so that a receipt can settle it', async () => {
  const lapsed = await harness.counted('despatch_attempts_lapsed_total');
  const id = await harness.newMessage(null);
  const worker = await harness.take();
  assert.ok(worker?.call);
  await harness.release(worker);
  await harness.advance(16);
  const second = await harness.take();
  assert.equal(second?.call, null);
  assert.deepEqual((await harness.look(id)).attempts, [{ number: 1, provider: 'one', outcome: 'unknown' }]);
  assert.equal(await harness.counted('despatch_attempts_lapsed_total'), lapsed + 1);
  await harness.advance(60);
  assert.equal(await harness.take(), null, 'the task is not due yet');
  await harness.receive(id, 'one', 'delivered');
  await harness.advance(241);
  assert.equal((await harness.take())?.call, null);
  const { status, attempts, tasks } = await harness.look(id);
  assert.deepEqual([status, attempts.length, tasks], ['delivered', 1, 0]);
});

test('a message whose claims all grow too old before the call uses up its tries, and ends as a technical failure', async () => {
  const id = await harness.newMessage(null);
  const stalled = await harness.counted('despatch_attempts_stalled_total');
  harness.stall(6000);
  for (let round = 0; round < 8; round++) {
    await harness.take();
    await harness.advance(301);
  }
  harness.stall(0);
  const { status, tasks, attempts } = await harness.look(id);
  assert.deepEqual({ status, tasks }, { status: 'technical-failure', tasks: 0 });
  assert.equal(await harness.counted('despatch_attempts_stalled_total'), stalled + 5);
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    Array(5).fill('failed'),
  );
});
