import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AdminCall } from '../src/cli/admin-call.ts';
import { readAction } from '../src/cli/noun.ts';
import { noun } from '../src/cli/statistics.ts';
import { storeMessages } from './support/messages.ts';
import { createWorld, type World } from './support/world.ts';

const call: AdminCall = () => Promise.reject(new Error('the admin API is not called'));

describe('despatch statistics', () => {
  let world: World;
  before(async () => {
    world = await createWorld({ roles: [] });
  });
  after(() => world.stop());
  const run = (...args: string[]) =>
    readAction(noun, args).run(call, {
      ...{ db: world.connection.db, clock: world.clock },
      runTask: () => Promise.reject(new Error('no task is run')),
    });

  test('check finds what rebuild puts right, and a wrong day is a sentence', async () => {
    const day = '2026-11-20';
    await storeMessages(world, world.tenant, [
      { status: 'delivered', createdAt: Date.parse(`${day}T12:00:00Z`) },
    ]);
    const range = ['--from', day, '--to', day];
    const found = (await run('check', ...range)).data as { day: string; differences: number }[];
    assert.equal(process.exitCode, 1);
    process.exitCode = 0;
    assert.deepEqual(
      found.map((one) => [one.day, one.differences]),
      [[day, 2]],
    );
    assert.deepEqual((await run('rebuild', ...range)).data, { days: 1 });
    assert.deepEqual(await run('check', ...range), { data: [], text: 'Nothing differs.' });
    assert.deepEqual((await run('check', '--to', day)).data, []);
    await assert.rejects(run('check', '--from', 'May'), /--from must be a day, such as /);
    await assert.rejects(
      run('rebuild', '--from', day, '--to', '2026-01-01'),
      /--from must not be after --to/,
    );
  });
});
