import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRounds } from './consume.ts';

/** Rounds that end when the test says so; the poll never starts one within a test. */
function controlledRounds(t: { after(undo: () => unknown): void }) {
  const begun: ((end: boolean | Error) => void)[] = [];
  let onBegin: (() => void) | null = null;
  const failures: unknown[] = [];
  const rounds = startRounds({
    paceMilliseconds: 0,
    pollMilliseconds: 600_000,
    round: () =>
      new Promise((resolve, reject) => {
        begun.push((end) => (end instanceof Error ? reject(end) : resolve(end)));
        onBegin?.();
      }),
    failed: (error) => void failures.push(error),
  });
  const begins = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => begun.length >= count && resolve();
      onBegin = look;
      look();
    });
  t.after(() => {
    for (const end of begun) end(false);
    return rounds.stop();
  });
  return { rounds, begun, begins, failures };
}

test('the next round begins at once if there is more work or a task arrived meanwhile', async (t) => {
  const { rounds, begun, begins } = controlledRounds(t);
  await begins(1);
  begun[0]!(true);
  await begins(2);
  rounds.wake();
  begun[1]!(false);
  await begins(3);
  begun[2]!(false);
  rounds.wake();
  await begins(4);
});

test('a failed round is reported, and a stop ends the wait for the next', async (t) => {
  const { rounds, begun, begins, failures } = controlledRounds(t);
  await begins(1);
  const error = new Error('no database');
  begun[0]!(error);
  await rounds.stop();
  assert.deepEqual(failures, [error]);
  assert.equal(begun.length, 1);
  assert.ok(rounds.stopping);
});

test('a stop waits for the round under way, and none follows', async (t) => {
  const { rounds, begun, begins } = controlledRounds(t);
  await begins(1);
  let isStopped = false;
  const stopping = rounds.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isStopped, false);
  begun[0]!(true);
  await stopping;
  assert.equal(begun.length, 1);
});
