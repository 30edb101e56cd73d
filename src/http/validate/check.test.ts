import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { parseLossless } from '../../ground/json.ts';
import { assertCheckable, faultsOf, fieldFaults } from './check.ts';
import { orNull, uuid } from './shapes.ts';

const schema = Type.Object(
  {
    reference: Type.Optional(Type.String({ maxLength: 5 })),
    phone: Type.String({ format: 'phone' }),
    template: Type.String({ format: 'uuid' }),
    personalisation: Type.Optional(Type.Unsafe<object>({ type: 'object' })),
    when: Type.Optional(Type.Union([Type.String({ format: 'phone' }), Type.Null()])),
    link: Type.Optional(Type.String({ format: 'https_url', maxLength: 40 })),
    list: Type.Optional(Type.Union([Type.Array(Type.Unknown()), Type.Null()])),
    kind: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['sms', 'email', 'letter'] })),
    page: Type.Optional(Type.Integer({ minimum: 1 })),
    ratio: Type.Optional(Type.Number({ minimum: 1 })),
    flag: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
const formats = { phone: (text: string) => (text === 'bad' ? 'Not enough digits' : null) };
const id = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';
/** Faults of a JSON document that has the required properties besides the given ones. */
const faults = (json: string) =>
  faultsOf(schema, { phone: '1', template: id, ...(parseLossless(json) as object) }, formats);

test('each v2 fault has the text of its pattern, with values printed as the reference prints them', () => {
  const table: [json: string, ...faults: string[]][] = [
    ['{}'],
    [
      `{"link":"https://a.example/${'b'.repeat(30)}"}`,
      `link https://a.example/${'b'.repeat(30)} is too long`,
    ],
    ['{"reference":null}', 'reference None is not of type string'],
    ['{"reference":true}', 'reference True is not of type string'],
    ['{"reference":7912345678}', 'reference 7912345678 is not of type string'],
    ['{"reference":6.0}', 'reference 6.0 is not of type string'],
    ['{"reference":12345678901234567890}', 'reference 12345678901234567890 is not of type string'],
    ['{"reference":["a",1]}', 'reference [a, 1] is not of type string'],
    ['{"reference":{"a":"b"}}', 'reference {a: b} is not of type string'],
    ['{"reference":"12345"}'],
    ['{"reference":"123456"}', 'reference 123456 is too long'],
    ['{"reference":"😀😀😀😀😀"}'],
    ['{"reference":"😀😀😀😀😀😀"}', 'reference 😀😀😀😀😀😀 is too long'],
    ['{"reference":"it\'s it"}', 'reference "its it" is too long'],
    ['{"reference":"\\"it\'s\\""}', 'reference "it\\s" is too long'],
    ['{"reference":"a\\nbcdef"}', 'reference a\\nbcdef is too long'],
    ['{"phone":"bad"}', 'phone Not enough digits'],
    ['{"phone":5}', 'phone 5 is not of type string'],
    ['{"personalisation":[]}', 'personalisation [] is not of type object'],
    ['{"personalisation":1.5}', 'personalisation 1.5 is not of type object'],
    ['{"personalisation":{"any":[1]}}'],
    ['{"when":null}'],
    ['{"when":5}', 'when 5 is not of type string, null'],
    ['{"when":"bad"}', 'when Not enough digits'],
    ['{"list":null,"kind":"sms"}'],
    ['{"list":[1,"a"]}'],
    ['{"list":"a"}', 'list a is not of type array, null'],
    ['{"kind":"fax"}', 'kind fax is not one of [sms, email, letter]'],
    ['{"page":1}'],
    ['{"page":1.0}'],
    ['{"page":0}', 'page 0 is less than the minimum of 1'],
    ['{"page":-3.0}', 'page -3.0 is less than the minimum of 1'],
    ['{"page":1.5}', 'page 1.5 is not of type integer'],
    ['{"page":true}', 'page True is not of type integer'],
    ['{"page":"1"}', 'page 1 is not of type integer'],
    ['{"ratio":1.5,"flag":false}'],
    ['{"ratio":0.50}', 'ratio 0.5 is less than the minimum of 1'],
    ['{"flag":0}', 'flag 0 is not of type boolean'],
  ];
  for (const [json, ...expected] of table) assert.deepEqual(faults(json), expected, json);
});

