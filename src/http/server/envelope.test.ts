import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  badRequest,
  FieldProblem,
  invalid,
  noResultFound,
  Problem,
  unavailable,
} from '../../ground/problem.ts';
import { authProblem } from '../auth/tokens.ts';
import { envelope, plainError } from './envelope.ts';

test('below /v2 a problem gives its status and every fault, elsewhere its first text, a refused token under token', () => {
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
      new FieldProblem({ to: ['No', 'Never'] }),
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
    assert.deepEqual(JSON.parse(envelope(problem, '/v2/notifications/sms')), v2);
    for (const path of ['/notifications/sms', '/v2', '/v20/x', '/service/v2/x'])
      assert.deepEqual(JSON.parse(envelope(problem, path)), { result: 'error', message }, path);
  }
});

test('what is temporarily unavailable says when to come back', () => {
  assert.deepEqual([unavailable().status, unavailable().headers], [503, { 'Retry-After': '5' }]);
});

test('a plain error holds a text or an object', () => {
  assert.equal(plainError('No'), '{"result":"error","message":"No"}');
  assert.equal(plainError({ to: ['No'] }), '{"result":"error","message":{"to":["No"]}}');
});
