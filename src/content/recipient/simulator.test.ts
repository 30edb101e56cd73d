import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparable } from './allow-list.ts';
import { simulatedEmailOutcome, simulatedRecipients, simulatedSmsOutcome } from './simulator.ts';

test('a simulated recipient is recognised in any spelling', () => {
  const simulated = simulatedRecipients();
  for (const recipient of [
    '07700 900 111',
    '+447700900222',
    'Simulate-Delivered-2@notifications.service.gov.uk',
  ])
    assert.ok(simulated.has(comparable(recipient)), recipient);
  for (const recipient of ['07700 900 112', 'simulate-delivered-4@notifications.service.gov.uk'])
    assert.ok(!simulated.has(comparable(recipient)), recipient);
});

test('the simulated recipients can be configured', () => {
  const simulated = simulatedRecipients(['07400 123456']);
  assert.ok(simulated.has('447400123456'));
  assert.ok(!simulated.has('447700900000'));
});

test('the number decides how a text message ends in research mode', () => {
  const outcomes: [number: string, outcome: string][] = [
    ['07833333333', 'temporary-failure'],
    ['447833333333', 'temporary-failure'],
    ['+44 7833 333 333', 'temporary-failure'],
    ['07700900003', 'temporary-failure'],
    ['447700900003', 'temporary-failure'],
    ['07822222222', 'permanent-failure'],
    ['07700 900002', 'permanent-failure'],
    ['07811111111', 'delivered'],
    ['07700900001', 'delivered'],
    ['07400123456', 'delivered'],
  ];
  for (const [number, outcome] of outcomes) assert.equal(simulatedSmsOutcome(number), outcome, number);
});

test('the address decides how an email ends in research mode', () => {
  assert.equal(simulatedEmailOutcome('temp-fail@simulator.notify'), 'temporary-failure');
  assert.equal(simulatedEmailOutcome('perm-fail@simulator.notify'), 'permanent-failure');
  assert.equal(simulatedEmailOutcome('delivered@simulator.notify'), 'delivered');
  assert.equal(simulatedEmailOutcome('sam@example.org'), 'delivered');
});
