import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidates } from './choice.ts';
import type { ProviderDetails } from './contract.ts';

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
  provider('asleep', 1, { active: false, supportsInternational: true }),
  provider('beta', 30),
  provider('alpha', 30, { supportsInternational: true }),
  provider('smtp', 5, { notificationType: 'email' }),
  provider('ses', 2, { notificationType: 'email', active: false }),
]);

test('active providers of the type are tried by priority, then name; abroad only those that can text there', () => {
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
