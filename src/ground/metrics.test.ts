import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { startStatsd } from '../../test/support/statsd.ts';
import { stopwatch } from './clock.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { rememberedLookup } from './statsd.ts';

const log = createLog('silent');

describe('metrics', () => {
  test('a histogram shows each series with cumulative buckets, its sum and its count, and no empty label', async () => {
    const metrics = createMetrics(null, log);
    const observe = metrics.histogram('took_seconds', 'How long it took.', ['kind', 'error'], [0.5, 1]);
    for (const value of [0.5, 0.75, 3]) observe(value, 'sms', '');
    observe(0.25, 'email', 'failed');
    metrics.histogram(
      'took_seconds',
      'How long it took.',
      ['kind', 'error'],
      [0.5, 1],
    )(0.25, 'email', 'failed');
    const text = await metrics.registry.metrics();
    assert.match(text, /^# TYPE took_seconds histogram$/m);
    assert.deepEqual(
      text.split('\n').filter((line) => line.startsWith('took_seconds')),
      [
        'took_seconds_bucket{kind="sms",le="0.5"} 1',
        'took_seconds_bucket{kind="sms",le="1"} 2',
        'took_seconds_bucket{kind="sms",le="+Inf"} 3',
        'took_seconds_sum{kind="sms"} 4.25',
        'took_seconds_count{kind="sms"} 3',
        'took_seconds_bucket{kind="email",error="failed",le="0.5"} 2',
        'took_seconds_bucket{kind="email",error="failed",le="1"} 2',
        'took_seconds_bucket{kind="email",error="failed",le="+Inf"} 2',
        'took_seconds_sum{kind="email",error="failed"} 0.5',
        'took_seconds_count{kind="email",error="failed"} 2',
      ],
    );
  });

  test('a histogram has at most a thousand series; what is beyond is counted together', async () => {
    const metrics = createMetrics(null, log);
    const observe = metrics.histogram('took_seconds', 'How long it took.', ['kind'], [1]);
    for (let kind = 0; kind < 5000; kind += 1) observe(1, String(kind));
    const text = await metrics.registry.metrics();
    assert.equal([...text.matchAll(/^took_seconds_count/gm)].length, 1001);
    assert.match(text, /^took_seconds_count\{kind="other"\} 4000$/m);
  });

  test('gauges leave out what is null, and all of it while it cannot be read', async () => {
    const metrics = createMetrics(null, log);
    let isAway = false;
    metrics.gauges(
      { one: 'One.', two: 'Two.' },
      ['name'],
      async () => {
        if (isAway) throw new Error('away');
        return [[['a'], { one: 1, two: null }]];
      },
      0,
    );
    metrics.gauges({ alone: 'Without labels.' }, [], async () => (isAway ? [] : [[[], { alone: 5 }]]), 0);
    const values = async () =>
      (await metrics.registry.metrics()).split('\n').filter((line) => /^\w/.test(line));
    assert.deepEqual(await values(), ['one{name="a"} 1', 'alone 5']);
    isAway = true;
    assert.deepEqual(await values(), []);
  });

  test('a task is counted as often as the call did it, timed once, and not at all if there was none or it threw', async () => {
    const metrics = createMetrics(null, log);
    for (const done of [3, 0])
      await metrics.timed(
        'tasks',
        'send_sms',
        async () => done,
        (count) => count,
      );
    await assert.rejects(metrics.timed('tasks', 'send_sms', () => Promise.reject(new Error('no'))));
    const text = await metrics.registry.metrics();
    assert.match(text, /^despatch_tasks_send_sms_total 3$/m);
    assert.match(text, /^despatch_tasks_send_sms_milliseconds_count 1$/m);
  });
});

describe('StatsD', () => {
  test('stats share datagrams, and what is left is sent at the stop', async (t) => {
    const host = await startStatsd();
    t.after(() => host.stop());
    const metrics = createMetrics(
      { host: '127.0.0.1', port: host.port, prefix: 'test.notifications.api.' },
      log,
    );
    for (let sent = 0; sent < 1000; sent += 1) metrics.count('sms');
    metrics.count('tasks.send_sms', 7);
    metrics.timing('sms.total-time', 12.5);
    await metrics.stop();
    while (host.seen().length < 1008) await setImmediate();
    assert.equal(host.seen().filter((stat) => stat === 'test.notifications.api.sms|c').length, 1000);
    assert.ok(host.datagrams().length < 50, `${host.datagrams().length} datagrams`);
    assert.ok(host.datagrams().at(-1)!.includes('test.notifications.api.tasks.send_sms:7|c'));
    assert.ok(host.datagrams().at(-1)!.includes('test.notifications.api.sms.total-time:12.5|ms'));
  });

  test('no call waits for a host that is down or does not exist, and a stop ends', async () => {
    const closed = await startStatsd();
    closed.stop();
    // The second one can be no name, so that nobody is asked for it.
    for (const host of ['127.0.0.1', 'statsd..invalid']) {
      const metrics = createMetrics({ host, port: closed.port, prefix: 'test.' }, log);
      const elapsed = stopwatch();
      for (let sent = 0; sent < 20_000; sent += 1) metrics.count('sms');
      assert.ok(elapsed() < 5000, `${elapsed()} ms`);
      await metrics.stop();
    }
  });
});

describe('the look-up of the StatsD host', () => {
  type Found = Parameters<Parameters<typeof rememberedLookup>[0] & object>[2];

  test('one question at a time, however many wait, and an answer is remembered', () => {
    const asked: Found[] = [];
    const look = rememberedLookup((_name, _options, found) => void asked.push(found));
    const got: (string | null)[] = [];
    const ask = () => look('statsd.example', 4, (error, address) => void got.push(error ? null : address));
    for (let count = 0; count < 150; count += 1) ask();
    assert.equal(asked.length, 1);
    // Those beyond the bound are told at once that they are lost.
    assert.deepEqual(
      got,
      Array.from({ length: 50 }, () => null),
    );
    asked[0]!(null, '192.0.2.1', 4);
    ask();
    assert.equal(asked.length, 1);
    assert.deepEqual(
      got.slice(50),
      Array.from({ length: 101 }, () => '192.0.2.1'),
    );
  });

  test('a failure is remembered too, and addresses are not looked up', () => {
    let asked = 0;
    const look = rememberedLookup((_name, _options, found) => {
      asked += 1;
      found(new Error('no such name'), '', 4);
    });
    const got: unknown[] = [];
    for (const name of ['statsd.invalid', 'statsd.invalid', '0.0.0.0', '::1'])
      look(name, 4, (error, address, family) => void got.push(error?.message ?? [address, family]));
    assert.equal(asked, 1);
    assert.deepEqual(got, ['no such name', 'no such name', ['0.0.0.0', 4], ['::1', 6]]);
  });
});
