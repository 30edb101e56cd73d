import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type CsvRecord, MAX_COLUMNS, RecordReader } from './csv-record.ts';

function read(chunks: readonly string[], separator: ',' | ';' | '\t' = ',') {
  const records: CsvRecord[] = [];
  const reader = new RecordReader(separator, (record) => records.push(record));
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return { records, problem: reader.problem };
}

const cellsOf = (text: string, separator: ',' | ';' | '\t' = ',') =>
  read([text], separator).records.map(({ cells, width }) =>
    Array.from({ length: width }, (_, place) => cells[place] ?? ''),
  );

describe('a text becomes records as the machine of the spec says', () => {
  const cases: [promise: string, text: string, records: string[][]][] = [
    ['no text has no records', '', []],
    [
      'cells and lines',
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a blank line is a record without cells', 'a\n\nb', [['a'], [], ['b']]],
    ['a line of spaces is a record with an empty cell', 'a\n   \nb', [['a'], [''], ['b']]],
    [
      'empty cells count',
      'a,,\n,',
      [
        ['a', '', ''],
        ['', ''],
      ],
    ],
    ['spaces go before a cell and stay behind it', '  a , b\t', [['a ', 'b\t']]],
    ['only spaces go: a tab makes a quote literal', '\t"a",b', [['\t"a"', 'b']]],
    ['a quote after spaces opens a cell', ' "a,b",c', [['a,b', 'c']]],
    ['a quote inside a cell is a quote', 'a"b",c', [['a"b"', 'c']]],
    ['a doubled quote is one', '"""a"" b"', [['"a" b']]],
    ['text after a closing quote is appended', '"a" b"c" ,d', [['a b"c" ', 'd']]],
    ['line breaks stay in quotes', '"a\r\nb\nc\rd",e\r\nf', [['a\r\nb\nc\rd', 'e'], ['f']]],
    ['the end closes what is open', 'a,"b\n', [['a', 'b\n']]],
    ['the end after a quote closes it', 'a,""', [['a', '']]],
    ['several carriage returns before a line feed are one end', 'a\r\r\nb\r\n', [['a'], ['b']]],
    ['a carriage return may stand last', 'a\r', [['a']]],
  ];
  for (const [promise, text, records] of cases)
    test(`${promise}: ${JSON.stringify(text)}`, () => assert.deepEqual(cellsOf(text), records));

  test('the other separators work alike, and a comma is then text', () => {
    assert.deepEqual(cellsOf('a,b; "c;d"\n;', ';'), [
      ['a,b', 'c;d'],
      ['', ''],
    ]);
    assert.deepEqual(cellsOf('a\t\t"b"', '\t'), [['a', '', 'b']]);
  });
});

describe('what cannot be read is told', () => {
  const cases: [promise: string, text: string, problem: string | null][] = [
    ['a carriage return inside a line', 'a\rb', 'lone-carriage-return'],
    ['the same after an empty line', '\ra', 'lone-carriage-return'],
    ['a cell of 131,072 characters is fine', 'x'.repeat(131_072), null],
    ['one more is not', 'x'.repeat(131_073), 'cell-too-long'],
    ['not in quotes either', `"${'x'.repeat(131_073)}`, 'cell-too-long'],
    ['characters count, not units', `${'😀'.repeat(131_072)},a`, null],
    ['and are too many one by one', '😀'.repeat(131_073), 'cell-too-long'],
    ['the first reason stands', `${','.repeat(MAX_COLUMNS)}${'x'.repeat(300_000)}\ra`, 'cell-too-long'],
    ['the last column', `${','.repeat(MAX_COLUMNS - 1)}a`, null],
    ['one column too many', `${','.repeat(MAX_COLUMNS)}a`, 'too-many-columns'],
    ['empty columns are never too many', `a${','.repeat(3 * MAX_COLUMNS)}\nb`, null],
  ];
  for (const [promise, text, problem] of cases)
    test(promise, () => assert.equal(read([text]).problem, problem));
});

const piece = fc.constantFrom('a', ',', '"', '\n', '\r', '\r\n', ' ', ';', '\t', 'é', '""', 'word');

test('however a text is divided, its records are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.array(piece).map((pieces) => pieces.join(''))), (chunks) => {
      assert.deepEqual(read(chunks), read([chunks.join('')]));
      assert.deepEqual(read([...chunks.join('')]), read([chunks.join('')]));
    }),
  );
});

test('what is written in quotes is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 })), (rows) => {
      const text = rows
        .map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
        .join('\r\n');
      assert.deepEqual(cellsOf(text), rows);
    }),
  );
});
