import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permissionsOf, ticked } from './permissions.ts';

test('a box stands for its permissions, and what somebody has of it stays as it is', () => {
  const cases: [chosen: string[], before: string[], after: string[]][] = [
    [[], ['send_texts'], []],
    [['send'], [], ['send_texts', 'send_emails']],
    [['send'], ['send_texts'], ['send_texts']],
    [['send'], ['send_texts', 'send_letters'], ['send_texts', 'send_letters']],
    [['view', 'team'], ['manage_api_keys'], ['view_activity', 'manage_users']],
    [['everything'], [], []],
  ];
  for (const [chosen, before, after] of cases) assert.deepEqual(permissionsOf(chosen, before), after);
  assert.deepEqual(ticked(['send_emails', 'manage_users', 'platform_admin']), ['send', 'team']);
});
