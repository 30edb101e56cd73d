import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CellValue, cellsOf, readColumns, readRow, type TemplateType } from './row.ts';

/** `filledWidth` as if every column had a value. */
function columns(header: string[], type: TemplateType, placeholders: string[], filledWidth = header.length) {
  return readColumns({ cells: header, width: header.length }, filledWidth, { type, placeholders });
}

describe('the missing columns of a file', () => {
  test('are listed in the spelling of the template, the recipient last', () => {
    assert.deepEqual(columns(['x'], 'sms', ['First Name', 'first_name', 'x']).missing, [
      'First Name',
      'phone number',
    ]);
    assert.deepEqual(columns(['x'], 'email', ['Email-Address']).missing, ['Email-Address']);
  });

  test('do not include names that match by key', () => {
    const { missing, hasRecipient, recipientHeader } = columns(['FIRST-name', 'Phone_Number'], 'sms', [
      'first name',
    ]);
    assert.deepEqual([missing, hasRecipient, recipientHeader], [[], true, 'Phone_Number']);
  });

  test('never include address columns', () => {
    assert.deepEqual(columns(['name'], 'letter', ['name', 'date']).missing, ['date']);
  });
});

describe('a letter needs three address columns of one list', () => {
  const cases: [string[], boolean][] = [
    [['address line 1', 'address line 4', 'postcode'], true],
    [['ADDRESS_LINE_5', 'addressline6', 'Address-Line-7'], true],
    [['address line 1', 'postcode', 'address line 7'], false],
    [['address line 1', 'address line 1', 'address line 2'], false],
  ];
  for (const [header, enough] of cases)
    test(header.join(), () => assert.equal(columns(header, 'letter', []).hasRecipient, enough));
});

test('a duplicate recipient column is listed in each of its spellings', () => {
  const header = ['Email address', 'name', 'name', 'email_address', 'Email address'];
  assert.deepEqual(columns(header, 'email', []).duplicateRecipients, ['Email address', 'email_address']);
  assert.deepEqual(columns(['email address', 'phone number'], 'email', []).duplicateRecipients, []);
});

test('each header is listed once, an empty one too', () => {
  const { headers } = readColumns({ cells: ['b', '', 'a', 'b'], width: 9 }, 9, {
    type: 'sms',
    placeholders: [],
  });
  assert.deepEqual(headers, ['b', '', 'a']);
});

describe('columns beyond the last value of the file', () => {
  test('count once and have no position', () => {
    const header = ['pet', 'pet', 'pet', 'name', 'name'];
    const { columns: all, headedWidth } = columns(header, 'sms', ['pet', 'name'], 2);
    assert.deepEqual(
      all.map(({ header, positions }) => [header, ...positions]),
      [['pet', 0, 1], ['name']],
    );
    assert.equal(headedWidth, 3);
  });
});

test('the needed columns are the placeholders, the recipient and the reference', () => {
  const header = ['note', 'phone number', 'Reference', 'pet', 'email address'];
  const needed = columns(header, 'sms', ['pet']).needed.map(({ header, isIgnored }) => [header, isIgnored]);
  assert.deepEqual(needed, [
    ['phone number', false],
    ['Reference', true],
    ['pet', false],
  ]);
});

type Row = { header: string[]; cells: string[]; filledWidth?: number; placeholders?: string[] };

function readOne({
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

describe('a repeated column makes a list of values', () => {
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
      assert.deepEqual(readOne({ header: ['pet', 'pet'], cells }).row.personalisation.get('pet'), value),
    );

  test('a repeated column without a second value in any row makes no list', () => {
    const { row } = readOne({ header: ['pet', 'pet'], cells: ['cat'], filledWidth: 1 });
    assert.equal(row.personalisation.get('pet'), 'cat');
  });

  test('a column repeated in another spelling makes no list: the later one counts, even if empty', () => {
    assert.equal(
      readOne({ header: ['pet', 'Pet'], cells: ['cat', 'dog'] }).row.personalisation.get('pet'),
      'dog',
    );
    assert.equal(
      readOne({ header: ['pet', 'Pet'], cells: ['cat', ''] }).row.personalisation.get('pet'),
      null,
    );
  });
});

describe('of a repeated recipient column the last value counts', () => {
  const header = ['phone number', 'phone number'];
  const cases: [cells: string[], recipient: CellValue][] = [
    [['1', '2'], '2'],
    [['1', ''], null],
    [['1'], ['1', null]],
  ];
  for (const [cells, recipient] of cases)
    test(JSON.stringify(cells), () => assert.deepEqual(readOne({ header, cells }).row.recipient, recipient));
});

test('a row has its recipient, placeholders and reference, cleaned', () => {
  const { row } = readOne({
    header: ['Phone-Number', 'note', 'PET', 'reference'],
    cells: ['\u200B 07400 123456 ', 'x', ' a\u00A0b\t', 'r1'],
  });
  assert.equal(row.index, 4);
  assert.equal(row.recipient, '07400 123456');
  assert.equal(row.reference, 'r1');
  assert.deepEqual(Object.fromEntries(row.personalisation), { phonenumber: '07400 123456', pet: 'ab' });
});

test('every cell of a row is listed, those of other columns as ignored', () => {
  const { cells, withoutHeader } = readOne({
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

test('cells beyond the fullest row of the file are not listed', () => {
  assert.deepEqual(
    readOne({ header: ['phone number'], cells: ['1', 'x', '', ''], filledWidth: 2 }).withoutHeader,
    ['x'],
  );
});

test('a column may have any name, even __proto__', () => {
  const { row } = readOne({
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

test('what spreadsheets and copied text leave around a recipient or header is mended', () => {
  const { row } = readOne({
    header: ['\u00a0phone\u202fnumber\u200b', '\u200epet'],
    cells: ['="07400123456"', '="a b"'],
  });
  assert.deepEqual([row.recipient, row.personalisation.get('pet')], ['07400123456', 'a b']);
  const { row: copied } = readOne({ header: ['phone number'], cells: ['\u202a+44 7400 123456\u202c'] });
  assert.equal(copied.recipient, '+44 7400 123456');
});

test('a header that matches a placeholder exactly is not mended', () => {
  const header = ['phone number', 'a\u00a0b', '\u200ephone number'];
  const found = columns(header, 'sms', ['a\u00a0b']);
  assert.deepEqual([found.missing, found.duplicateRecipients], [[], ['phone number', '\u200ephone number']]);
});
