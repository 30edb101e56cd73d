import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLossless } from '../../ground/json.ts';
import { listText, valueText } from './personalisation.ts';

test('numbers read as the request wrote them', () => {
  const table: [string, string][] = [
    ['6', '6'],
    ['6.0', '6.0'],
    ['-0', '0'],
    ['-0.0', '-0.0'],
    ['99.50', '99.5'],
    ['1e3', '1000.0'],
    ['0.0001', '0.0001'],
    ['0.00001', '1e-05'],
    ['1E15', '1000000000000000.0'],
    ['1e16', '1e+16'],
    ['1.25e-7', '1.25e-07'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['12345678901234567890.5', '1.2345678901234567e+19'],
    ['1e999', 'inf'],
  ];
  for (const [source, text] of table) {
    assert.equal(valueText(parseLossless(source)), text, source);
    const inside = parseLossless(`{"a": [ ${source}]}`) as { a: unknown[] };
    assert.equal(valueText(inside.a[0]), text, `${source} in an array`);
  }
});

test('a number of the request survives being stored', () => {
  const source = '{"a":6.0,"b":[123456789012345678901,1e400],"c":{"d":-0.0}}';
  const stored = JSON.stringify(parseLossless(source));
  assert.equal(stored, source);
  assert.equal(JSON.stringify(parseLossless(stored)), source);
});

test('other JSON parses as JSON.parse does, and malformed JSON is refused', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const source = JSON.stringify(value);
      // Through text again, because numbers that JSON.parse would change are objects here.
      assert.deepEqual(JSON.parse(JSON.stringify(parseLossless(source))), JSON.parse(source));
    }),
    { numRuns: 300 },
  );
  for (const bad of ['', '{', '01', "{'a': 1.0}"]) assert.throws(() => parseLossless(bad), SyntaxError);
});

test('nesting of any depth can be parsed and shown', () => {
  const deep = parseLossless(`${'['.repeat(20_000)}1.0${']'.repeat(20_000)}`);
  assert.match(valueText(deep), /^\[{100}\.\.\.\]{100}$/);
});

test('values that are not strings read in the literal notation of the reference', () => {
  const table: [unknown, string][] = [
    [true, 'True'],
    [false, 'False'],
    [{ key: 'value', n: null }, "{'key': 'value', 'n': None}"],
    [{ a: [1, "it's"] }, `{'a': [1, "it's"]}`],
    [{ a: `'"` }, `{'a': '\\'"'}`],
    [{ a: 'x\n\\\xa0\u200b\u{e0001}é' }, "{'a': 'x\\n\\\\\\xa0\\u200b\\U000e0001é'}"],
    [[], '[]'],
  ];
  for (const [value, text] of table) assert.equal(valueText(value), text);
});

test('a list drops blank items and joins the rest as a sentence or as Markdown', () => {
  const table: [unknown[], string, string][] = [
    [[], '', ''],
    [[null, ' ', '\u200b\t'], '', ''],
    [[' one\u00a0'], 'one', '\n\n* one'],
    [['one', 'two'], 'one and two', '\n\n* one\n* two'],
    [['one', 2, true], 'one, 2 and True', '\n\n* one\n* 2\n* True'],
    [[['a'], { b: 1 }], "['a'] and {'b': 1}", "\n\n* ['a']\n* {'b': 1}"],
  ];
  for (const [items, sentence, markdown] of table) {
    assert.equal(listText(items, 'sentence'), sentence);
    assert.equal(listText(items, 'markdown'), markdown);
  }
});

test('no value makes its text form throw', () => {
  fc.assert(fc.property(fc.anything(), (value) => typeof valueText(value) === 'string'));
  fc.assert(fc.property(fc.array(fc.anything()), (items) => typeof listText(items, 'sentence') === 'string'));
});
