import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { parseLossless } from '../../ground/json.ts';
import { assertCheckable } from './check.ts';
import { fieldFaults } from './fields.ts';
import { orNull, uuid } from './shapes.ts';

const schema = Type.Object({
  name: Type.String({ format: 'text', maxLength: 5 }),
  share: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  page: Type.Optional(Type.Integer({ minimum: 1 })),
  ratio: Type.Optional(Type.Number()),
  flag: Type.Optional(Type.Boolean()),
  kind: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['sms', 'email'] })),
  list: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
  values: Type.Optional(Type.Unsafe<object>({ type: 'object' })),
  day: Type.Optional(Type.String({ format: 'date' })),
  parent: Type.Optional(orNull(uuid())),
  link: Type.Optional(Type.String({ format: 'https_url' })),
  created_by: Type.Optional(Type.String({ format: 'related_id' })),
});

test('the first fault of each field is reported under its name (spec 04, section 0.3)', () => {
  const noNull = 'Field may not be null.';
  const table: [json: string, field: string, text: string | null][] = [
    ['{"name":"12345"}', 'name', null],
    ['{"name":"😀😀😀😀😀"}', 'name', null],
    ['{"name":"123456"}', 'name', 'Longer than maximum length 5.'],
    ['{"name":"a\\u0000b"}', 'name', 'Not a valid string.'],
    ['{"name":null}', 'name', noNull],
    ['{}', 'name', 'Missing data for required field.'],
    ['{"share":0}', 'share', null],
    ['{"share":100.0}', 'share', null],
    ['{"share":101}', 'share', 'Must be between 0 and 100.'],
    ['{"share":-1}', 'share', 'Must be between 0 and 100.'],
    ['{"share":1.5}', 'share', 'Not a valid integer.'],
    ['{"share":"1"}', 'share', 'Not a valid integer.'],
    ['{"page":0}', 'page', 'Not a positive integer'],
    ['{"ratio":true}', 'ratio', 'Not a valid number.'],
    ['{"flag":1}', 'flag', 'Not a valid boolean.'],
    ['{"kind":"fax"}', 'kind', 'Not a valid choice.'],
    ['{"list":"a"}', 'list', 'Not a valid list.'],
    ['{"list":[]}', 'list', 'Shorter than minimum length 1.'],
    ['{"list":["a",5]}', 'list', 'Not a valid string.'],
    ['{"values":[]}', 'values', 'Not a valid mapping type.'],
    ['{"day":"2026-02-29"}', 'day', 'Not a valid date.'],
    ['{"day":"2024-02-29"}', 'day', null],
    ['{"parent":null}', 'parent', null],
    ['{"parent":"x"}', 'parent', 'Not a valid UUID.'],
    ['{"parent":5}', 'parent', 'Not a valid UUID.'],
    ['{"link":"http://a.example"}', 'link', 'Not a valid URL.'],
    ['{"created_by":null}', 'created_by', noNull],
    // Whether there is such a user is for the handler to find out.
    ['{"created_by":5}', 'created_by', null],
  ];
  for (const [json, field, text] of table) {
    const document = parseLossless(json) as object;
    const given = field === 'name' ? document : { name: 'a', ...document };
    assert.deepEqual(fieldFaults(schema, given, {}), text === null ? {} : { [field]: [text] }, json);
  }
});

test('fields are reported all at once, in the order of the schema', () => {
  const faults = fieldFaults(schema, { parent: 5, kind: 5, page: 'x' }, {});
  assert.deepEqual(Object.entries(faults), [
    ['name', ['Missing data for required field.']],
    ['page', ['Not a valid integer.']],
    ['kind', ['Not a valid string.']],
    ['parent', ['Not a valid UUID.']],
  ]);
});

test('a body that is not an object is the only fault, and so are fields that may not be given', () => {
  const closed = Type.Object({ a: Type.String() }, { additionalProperties: false });
  for (const json of ['[1]', '"a"', '6.0', 'null'])
    assert.deepEqual(
      fieldFaults(closed, parseLossless(json), {}),
      { _schema: ['Invalid input type.'] },
      json,
    );
  assert.deepEqual(fieldFaults(closed, { z: 1, toString: 2 }, {}), {
    z: ['Not permitted to be updated'],
    toString: ['Not permitted to be updated'],
  } as object);
});

test('a schema with a rule that would not be checked is refused', () => {
  assertCheckable(schema, '/path');
  assert.throws(
    () => assertCheckable(Type.Object({ a: Type.String({ pattern: '^a' }) }), '/path'),
    /\/path: requests are not checked for "pattern"/,
  );
  const nested = Type.Object({ a: Type.Array(Type.Object({ b: Type.String() })) });
  assert.throws(() => assertCheckable(nested, '/path'), /"properties"/);
});
