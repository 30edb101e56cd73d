import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAgentNames } from './request.ts';

test('a client is named by its user agent, whatever that holds', () => {
  const table: [string | undefined, string][] = [
    ['NOTIFY-API-NODE-CLIENT/8.4.0', 'notify-api-node-client.8-4-0'],
    ['NOTIFY-API-JAVA-CLIENT/6.2.0-RELEASE', 'notify-api-java-client.6-2-0-RELEASE'],
    ['notify-api-net-client/8.1.0.0/more', 'notify-api-net-client.8-1-0-0'],
    ['NOTIFY-API-PYTHON-CLIENT', 'notify-api-python-client.unknown'],
    ['Notify-x/', 'notify-x.unknown'],
    ['notify é:|@#\n/1|c', 'notify-------.1-c'],
    [`notify${'x'.repeat(500)}/${'1'.repeat(500)}`, `notify${'x'.repeat(54)}.${'1'.repeat(60)}`],
    ['Mozilla/5.0', 'non-notify-user-agent'],
    ['my-notify/1', 'non-notify-user-agent'],
    ['', 'unknown'],
    [undefined, 'unknown'],
  ];
  const nameOf = createAgentNames();
  for (const [userAgent, name] of table) assert.equal(nameOf(userAgent), `user-agent.${name}`);
});

test('a stranger who makes up clients cannot make more than 100 metrics, and known ones keep theirs', () => {
  const nameOf = createAgentNames();
  const names = new Set(Array.from({ length: 5000 }, (_, index) => nameOf(`notify-${index}/1`)));
  assert.equal(names.size, 101);
  assert.equal(nameOf('notify-4999/1'), 'user-agent.other');
  assert.equal(nameOf('notify-7/1'), 'user-agent.notify-7.1');
});
