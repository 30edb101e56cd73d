import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  badRequest,
  invalid,
  invalidFields,
  noResultFound,
  Problem,
  unavailable,
} from '../../ground/problem.ts';
import { authProblem } from '../auth/tokens.ts';
import { adminSchemaErrors, plainError, plainErrors, v2Errors } from './error-format.ts';

test('v2 shows the status and every fault of a Problem, the old envelope its first text, or every fault by field', () => {
  const table: [problem: Problem, v2: object, elsewhere: unknown][] = [
    [
      invalid(['a is a required property', 'b is too long']),
      {
        status_code: 400,
        errors: [
          { error: 'ValidationError', message: 'a is a required property' },
          { error: 'ValidationError', message: 'b is too long' },
        ],
      },
      'a is a required property',
    ],
    [
      badRequest('No "such" thing – really'),
      { status_code: 400, errors: [{ error: 'BadRequestError', message: 'No "such" thing – really' }] },
      'No "such" thing – really',
    ],
    [
      noResultFound(),
      { status_code: 404, errors: [{ error: 'NoResultFound', message: 'No result found' }] },
      'No result found',
    ],
    [
      authProblem(403, 'Invalid token: service not found'),
      { status_code: 403, errors: [{ error: 'AuthError', message: 'Invalid token: service not found' }] },
      { token: ['Invalid token: service not found'] },
    ],
    [
      invalidFields({ to: ['No', 'Never'] }),
      {
        status_code: 400,
        errors: [
          { error: 'ValidationError', message: 'No' },
          { error: 'ValidationError', message: 'Never' },
        ],
      },
      { to: ['No', 'Never'] },
    ],
    [new Problem(418, []), { status_code: 418, errors: [] }, ''],
  ];
  for (const [problem, v2, message] of table) {
    assert.deepEqual(JSON.parse(v2Errors.envelope(problem)), v2);
    assert.deepEqual(JSON.parse(plainErrors.envelope(problem)), { result: 'error', message });
  }
});

test('a route of the admin API that validates as v2 does shows only its validation as v2 does', () => {
  const shown = (problem: Problem) => JSON.parse(adminSchemaErrors.envelope(problem));
  assert.deepEqual(shown(invalid(['a is a required property'])), {
    status_code: 400,
    errors: [{ error: 'ValidationError', message: 'a is a required property' }],
  });
  for (const problem of [
    badRequest('No'),
    noResultFound(),
    authProblem(401, 'Who?'),
    invalidFields({ to: ['No'] }),
  ])
    assert.equal(adminSchemaErrors.envelope(problem), plainErrors.envelope(problem));
});

test('an answer of temporary unavailability says when to try again', () => {
  assert.deepEqual([unavailable().status, unavailable().headers], [503, { 'Retry-After': '5' }]);
});

test('a plain error contains a text or an object', () => {
  assert.equal(plainError('No'), '{"result":"error","message":"No"}');
  assert.equal(plainError({ to: ['No'] }), '{"result":"error","message":{"to":["No"]}}');
});
