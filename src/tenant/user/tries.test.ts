import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { countedTries, networkOf, waitFor } from './tries.ts';

const now = Date.parse('2026-05-04T12:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000);

describe('waits between tries to sign in', () => {
  const waits = [
    ['person', 0, 0, 0],
    ['person', 2, 0, 0],
    ['person', 3, 0, 1],
    ['person', 4, 0, 2],
    ['person', 4, 1.5, 0.5],
    ['person', 9, 0, 64],
    ['person', 9, 64, 0],
    ['network', 20, 0, 0],
    ['network', 21, 0, 1],
    ['network', 31, 0, 900],
    ['network', 100_000, 0, 900],
    ['network', 100_000, 3600, 0],
  ] as const;
  for (const [of, failed, seconds, expected] of waits)
    test(`the next try of a ${of} waits ${expected} s when ${failed} failed, the last ${seconds} s ago`, () => {
      assert.equal(waitFor({ failed, failedAt: ago(seconds) }, of, now), expected * 1000);
    });

  test('failed tries count for an hour after the last', () => {
    assert.equal(countedTries({ failed: 10, failedAt: ago(3599) }, now), 10);
    assert.equal(countedTries({ failed: 10, failedAt: ago(3600) }, now), 0);
    assert.equal(countedTries({ failed: 0, failedAt: null }, now), 0);
  });
});

describe('the network of an address', () => {
  const networks = [
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.7', '0:0:0:0:0:ffff:c000:207'],
    ['', null],
    ['rowan', null],
    ['192.0.2.7, 192.0.2.8', null],
  ] as const;
  for (const [address, expected] of networks)
    test(`"${address}" is in ${expected}`, () => assert.equal(networkOf(address), expected));
});
