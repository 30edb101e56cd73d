import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, hasEnded, stillCounts } from './authenticate.ts';
import { pasteableKey } from './key.ts';

const serviceId = '6b0d1c9e-1f5e-4a3c-9d53-2f6c7a1e8b40';
const secret = 'c1f0b7de-58a2-4c11-8a6f-0b9d6c3e2a75';

test('a pasteable key begins with its plain name and ends with the two UUIDs that clients cut off', () => {
  const table: [name: string, shown: string][] = [
    ['harbour_live', 'harbour_live'],
    ['Harbour  Live', 'harbour_live'],
    ['Café Ångström', 'cafe_angstrom'],
    ['a\t\n b-c.d/e', 'a_bcde'],
    ['Key #1 (test)', 'key_1_test'],
    ['鍵 🔑', '_'],
    ['', ''],
  ];
  for (const [name, shown] of table) {
    const key = pasteableKey({ name, serviceId, secret });
    assert.equal(key, `${shown}-${serviceId}-${secret}`);
    assert.equal(key.slice(-36), secret);
    assert.equal(key.slice(-73, -37), serviceId);
    assert.doesNotMatch(key, /\s/);
  }
});

test('a revoked key counts until a week after 00:00 UTC of the day it was revoked', () => {
  const day = 86_400_000;
  const midnight = Date.UTC(2026, 10, 21);
  for (const expiresAt of [midnight, midnight + 1, midnight + day - 1].map((time) => new Date(time))) {
    assert.equal(stillCounts({ expiresAt }, midnight + 7 * day - 1), true);
    assert.equal(stillCounts({ expiresAt }, midnight + 7 * day), false);
  }
  assert.equal(stillCounts({ expiresAt: null }, midnight), true);
});

test('a key has ended from the moment of its end, whenever that was set', () => {
  const now = Date.UTC(2026, 10, 21, 12);
  const table: [expiresAt: Date | null, ended: boolean][] = [
    [null, false],
    [new Date(now + 1), false],
    [new Date(now), true],
    [new Date(now - 1), true],
  ];
  for (const [expiresAt, ended] of table) assert.equal(hasEnded({ expiresAt }, now), ended);
});

test('the client of a user agent is its name, without version, case or odd characters', () => {
  const table: [userAgent: string, client: string][] = [
    ['NOTIFY-API-NODE-CLIENT/8.4.0', 'notify-api-node-client'],
    ['NOTIFY-API-JAVA-CLIENT/6.2.0-RELEASE', 'notify-api-java-client'],
    ['curl/8.5.0', 'curl'],
    ['Mozilla/5.0 (X11; Linux x86_64)', 'mozilla'],
    ['my client', 'my'],
    [' node ', 'node'],
    ['café<script>', 'caf--script-'],
    [`${'a'.repeat(100)}/1`, 'a'.repeat(60)],
    ['/1.0', 'unknown'],
    ['', 'unknown'],
  ];
  for (const [userAgent, client] of table) assert.equal(clientOf(userAgent), client, userAgent);
});
