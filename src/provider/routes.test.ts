import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldFaults } from '../http/validate/fault-texts.ts';
import { changeOf, changeRequest } from './routes.ts';

test('a change contains what the body names; everything else stays', () => {
  const user = '6af522d0-2915-4e52-83a3-3690455a5fe6';
  assert.deepEqual(changeOf({}), { reason: null, createdBy: null });
  assert.deepEqual(
    changeOf({ priority: 0, active: false, reason: 'Maintenance', rate_limit: 5, created_by: user }),
    { priority: 0, active: false, rateLimit: 5, reason: 'Maintenance', createdBy: user },
  );
  assert.deepEqual(changeOf({ rate_limit: null, reason: null }), {
    rateLimit: null,
    reason: null,
    createdBy: null,
  });
  for (const id of ['x', 5, {}]) assert.equal(changeOf({ created_by: id as string }).createdBy, null);
});

test('a change that does not fit is refused field by field, all at once (spec 04, sections 0.3 and 8.1)', () => {
  const table: [Record<string, unknown>, Record<string, string[]>][] = [
    [
      { identifier: 'x', version: 2, priority: 'x' },
      { identifier: ['Not permitted to be updated'], version: ['Not permitted to be updated'] },
    ],
    [{ toString: 1 }, { toString: ['Not permitted to be updated'] } as never],
    [{ priority: '10' }, { priority: ['Not a valid integer.'] }],
    [{ priority: 1.5 }, { priority: ['Not a valid integer.'] }],
    [{ priority: null }, { priority: ['Field may not be null.'] }],
    [{ priority: -1 }, { priority: ['Must be between 0 and 100.'] }],
    [{ priority: 101 }, { priority: ['Must be between 0 and 100.'] }],
    [{ active: 'true' }, { active: ['Not a valid boolean.'] }],
    [{ active: null }, { active: ['Field may not be null.'] }],
    [{ created_by: null }, { created_by: ['Field may not be null.'] }],
    [{ reason: 5 }, { reason: ['Not a valid string.'] }],
    [{ reason: 'a\0b' }, { reason: ['Not a valid string.'] }],
    [{ reason: 'x'.repeat(256) }, { reason: ['Longer than maximum length 255.'] }],
    [{ rate_limit: 0 }, { rate_limit: ['Must be between 1 and 1000000.'] }],
    [{ rate_limit: 1_000_001 }, { rate_limit: ['Must be between 1 and 1000000.'] }],
    [{ rate_limit: '5' }, { rate_limit: ['Not a valid integer.'] }],
    [
      { priority: null, active: 1 },
      { priority: ['Field may not be null.'], active: ['Not a valid boolean.'] },
    ],
  ];
  for (const [body, fields] of table)
    assert.deepEqual(fieldFaults(changeRequest, body, {}), fields, JSON.stringify(body));
});
