import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  adjusted,
  type BalancedProvider,
  changedWithin,
  increased,
  reduce,
  reduced,
  type Shift,
  slowProviders,
  tendBack,
  toggle,
} from './shift.ts';

const row = (
  identifier: string,
  priority: number,
  rest: Partial<BalancedProvider> = {},
): BalancedProvider => ({
  id: identifier,
  identifier,
  notificationType: 'sms',
  priority,
  active: true,
  changedAt: null,
  ...rest,
});
const pairOf = (mmg: number, firetext: number) => [row('mmg', mmg), row('firetext', firetext)];
const asText = (shifts: readonly Shift[]) =>
  shifts.map(({ identifier, priority }) => `${identifier} ${priority}`).join(', ');
const inactive = { active: false };

describe('strategy ordered', () => {
  const pair = ['mmg', 'firetext'] as const;
  test('the partner becomes first: the two swap priorities, or a third one with the same priority gets 10 more', () => {
    const table: [readonly BalancedProvider[], from: string, string][] = [
      [pairOf(10, 20), 'mmg', 'mmg 20, firetext 10'],
      [pairOf(20, 10), 'firetext', 'firetext 20, mmg 10'],
      [pairOf(20, 10), 'mmg', ''],
      [pairOf(10, 10), 'mmg', 'mmg 20, firetext 10'],
      [[row('mmg', 10), row('firetext', 20, inactive)], 'mmg', ''],
      [[row('mmg', 10), row('firetext', 20), row('loadtesting', 20)], 'mmg', 'loadtesting 30, firetext 20'],
      [[row('mmg', 10), row('firetext', 20), row('loadtesting', 20, inactive)], 'mmg', 'mmg 20, firetext 10'],
      [[...pairOf(10, 20), row('loadtesting', 1)], 'loadtesting', ''],
      [[row('mmg', 10)], 'mmg', ''],
      [
        [row('mmg', 10), row('ses', 20, { notificationType: 'email' }), row('firetext', 20)],
        'mmg',
        'mmg 20, firetext 10',
      ],
    ];
    for (const [providers, from, expected] of table)
      assert.equal(
        asText(toggle(providers, pair, from, 'why')),
        expected,
        `${asText(providers as never)} ${from}`,
      );
    assert.ok(toggle(pairOf(10, 20), pair, 'mmg', 'why').every(({ reason }) => reason === 'why'));
  });
});

describe('strategy weighted', () => {
  test('one text provider gives the other 10 points, within 0 to 100', () => {
    const table: [readonly BalancedProvider[], string][] = [
      [pairOf(45, 55), 'mmg 35, firetext 65'],
      [pairOf(5, 30), 'mmg 0, firetext 40'],
      [pairOf(60, 95), 'mmg 50, firetext 100'],
      [[row('mmg', 50)], ''],
      [[row('mmg', 50), row('firetext', 50, inactive)], ''],
      [[...pairOf(50, 50), row('third', 10)], ''],
    ];
    for (const [providers, expected] of table) assert.equal(asText(reduce(providers, 'mmg')), expected);
    assert.deepEqual(
      reduce(pairOf(45, 55), 'firetext').map(({ identifier, reason }) => [identifier, reason]),
      [
        ['firetext', reduced],
        ['mmg', increased],
      ],
    );
    assert.deepEqual(reduce(pairOf(45, 55), 'nobody'), []);
  });

  test('each provider moves towards its resting point by at most 10 points, and not past it', () => {
    const table: [readonly BalancedProvider[], string][] = [
      [pairOf(20, 80), 'mmg 30, firetext 70'],
      [pairOf(55, 45), 'mmg 51, firetext 49'],
      [pairOf(90, 85), 'mmg 80, firetext 75'],
      [pairOf(51, 49), ''],
      [pairOf(51, 30), 'firetext 40'],
      [[row('mmg', 20, inactive), row('other', 5)], ''],
    ];
    for (const [providers, expected] of table)
      assert.equal(asText(tendBack(providers, { mmg: 51, firetext: 49 })), expected);
    assert.equal(tendBack(pairOf(20, 49), { mmg: 51, firetext: 49 })[0]?.reason, adjusted);
  });

  test('the reasons for shifts match the reference', () => {
    assert.deepEqual(
      [reduced, increased, adjusted],
      [
        'Reduced due to reduced reliability',
        'Increased due to reduced reliability in other provider',
        'Adjusted back to resting point',
      ],
    );
  });

  test('providers with 15 % slow texts are slow, unless all are', () => {
    const table: [mmg: [number, number], firetext: [number, number], string[]][] = [
      [[15, 100], [0, 100], ['mmg']],
      [[14, 100], [0, 100], []],
      [[15, 100], [15, 100], []],
      [[0, 0], [3, 20], ['firetext']],
      [[0, 0], [0, 0], []],
    ];
    for (const [[slow, all], [slowToo, allToo], expected] of table)
      assert.deepEqual(
        slowProviders(pairOf(50, 50), [
          { identifier: 'mmg', slow, all },
          { identifier: 'firetext', slow: slowToo, all: allToo },
        ]),
        expected,
      );
    assert.deepEqual(slowProviders([row('mmg', 1)], [{ identifier: 'mmg', slow: 9, all: 9 }]), []);
  });
});

test('a change of any active text provider counts as recent within the time limit', () => {
  const now = 1_000_000;
  const changed = (secondsAgo: number, rest: Partial<BalancedProvider> = {}) =>
    row('mmg', 1, { changedAt: new Date(now - secondsAgo * 1000), ...rest });
  const table: [readonly BalancedProvider[], boolean][] = [
    [[changed(59), row('firetext', 1)], true],
    [[changed(60), row('firetext', 1)], false],
    [[changed(1, inactive)], false],
    [[changed(1, { notificationType: 'email' })], false],
    [[row('mmg', 1)], false],
  ];
  for (const [providers, expected] of table) assert.equal(changedWithin(providers, 60, now), expected);
});
