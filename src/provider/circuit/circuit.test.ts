import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Circuit, circuitState, isDue } from '../state.ts';
import { breaks, type CircuitRules, openSecondsAfter, reasonToOpen, slotSeconds } from './circuit.ts';

const rules: CircuitRules = {
  windowSeconds: 60,
  leastFailures: 10,
  failurePercent: 50,
  openSeconds: 15,
  probeSeconds: 15,
};
const at = (seconds: number) => new Date(seconds * 1000);

test('a circuit opens at enough failures with a large enough share of the calls; time-outs are failures', () => {
  const table: [taken: number, failed: number, unknown: number, expected: boolean][] = [
    [0, 9, 0, false],
    [0, 10, 0, true],
    [0, 0, 10, true],
    [0, 5, 5, true],
    [10, 10, 0, true],
    [11, 10, 0, false],
    [1000, 999, 0, false],
    [1000, 500, 500, true],
    [0, 0, 0, false],
  ];
  for (const [taken, failed, unknown, expected] of table)
    assert.equal(breaks({ taken, failed, unknown }, rules), expected, `${taken} ${failed} ${unknown}`);
  assert.equal(
    reasonToOpen({ taken: 6, failed: 10, unknown: 4 }, rules),
    'Circuit opened: 14 of 20 calls failed within 60 seconds',
  );
});

test('an open circuit becomes half-open when its time is over, and is due unless a message is probing it', () => {
  const open = (until: number, probeUntil: number | null): Circuit => ({
    state: 'open',
    until: at(until),
    probeUntil: probeUntil === null ? null : at(probeUntil),
  });
  const table: [Circuit, string, boolean][] = [
    [{ state: 'closed', until: null, probeUntil: null }, 'closed', false],
    [open(101, null), 'open', false],
    [open(100, null), 'half-open', true],
    [open(90, 101), 'half-open', false],
    [open(90, 100), 'half-open', true],
  ];
  for (const [circuit, state, due] of table) {
    assert.equal(circuitState(circuit, 100_000), state);
    assert.equal(isDue(circuit, 100_000), due);
  }
});

test('the time until the next probe doubles, up to 5 minutes', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 1000].map((openings) => openSecondsAfter(openings, rules)),
    [15, 30, 60, 120, 240, 300, 300, 300],
  );
  assert.equal(openSecondsAfter(2, { ...rules, openSeconds: 600 }), 600, 'never less than the setting');
});

test('the window of a circuit is divided into slots of about a twelfth', () => {
  assert.deepEqual([5, 60, 3600].map(slotSeconds), [1, 5, 300]);
});
