import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonFloat, literalText, numberText, objectOf, parseLossless } from './json.ts';

// How request values read is tested in content/template/personalisation.test.ts; this tests the parser and notation.

test('every number of a JSON document keeps its source text', () => {
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 25n }), fc.nat(24)).map(([n, cut]) => n / 10n ** BigInt(cut)),
      fc.option(fc.nat(), { nil: null }),
      fc.constantFrom('', 'e5', 'E-7', 'e+400'),
    )
    .map(([sign, whole, part, exponent]) => `${sign}${whole}${part === null ? '' : `.${part}`}${exponent}`);
  const frame = fc.constantFrom('?', ' ?', '[?]', '[1,\n?]', '{"a":?}', '{"a" :\t?,"b":[[?]]}', '["e.1",?]');
  for (const digits of [15, 16, 17, 18]) {
    const source = '9'.repeat(digits);
    assert.equal(JSON.stringify(parseLossless(`[-${source}]`)), `[-${source}]`);
  }
  fc.assert(
    fc.property(number, frame, (source, text) => {
      const document = text.replaceAll('?', source);
      assert.equal(JSON.stringify(parseLossless(document)), document.replace(/\s/g, ''));
    }),
    { numRuns: 500 },
  );
});

test('the keys of an object keep their order, even if they read as whole numbers', () => {
  const key = fc.oneof(
    fc.constantFrom(
      '2',
      '1',
      '0',
      '10',
      '01',
      '-1',
      '2_',
      'b',
      '__proto__',
      'a"2":',
      '\\',
      '\\"',
      '4294967295',
    ),
    fc.nat().map(String),
    fc.string(),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('1', '1.0', 'null', '"2"', JSON.stringify('{"2": 1, "\\"": 2}')),
      fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
      fc
        .uniqueArray(fc.tuple(key, tie('value')), { maxLength: 5, selector: ([name]) => name })
        .map((entries) => `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${item}`).join(',')}}`),
    ),
  }));
  fc.assert(
    fc.property(value, (source) => assert.equal(JSON.stringify(parseLossless(source as string)), source)),
    { numRuns: 500 },
  );
  assert.equal(
    JSON.stringify(parseLossless('{"b" : 1, "\\u0032":2, "1"\n:3, "b":4}')),
    '{"b":4,"2":2,"1":3}',
  );
  assert.equal(literalText(parseLossless('{"b":1,"2":1.0}')), "{'b': 1, '2': 1.0}");
});

test('an escaped key is read as itself, whatever keys were read before', () => {
  const table: [before: string, text: string, key: string][] = [
    ['\\\\', '\\u00e9', 'é'],
    ['\\\\', '\\u0032', '2'],
    ['pr\\\\u00', 'pr\\u00e9nom', 'prénom'],
    ['k\\\\', 'k\\u0032', 'k2'],
  ];
  for (const [before, text, key] of table) {
    for (let n = 0; n < 10; n++) JSON.parse(`{"first ${key}":1,"${before}":2}`);
    const value = parseLossless(`{"first ${key}":1,"${text}":2}`) as object;
    assert.deepEqual(Object.keys(value).toSorted(), [`first ${key}`, key].toSorted(), text);
  }
});

test('an object made from entries keeps the order of its keys, and can be changed', () => {
  const object = objectOf([
    ['b', 1],
    ['2', 2],
    ['1', 3],
  ]);
  assert.deepEqual(Object.entries(object), [
    ['b', 1],
    ['2', 2],
    ['1', 3],
  ]);
  delete object['2'];
  object['c'] = 4;
  assert.equal(JSON.stringify(object), '{"b":1,"1":3,"c":4}');
});

test('a number in literal notation reads back as the same double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const sign = Object.is(value, -0) ? '-' : '';
      const text = numberText(sign + value.toExponential());
      assert.match(text, /^-?(\d+\.\d+|\d(\.\d+)?e[+-]\d{2,3})$/);
      assert.ok(Object.is(Number(text), value), text);
    }),
  );
});

test('a float is written to JSON with a fraction or an exponent, whole or not, and reads back as the same double', () => {
  const table: [number, string][] = [
    [0, '0.0'],
    [1, '1.0'],
    [-2, '-2.0'],
    [0.024, '0.024'],
    [0.1 + 0.2, '0.30000000000000004'],
    [1e21, '1e+21'],
  ];
  for (const [value, text] of table) assert.equal(JSON.stringify([jsonFloat(value)]), `[${text}]`);
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = JSON.stringify(jsonFloat(value));
      assert.match(text, /[.e]/);
      assert.ok(Object.is(JSON.parse(text), value), text);
    }),
  );
});

test('strings in literal notation have its quotes and escapes', () => {
  const table: [string, string][] = [
    ['plain', "'plain'"],
    ["it's", `"it's"`],
    [`"it's"`, `'"it\\'s"'`],
    ['a\n\t\\', "'a\\n\\t\\\\'"],
    ['\x7f\xa0\u2028\u{1f600}\ud800', "'\\x7f\\xa0\\u2028\u{1f600}\\ud800'"],
  ];
  for (const [text, expected] of table) assert.equal(literalText(text), expected);
  assert.equal(literalText({ a: [null, true, 1] }), "{'a': [None, True, 1]}");
});
