import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readColumns } from './csv-columns.ts';
import { type CellValue, cellsOf, readRow } from './csv-row.ts';

type Row = { header: string[]; cells: string[]; filledWidth?: number; placeholders?: string[] };

function read({
  header,
  cells,
  filledWidth = Math.max(header.length, cells.length),
  placeholders = ['pet'],
}: Row) {
  const columns = readColumns({ cells: header, width: header.length }, filledWidth, {
    type: 'sms',
    placeholders,
  });
  const filled = cells.findLastIndex((cell) => cell !== '') + 1;
  const row = readRow(columns, 4, { cells: cells.slice(0, filled), width: cells.length });
  return { row, ...cellsOf(columns, row) };
}

describe('a repeated column makes a list', () => {
  const cases: [cells: string[], value: CellValue][] = [
    [
      ['cat', 'dog'],
      ['cat', 'dog'],
    ],
    [
      ['cat', ''],
      ['cat', null],
    ],
    [['', 'dog'], 'dog'],
    [['', ''], null],
    [['cat'], ['cat', null]],
    [[], null],
  ];
  for (const [cells, value] of cases)
    test(JSON.stringify(cells), () =>
      assert.deepEqual(read({ header: ['pet', 'pet'], cells }).row.personalisation.get('pet'), value),
    );

  test('but not where no row of the file has more than one', () => {
    const { row } = read({ header: ['pet', 'pet'], cells: ['cat'], filledWidth: 1 });
    assert.equal(row.personalisation.get('pet'), 'cat');
  });

  test('nor in another spelling: then the later column counts, even when empty', () => {
    assert.equal(
      read({ header: ['pet', 'Pet'], cells: ['cat', 'dog'] }).row.personalisation.get('pet'),
      'dog',
    );
    assert.equal(read({ header: ['pet', 'Pet'], cells: ['cat', ''] }).row.personalisation.get('pet'), null);
  });
});

describe('of a repeated recipient the last counts', () => {
  const header = ['phone number', 'phone number'];
  const cases: [cells: string[], recipient: CellValue][] = [
    [['1', '2'], '2'],
    [['1', ''], null],
    [['1'], ['1', null]],
  ];
  for (const [cells, recipient] of cases)
    test(JSON.stringify(cells), () => assert.deepEqual(read({ header, cells }).row.recipient, recipient));
});

test('a row holds its recipient, its placeholders and its reference', () => {
  const { row } = read({
    header: ['Phone-Number', 'note', 'PET', 'reference'],
    cells: ['\u200B 07400 123456 ', 'x', ' a\u00A0b\t', 'r1'],
  });
  assert.equal(row.index, 4);
  assert.equal(row.recipient, '07400 123456');
  assert.equal(row.reference, 'r1');
  assert.deepEqual(Object.fromEntries(row.personalisation), { phonenumber: '07400 123456', pet: 'ab' });
});

test('all cells can be seen, those of other columns as ignored', () => {
  const { cells, withoutHeader } = read({
    header: ['phone number', '', 'note', ''],
    cells: ['1', '', 'x', '', ' y ', ''],
  });
  assert.deepEqual(
    cells.map(({ key, value, isIgnored }) => [key, value, isIgnored]),
    [
      ['phonenumber', '1', false],
      ['note', 'x', true],
    ],
  );
  assert.deepEqual(withoutHeader, [' y ', '']);
});

test('what is past the fullest row is not shown', () => {
  assert.deepEqual(
    read({ header: ['phone number'], cells: ['1', 'x', '', ''], filledWidth: 2 }).withoutHeader,
    ['x'],
  );
});

test('a column may have any name', () => {
  const { row } = read({
    header: ['__proto__', 'phone number'],
    cells: ['a', '1'],
    placeholders: ['proto', '__proto__'],
  });
  assert.deepEqual(
    [...row.personalisation],
    [
      ['proto', 'a'],
      ['phonenumber', '1'],
    ],
  );
});
