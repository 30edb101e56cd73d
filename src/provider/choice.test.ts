import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { candidates, choose, drawOrder, othersLeft } from './choice.ts';
import type { ProviderDetails } from './contract.ts';
import type { Circuit, ProviderState } from './state.ts';

const provider = (
  identifier: string,
  priority: number,
  rest: Partial<ProviderDetails> = {},
): ProviderDetails => ({
  identifier,
  priority,
  notificationType: 'sms',
  active: true,
  supportsInternational: false,
  ...rest,
});
const all = Object.freeze([
  provider('firetext', 20),
  provider('mmg', 10, { supportsInternational: true }),
  provider('inactive', 1, { active: false, supportsInternational: true }),
  provider('beta', 30),
  provider('alpha', 30, { supportsInternational: true }),
  provider('smtp', 5, { notificationType: 'email' }),
  provider('ses', 2, { notificationType: 'email', active: false }),
]);

test('active providers of the type are tried by priority, then name; international texts only by those that support them', () => {
  const table = [
    ['sms', false, ['mmg', 'firetext', 'alpha', 'beta']],
    ['sms', true, ['mmg', 'alpha']],
    ['email', false, ['smtp']],
    ['email', true, ['smtp']],
  ] as const;
  for (const [type, international, expected] of table)
    assert.deepEqual(
      candidates(all, { type, international }).map(({ identifier }) => identifier),
      expected,
      `${type} ${international}`,
    );
  assert.deepEqual(candidates([], { type: 'sms', international: false }), []);
});

describe('strategy weighted', () => {
  const pair = [provider('mmg', 30), provider('firetext', 70)];
  const names = (order: readonly ProviderDetails[]) => order.map(({ identifier }) => identifier).join(' ');

  test('the first provider is drawn by weight, the others follow by weight', () => {
    const table: [readonly ProviderDetails[], number, string][] = [
      [pair, 0, 'firetext mmg'],
      [pair, 0.69, 'firetext mmg'],
      [pair, 0.71, 'mmg firetext'],
      [pair, 0.999, 'mmg firetext'],
      [[provider('mmg', 0), provider('firetext', 100)], 0.999, 'firetext mmg'],
      [[provider('mmg', 0), provider('firetext', 0)], 0.4, 'firetext mmg'],
      [[provider('mmg', 0), provider('firetext', 0)], 0.6, 'mmg firetext'],
      [[provider('a', 20), provider('b', 50), provider('c', 30)], 0.9, 'a b c'],
      [[provider('a', 20), provider('b', 50), provider('c', 30)], 0.6, 'c b a'],
      [[provider('alone', 0)], 0.5, 'alone'],
      [[], 0.5, ''],
    ];
    for (const [all, drawn, expected] of table)
      assert.equal(names(drawOrder(all, () => drawn)), expected, `${names(all)} at ${drawn}`);
  });
});

describe('choosing by circuits', () => {
  const now = 100_000;
  const states = {
    closed: { state: 'closed', until: null, probeUntil: null },
    open: { state: 'open', until: new Date(now + 1), probeUntil: null },
    due: { state: 'open', until: new Date(now), probeUntil: null },
    probed: { state: 'open', until: new Date(now), probeUntil: new Date(now + 1) },
  } as const satisfies Record<string, Circuit>;
  const providerState = (identifier: string, state: keyof typeof states): ProviderState => ({
    ...provider(identifier, 10),
    id: identifier,
    rateLimit: null,
    circuit: states[state],
  });

  test('open circuits are skipped; a due one is probed only if no better provider works', () => {
    type State = keyof typeof states;
    const table: [readonly State[], probe: string | null, taken: string | null, others: number][] = [
      [['closed', 'closed'], null, 'a', 1],
      [['open', 'closed'], null, 'b', 0],
      [['due', 'closed'], 'a', 'b', 1],
      [['probed', 'closed'], null, 'b', 0],
      [['closed', 'due'], null, 'a', 1],
      [['closed', 'open'], null, 'a', 0],
      [['open', 'open'], null, null, 0],
      [['open', 'due'], 'b', null, 0],
      [['due', 'due'], 'a', null, 1],
      [['open', 'due', 'closed'], 'b', 'c', 1],
      [[], null, null, 0],
    ];
    for (const [given, probe, taken, others] of table) {
      const order = given.map((state, i) => providerState('abc'[i]!, state));
      const choice = choose(order, now);
      assert.equal(choice.probe?.identifier ?? null, probe, `probe of ${given}`);
      assert.equal(choice.provider?.identifier ?? null, taken, `choice of ${given}`);
      const chosen = choice.provider ?? choice.probe;
      assert.equal(chosen ? othersLeft(order, chosen, now) : 0, others, `others of ${given}`);
    }
  });
});
