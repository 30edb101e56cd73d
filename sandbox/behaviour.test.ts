import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSandbox } from '../test/support/sandbox.ts';
import type { BehaviourSettings } from './behaviour.ts';

test('a change of how the sandbox behaves sets only what it names, and a reset restores the rest', async (t) => {
  const { call, get } = await openSandbox(t, { behaviour: { receipt_delay_ms: { min: 1, max: 2 } } });
  const before = await get<BehaviourSettings>('/behaviour');
  assert.deepEqual(before.receipt_delay_ms, { min: 1, max: 2 });
  const change = {
    failure_rate: 0.5,
    recipients: { '07700900123': { refuse: true }, 'a@b.c': { fail: true } },
  };
  const changed = await call('PUT', '/behaviour', change);
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, { ...before, ...change });
  const removed = await call('PUT', '/behaviour', { recipients: { '+44 7700 900123': null } });
  assert.deepEqual(removed.body, { ...before, failure_rate: 0.5, recipients: { 'a@b.c': { fail: true } } });
  assert.deepEqual((await call('DELETE', '/behaviour')).body, before);
});

const faults: [unknown, RegExp][] = [
  ['[]', /^the body must be a JSON object$/],
  ['{', /^The body is not JSON$/],
  [{ colour: 1 }, /^colour is not known; known are outage, latency_ms, .*, recipients$/],
  ['{"__proto__": {"outage": true}}', /^__proto__ is not known/],
  [{ outage: 'yes' }, /^outage must be true or false$/],
  [{ failure_rate: 1.1 }, /^failure_rate must be a number from 0 to 1$/],
  [{ failure_rate: '1' }, /^failure_rate must be a number from 0 to 1$/],
  [
    { latency_ms: 5 },
    /^latency_ms must be \{"min": …, "max": …\} in whole milliseconds, from 0 to 86400000$/,
  ],
  [{ latency_ms: { min: 1 } }, /^latency_ms must be/],
  [{ latency_ms: { min: 1, max: 1e12 } }, /^latency_ms must be/],
  [{ latency_ms: { min: 5, max: 1 } }, /^latency_ms must have a min that is not greater than its max$/],
  [{ timeout_ms: 0 }, /^timeout_ms must be a whole number of milliseconds from 1 to 86400000$/],
  [{ seed: 1.5 }, /^seed must be a whole number, or null for none$/],
  [{ recipients: [] }, /^recipients must be an object, by recipient$/],
  [{ recipients: { a: 1 } }, /^recipients \(entry 1\) must be an object, or null to remove it$/],
  [{ recipients: { a: { outcome: 'lost' } } }, /^recipients \(entry 1\) outcome must be one of delivered, /],
  [{ recipients: { a: { colour: 1 } } }, /^recipients \(entry 1\) colour is not known; known are outcome, /],
  [{ outage: 1, seed: 'x' }, /^outage must be true or false; seed must be/],
];

test('a faulty change of how the sandbox behaves says what is wrong and changes nothing', async (t) => {
  const { call, get } = await openSandbox(t);
  const before = await get<BehaviourSettings>('/behaviour');
  for (const [change, message] of faults) {
    const { status, body } = await call('PUT', '/behaviour', change);
    assert.equal(status, 400, JSON.stringify(change));
    assert.match(body.error?.message ?? '', message);
  }
  await call('PUT', '/behaviour', { failure_rate: 0.5, outage: 'yes' });
  assert.deepEqual(await get('/behaviour'), before);
});

test('the sandbox does not start with a faulty behaviour', async (t) => {
  await assert.rejects(openSandbox(t, { behaviour: { failure_rate: 2 } }), {
    message: 'Behaviour of the sandbox: failure_rate must be a number from 0 to 1',
  });
});
