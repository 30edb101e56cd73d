import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { createLog } from '../../ground/log.ts';
import { createMetrics } from '../../ground/metrics.ts';
import { noResultFound } from '../../ground/problem.ts';
import { orNull, uuid } from '../validate/shapes.ts';
import { defineRoute, uuidPart } from './define-route.ts';
import { type ErrorFormat, plainErrors, v2Errors } from './error-format.ts';
import { createServer } from './server.ts';

const id = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';

type Deps = Readonly<{ known: string; longest: number }>;

/** Answers with what its handler was given. */
const change = defineRoute({
  method: 'POST',
  path: `/things/${uuidPart('thing_id')}`,
  authentication: 'none',
  handlerName: 'things.change',
  summary: 'Change a thing',
  tag: 'Status',
  params: Type.Object({ thing_id: uuid() }),
  query: Type.Object({
    page: Type.Optional(Type.Integer({ minimum: 1 })),
    detailed: Type.Optional(Type.Boolean()),
    kind: Type.Optional(Type.Array(Type.String())),
  }),
  body: Type.Object({ name: Type.String({ format: 'name' }), size: Type.Optional(orNull(Type.Integer())) }),
  answers: { 201: { description: 'What was given.' } },
  async before({ known }: Deps, { params }) {
    if (params.thing_id.toLowerCase() !== known) throw noResultFound();
  },
  formats: ({ longest }: Deps) => ({ name: (text) => (text.length > longest ? 'Too long.' : null) }),
  refine: (_deps: Deps, { name, size }) =>
    name === 'odd' && size === 2 ? [{ field: 'size', text: 'Must be odd.' }] : [],
  handler: (_deps: Deps, { params, query, body }) => ({ params, query, body }),
});

const preview = defineRoute({
  method: 'POST',
  path: '/things/:thing_id/preview',
  authentication: 'none',
  handlerName: 'things.preview',
  summary: null,
  params: Type.Object({ thing_id: Type.String({ format: 'uuid', errorName: 'id' }) }),
  body: Type.Object({ size: Type.Optional(Type.Number()) }),
  bodyOptional: true,
  handler: (_deps: Deps, { body }) => body,
});

function world(errors: ErrorFormat) {
  const log = createLog('silent');
  const noGuard = () => assert.fail('these routes are open');
  const { app, scope } = createServer({
    log,
    metrics: createMetrics(null, log),
    guards: { 'service key': noGuard, admin: noGuard },
  });
  scope(errors, (mount) => mount([change, preview], { known: id, longest: 5 }));
  return async (url: string, payload = '') => {
    const answer = await app.inject({ method: 'POST', url, payload });
    return [answer.statusCode, answer.body && JSON.parse(answer.body)];
  };
}

test('a handler gets values of the types that its schemas name', async () => {
  const post = world(plainErrors);
  const url = `/things/${id.toUpperCase()}?page=+2&detailed=True&kind=a&kind=b&page=9&other=x`;
  assert.deepEqual(await post(url.replace('+', '%20'), '{"name": "a", "size": 7.0}'), [
    201,
    {
      params: { thing_id: id },
      query: { page: 2, detailed: true, kind: ['a', 'b'], other: 'x' },
      body: { name: 'a', size: 7 },
    },
  ]);
});

test('all faults of a request are one answer, in the words of the error format', async () => {
  const url = `/things/${id}?page=0&detailed=yes`;
  const fields = {
    page: ['Not a positive integer'],
    detailed: ['Not a valid boolean.'],
    name: ['Too long.'],
    size: ['Not a valid integer.'],
  };
  const body = '{"size": "x", "name": "longer"}';
  assert.deepEqual(await world(plainErrors)(url, body), [400, { result: 'error', message: fields }]);
  const [status, { errors }] = await world(v2Errors)(url, body);
  assert.deepEqual(
    [status, errors.map(({ message }: { message: string }) => message)],
    [
      400,
      [
        'page 0 is less than the minimum of 1',
        'detailed yes is not of type boolean',
        'name Too long.',
        'size x is not of type integer, null',
      ],
    ],
  );
});

test('what has to hold before is checked before, and what a schema cannot say together with it', async () => {
  const post = world(plainErrors);
  assert.deepEqual(await post(`/things/${id.replace('3', '4')}`, 'no JSON'), [
    404,
    { result: 'error', message: 'No result found' },
  ]);
  assert.deepEqual(await post(`/things/${id}?page=x`, '{"name": "odd", "size": 2}'), [
    400,
    { result: 'error', message: { page: ['Not a valid integer.'], size: ['Must be odd.'] } },
  ]);
  assert.equal((await post('/things/x', '{}'))[0], 404);
});

test('a body that is optional may be absent, and one that is not an object is the only fault', async () => {
  const post = world(v2Errors);
  const faults = (...messages: string[]) => [
    400,
    { status_code: 400, errors: messages.map((message) => ({ error: 'ValidationError', message })) },
  ];
  assert.deepEqual(await post(`/things/${id}/preview`), [200, {}]);
  assert.deepEqual(await post('/things/x/preview', '[1]'), faults('[1] is not of type object'));
  assert.deepEqual(
    await post('/things/x/preview', '{"size": "1"}'),
    faults('id is not a valid UUID', 'size 1 is not of type number'),
  );
  const malformed = { error: 'BadRequestError', message: 'Invalid JSON supplied in POST data' };
  for (const [path, body] of [
    ['/things/x/preview', '{'],
    [`/things/${id}`, ''],
  ])
    assert.deepEqual(await post(path!, body), [400, { status_code: 400, errors: [malformed] }]);
});
