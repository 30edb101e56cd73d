import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { noises } from '../../../bench/noise.ts';
import { runScript } from '../../support/script.ts';

const bench = (t: TestContext, ...args: string[]) => runScript(t, 'bench/main.ts', ...args);

function assertFigures(figures: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const value = figures[name];
    assert.ok(typeof value === 'number' && value > 0, `${name} is ${value}`);
  }
}

test('the benchmark ends with one line of figures, and a small run loses nothing and sends nothing twice', async (t) => {
  const { code, output, complaints } = await bench(
    t,
    ...['accept', 'flow', '--json', '--seconds', '1', '--messages', '200'],
  );
  assert.equal(code, 0, complaints);
  const { accept, flow, ...others } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  assert.deepEqual(others, {});
  assertFigures(accept, ['ratio', 'per_second', 'reference_per_second', 'p50_ms', 'p99_ms']);
  assertFigures(flow, ['per_second', 'accepted_per_second', 'handed_over_p50_ms', 'handed_over_p95_ms']);
  assertFigures(flow, ['idle_p95_ms']);
  assert.equal(flow.lost, 0);
  assert.equal(flow.twice, 0);
  assert.match(output, /accept {2,}accepted, as a multiple of/);
});

test('an API and a worker under load take less than 512 MiB together, with a large file as with single messages', async (t) => {
  const { code, output, complaints } = await bench(t, 'flow', 'job', '--json', '--messages', '10000');
  assert.equal(code, 0, complaints);
  const { flow, job } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  for (const { api_memory_mib: api, worker_memory_mib: worker, memory_mib: together } of [flow, job]) {
    t.diagnostic(`API ${api} MiB, worker ${worker} MiB`);
    assert.ok(api > 0 && worker > 0 && together < 512, `${together} MiB`);
  }
});

test('a flood of one service delays neither another service nor a sign-in code', async (t) => {
  const { code, output, complaints } = await bench(t, 'fairness', '--json', '--messages', '1000');
  assert.equal(code, 0, complaints);
  const { fairness } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  assertFigures(fairness, ['flood_per_second', 'single_p50_ms', 'single_p95_ms', 'single_max_ms']);
  assertFigures(fairness, ['code_p50_ms', 'code_p95_ms', 'code_max_ms']);
});

test('a service that does its worst delays no other, none of whose messages is refused, and memory stays bounded', async (t) => {
  const { output, complaints } = await bench(t, 'noisy', '--json');
  const { noisy } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
  t.diagnostic(JSON.stringify(noisy));
  assert.deepEqual(
    noisy.rows.map(({ phase }: { phase: string }) => phase),
    Object.keys(noises),
  );
  assertFigures(noisy, ['p95_ms', 'max_ms', 'memory_mib']);
  assert.equal(noisy.refused, 0);
  assert.ok(noisy.memory_mib < 700, complaints);
  // The benchmark aims at 250 ms, which needs a machine of its own; without bounds it is many seconds.
  assert.ok(noisy.p95_ms < 1000, complaints);
});

test('with 1,000,000 messages of a year a message costs what it did, figures and lists are read at once, and a day is deleted while others send', async (t) => {
  const { output, complaints } = await bench(t, 'history', '--json', '--rows', '1000000', '--seconds', '0.5');
  const last = output.trimEnd().split('\n').at(-1)!;
  t.diagnostic(last);
  assert.match(last, /^\{/, complaints);
  const { history } = JSON.parse(last);
  // Of so few messages PostgreSQL rightly reads small partitions whole; the benchmark itself wants none read so.
  // The benchmark's own limits need a machine of its own: 1.1 times, 50 ms, 2 s and 100 ms.
  assert.ok(history.ratio < 1.5, complaints);
  for (const { read, cpu_ms } of history.rows) assert.ok(cpu_ms < 250, `${read}: CPU ${cpu_ms} ms`);
  assert.ok(history.deleted >= 100_000 && history.deletion_seconds < 20, complaints);
  assert.ok(history.pause_ms < 2000, complaints);
});

test('with 20,000 messages the pages keep to their budget of bytes, requests, reads of the API and memory, and come at once', async (t) => {
  const { output, complaints } = await bench(
    t,
    ...['pages', '--json', '--rows', '20000', '--seconds', '0.25', '--messages', '20000'],
  );
  const last = output.trimEnd().split('\n').at(-1)!;
  t.diagnostic(last);
  assert.match(last, /^\{/, complaints);
  const { pages } = JSON.parse(last);
  assert.ok(pages.first_kb <= 48 && pages.requests <= 5 && pages.later_kb <= 12, complaints);
  assert.ok(pages.api_reads <= 4, complaints);
  assert.ok(pages.web_memory_mib <= 128, complaints);
  assert.equal(pages.sequential_scans, 0, complaints);
  // The benchmark's own limits need a machine of its own.
  assert.ok(pages.render_ms < 15, complaints);
  for (const { read, web_cpu_ms, api_cpu_ms } of pages.rows)
    assert.ok(web_cpu_ms + api_cpu_ms < 500, `${read}: CPU ${web_cpu_ms} and ${api_cpu_ms} ms`);
  assert.ok(pages.change_p95_ms < 10_000, complaints);
  assert.ok(pages.upload_seconds < 30, complaints);
});

test('an unknown scenario ends the benchmark with an error message and code 2', async (t) => {
  const { code, output, complaints } = await bench(t, 'acept');
  assert.equal(code, 2);
  assert.equal(output, '');
  assert.match(
    complaints,
    /There is no scenario "acept"\. The scenarios are accept, flow, cost, fairness, noisy, render, job, history, pages\.\n$/,
  );
});