test('faults of list items name the list, each text once', () => {
  const lists = Type.Object({
    kind: Type.Array(Type.Unsafe<string>({ type: 'string', enum: ['sms', 'email'] })),
    ids: Type.Optional(Type.Array(Type.String({ format: 'uuid' }))),
  });
  const table: [document: object, ...faults: string[]][] = [
    [{ kind: [] }],
    [{ kind: ['sms', 'email', 'sms'], ids: [id] }],
    [
      { kind: ['fax', 'sms', 5, 'fax', "it's"], ids: [id, null, 'x'] },
      'kind fax is not one of [sms, email]',
      'kind 5 is not of type string',
      'kind "its" is not one of [sms, email]',
      'ids is not a valid UUID',
    ],
    [{ kind: 'sms' }, 'kind sms is not of type array'],
  ];
  for (const [document, ...expected] of table) assert.deepEqual(faultsOf(lists, document, {}), expected);
});

test('any fault of a UUID or an https URL has the same text', () => {
  for (const value of ['null', '5', '""', '"x"', `" ${id}"`, '{}', '[]', 'true'])
    assert.deepEqual(faults(`{"template":${value}}`), ['template is not a valid UUID'], value);
  assert.deepEqual(faults(`{"template":"{${id.toUpperCase()}}"}`), []);
  const good = [
    ...[
      'https://a.example',
      'https://u:p@a.example:8443/b/c?d=e&f#g?h',
      'https://[::1]/',
      'https://a.example/%C3%A9',
    ],
    ...["https://a.example/(b)!$&'*+,;=:@", 'https:path'],
  ];
  for (const link of good) assert.deepEqual(faults(JSON.stringify({ link })), [], link);
  const bad: unknown[] = [
    ...[null, 5, [], '', 'https', 'https://', 'a.example', 'http://a.example', 'HTTPS://a.example'],
    ...[' https://a.example', 'https://a.example\n', 'https://a.example/b c', 'https://a.example/é'],
    ...[
      'https://a.example/%zz',
      'https://a.example/%2',
      'https://a.example/?b[]=c',
      'https://a.example/#b#c',
    ],
    ...['https://a.example/<b>', 'https://a.example/"b"', 'https://a.example\\b', 'https://a[b].example'],
  ];
  for (const link of bad)
    assert.deepEqual(faults(JSON.stringify({ link })), ['link is not a valid https url'], String(link));
});

test('a long value is checked as fast as any other', () => {
  for (const link of [`https://${'a/'.repeat(3e5)} `, `https:${'//'.repeat(3e5)}#?#`, '%'.repeat(3e5)])
    assert.deepEqual(faults(JSON.stringify({ link })), ['link is not a valid https url']);
});

test('a document that is not an object has no other fault', () => {
  const table: [unknown, string][] = [
    [['a', 1], '[a, 1]'],
    [[], '[]'],
    ['text', 'text'],
    [5, '5'],
    [parseLossless('1.0'), '1.0'],
    [null, 'None'],
  ];
  for (const [document, shown] of table)
    assert.deepEqual(faultsOf(schema, document, formats), [`${shown} is not of type object`]);
});

test('all faults are reported, each once: properties in schema order, then missing ones, then additional ones', () => {
  const document = { zone: 1, flag: 2, kind: 'fax', reference: 3, "it's": 4, area: 5 };
  assert.deepEqual(faultsOf(schema, document, formats), [
    'reference 3 is not of type string',
    'kind fax is not one of [sms, email, letter]',
    'flag 2 is not of type boolean',
    'phone is a required property',
    'template is a required property',
    'Additional properties are not allowed (area, "its", zone were unexpected)',
  ]);
  assert.deepEqual(faults('{"zone":1}'), ['Additional properties are not allowed (zone was unexpected)']);
  const open = Type.Object({ a: Type.Optional(Type.String()) });
  assert.deepEqual(faultsOf(open, { b: 1 }, {}), []);
});

test('names that every object inherits count as neither present nor known', () => {
  const inherited = Type.Object({ toString: Type.String() }, { additionalProperties: false });
  assert.deepEqual(faultsOf(inherited, {}, {}), ['toString is a required property']);
  assert.deepEqual(faultsOf(inherited, { toString: 'a', constructor: 1 }, {}), [
    'Additional properties are not allowed (constructor was unexpected)',
  ]);
});

const fields = Type.Object({
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
    assert.deepEqual(fieldFaults(fields, given, {}), text === null ? {} : { [field]: [text] }, json);
  }
});

test('fields are reported all at once, in the order of the schema', () => {
  const faults = fieldFaults(fields, { parent: 5, kind: 5, page: 'x' }, {});
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
  assertCheckable(fields, '/path');
  assert.throws(
    () => assertCheckable(Type.Object({ a: Type.String({ pattern: '^a' }) }), '/path'),
    /\/path: requests are not checked for "pattern"/,
  );
  const nested = Type.Object({ a: Type.Array(Type.Object({ b: Type.String() })) });
  assert.throws(() => assertCheckable(nested, '/path'), /"properties"/);
});
