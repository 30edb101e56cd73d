import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldProblem } from '../ground/problem.ts';
import { readChange } from './change.ts';

test('a change says what it changes; everything else stays', () => {
  assert.deepEqual(readChange({}), { reason: null, createdBy: undefined });
  assert.deepEqual(
    readChange({ priority: 0, active: false, reason: 'Maintenance', rate_limit: 5, created_by: 'x' }),
    { priority: 0, active: false, rateLimit: 5, reason: 'Maintenance', createdBy: 'x' },
  );
  assert.deepEqual(readChange({ rate_limit: null, reason: null }), {
    rateLimit: null,
    reason: null,
    createdBy: undefined,
  });
});

test('what is wrong with a change is told by field, all at once (spec 04, sections 0.3 and 8.1)', () => {
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
    assert.throws(
      () => readChange(body),
      (error) => {
        assert.ok(error instanceof FieldProblem, JSON.stringify(body));
        assert.deepEqual(error.fields, fields);
        return true;
      },
    );
});
