import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runScript } from '../support/script.ts';

const chaos = (t: TestContext, ...args: string[]) => runScript(t, 'bench/chaos.ts', ...args);

test('a small chaos run loses nothing and sends nothing twice', async (t) => {
  const { code, output, complaints } = await chaos(t, '--json', '--messages', '600');
  assert.equal(code, 0, complaints);
  const { messages, final, lost, twice, kills } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  assert.deepEqual({ messages, final, lost, twice }, { messages: 600, final: 600, lost: 0, twice: 0 });
  assert.ok(kills >= 2);
});

test('deploys with a slow provider lose nothing, send nothing twice and leave no attempt unknown', async (t) => {
  const { code, output, complaints } = await chaos(
    t,
    ...['--deploy', '--json', '--messages', '200', '--rate', '10'],
  );
  assert.equal(code, 0, complaints);
  const { stops, seconds, ...figures } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  assert.deepEqual(figures, { messages: 200, final: 200, lost: 0, twice: 0, unknown: 0 });
  assert.ok(stops >= 8 && seconds >= 68, `${stops} stops in ${seconds} seconds`);
});

test('a malformed option ends the chaos run with an error message and code 2', async (t) => {
  const { code, output, complaints } = await chaos(t, '--messages', 'many');
  assert.equal(code, 2);
  assert.equal(output, '');
  assert.equal(complaints, '--messages takes a whole number from 1 to 1000000, not "many".\n');
});

test('--help lists the options of the chaos run', async (t) => {
  const { code, output } = await chaos(t, '--help');
  assert.equal(code, 0);
  for (const option of ['--deploy', '--messages', '--rate', '--seed', '--json'])
    assert.ok(output.includes(option));
});
