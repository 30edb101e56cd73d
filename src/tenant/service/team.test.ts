import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Member, permissionsFault, removalFault } from './team.ts';

const member = (userId: string, permissions: string[], isActive = true): Member => ({
  userId,
  isActive,
  permissions,
});
const only = 'You cannot remove the only user for a service';
const last = 'You cannot remove the last user who can manage the team: give somebody else manage_users first';

test('a member is removed if somebody active stays, and somebody who can manage the team', () => {
  const cases: readonly (readonly [why: string, team: readonly Member[], fault: string | null])[] = [
    ['the only one', [member('a', ['manage_users'])], only],
    ['another who is not active', [member('a', []), member('b', ['manage_users'], false)], only],
    ['another manager', [member('a', ['manage_users']), member('b', ['manage_users'])], null],
    ['no other manager', [member('a', ['manage_users']), member('b', [])], last],
    ['no manager before', [member('a', []), member('b', [])], null],
    ['a manager who stays', [member('a', []), member('b', ['manage_users'])], null],
  ];
  for (const [why, team, fault] of cases) assert.equal(removalFault(team, 'a'), fault, why);
});

test('the last active member with manage_users or manage_settings keeps it', () => {
  const team = [member('a', ['manage_users', 'manage_settings']), member('b', ['manage_settings'])];
  assert.equal(permissionsFault(team, 'a', ['manage_users']), null);
  assert.match(permissionsFault(team, 'a', ['manage_settings']) ?? '', /few users with manage_users$/);
  assert.equal(permissionsFault(team, 'b', []), null);
  assert.match(
    permissionsFault(team.slice(0, 1), 'a', ['manage_users']) ?? '',
    /few users with manage_settings$/,
  );
});
