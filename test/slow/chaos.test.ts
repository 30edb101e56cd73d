import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runScript } from '../support/script.ts';

const chaos = (t: TestContext, ...args: string[]) => runScript(t, 'bench/chaos.ts', ...args);

test('a small chaos run of messages and a file loses nothing, makes no row twice, sends nothing twice and counts everything right', async (t) => {
  const { code, output, complaints } = await chaos(t, '--json', '--messages', '600', '--rows', '1500');
  assert.equal(code, 0, complaints);
  const { kills, unknown, seconds, ...figures } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  assert.deepEqual(figures, {
    ...{ messages: 600, rows: 1500, final: 2100 },
    ...{ lost: 0, doubled: 0, twice: 0, resumed: 0, drift: 0 },
  });
  assert.ok(kills >= 2 && unknown >= 0 && seconds > 0);
});

test('deploys with a slow provider lose nothing, send nothing twice and leave no attempt unknown', async (t) => {
  const { code, output, complaints } = await chaos(
    t,
    ...['--deploy', '--json', '--messages', '200', '--rate', '10'],
  );
  assert.equal(code, 0, complaints);
  const { stops, seconds, ...figures } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  assert.deepEqual(figures, {
    ...{ messages: 200, rows: 100, final: 300 },
    ...{ lost: 0, doubled: 0, twice: 0, unknown: 0, resumed: 0, drift: 0 },
  });
  assert.ok(stops >= 8 && seconds >= 68, `${stops} stops in ${seconds} seconds`);
});

test('a malformed option ends the chaos run with an error message and code 2', async (t) => {
  const { code, output, complaints } = await chaos(t, '--messages', 'many');
  assert.equal(code, 2);
  assert.equal(output, '');
  assert.equal(complaints, '--messages takes a whole number from 0 to 1000000, not "many".\n');
});

test('--help lists the options of the chaos run', async (t) => {
  const { code, output } = await chaos(t, '--help');
  assert.equal(code, 0);
  for (const option of ['--deploy', '--messages', '--rows', '--rate', '--seed', '--json'])
    assert.ok(output.includes(option));
});
