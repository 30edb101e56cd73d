import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type CsvRecord, maxColumns, RecordReader } from './record.ts';

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

describe('a text is split into records by the state machine of the spec', () => {
  const cases: [promise: string, text: string, records: string[][]][] = [
    ['an empty text has no records', '', []],
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
    ['spaces before a cell are skipped, those after it kept', '  a , b\t', [['a ', 'b\t']]],
    ['only spaces are skipped, so a tab makes a quote literal', '\t"a",b', [['\t"a"', 'b']]],
    ['a quote after spaces opens a cell', ' "a,b",c', [['a,b', 'c']]],
    ['a quote inside a cell is a quote', 'a"b",c', [['a"b"', 'c']]],
    ['a doubled quote is one quote', '"""a"" b"', [['"a" b']]],
    ['text after a closing quote is appended', '"a" b"c" ,d', [['a b"c" ', 'd']]],
    ['line breaks inside quotes are kept', '"a\r\nb\nc\rd",e\r\nf', [['a\r\nb\nc\rd', 'e'], ['f']]],
    ['the end of the text closes an open quote', 'a,"b\n', [['a', 'b\n']]],
    ['the end of the text may follow a closing quote', 'a,""', [['a', '']]],
    ['several carriage returns before a line feed are one line end', 'a\r\r\nb\r\n', [['a'], ['b']]],
    ['a carriage return may end the text', 'a\r', [['a']]],
  ];
  for (const [promise, text, records] of cases)
    test(`${promise}: ${JSON.stringify(text)}`, () => assert.deepEqual(cellsOf(text), records));

  test('semicolons and tabs separate alike, and commas are then text', () => {
    assert.deepEqual(cellsOf('a,b; "c;d"\n;', ';'), [
      ['a,b', 'c;d'],
      ['', ''],
    ]);
    assert.deepEqual(cellsOf('a\t\t"b"', '\t'), [['a', '', 'b']]);
  });
});

describe('an unreadable text has a problem', () => {
  const cases: [promise: string, text: string, problem: string | null][] = [
    ['a carriage return inside a line is not allowed', 'a\rb', 'lone-carriage-return'],
    ['a carriage return at the start of a line is not allowed', '\ra', 'lone-carriage-return'],
    ['a cell of 131,072 characters is allowed', 'x'.repeat(131_072), null],
    ['a cell of 131,073 characters is too long', 'x'.repeat(131_073), 'cell-too-long'],
    ['a quoted cell of 131,073 characters is too long', `"${'x'.repeat(131_073)}`, 'cell-too-long'],
    ['cell lengths are counted in code points, not UTF-16 units', `${'😀'.repeat(131_072)},a`, null],
    ['a cell of 131,073 code points is too long', '😀'.repeat(131_073), 'cell-too-long'],
    [
      'the first problem found is the one reported',
      `${','.repeat(maxColumns)}${'x'.repeat(300_000)}\ra`,
      'cell-too-long',
    ],
    ['a value in the last allowed column is allowed', `${','.repeat(maxColumns - 1)}a`, null],
    ['a value one column further is not allowed', `${','.repeat(maxColumns)}a`, 'too-many-columns'],
    ['any number of empty columns is allowed', `a${','.repeat(3 * maxColumns)}\nb`, null],
  ];
  for (const [promise, text, problem] of cases)
    test(promise, () => assert.equal(read([text]).problem, problem));
});

const piece = fc.constantFrom('a', ',', '"', '\n', '\r', '\r\n', ' ', ';', '\t', 'é', '""', 'word');

test('a text has the same records however it is split into chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.array(piece).map((pieces) => pieces.join(''))), (chunks) => {
      assert.deepEqual(read(chunks), read([chunks.join('')]));
      assert.deepEqual(read([...chunks.join('')]), read([chunks.join('')]));
    }),
  );
});

test('quoted cells are read back as they were written', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 })), (rows) => {
      const text = rows
        .map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
        .join('\r\n');
      assert.deepEqual(cellsOf(text), rows);
    }),
  );
});
