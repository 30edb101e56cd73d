import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recipientSet } from './allow-list.ts';
import { surveyCsv } from './csv.ts';
import { type CheckOptions, type CsvTemplate, checkCsv, checkRows, readRows } from './csv-check.ts';
import { reportCsv } from './csv-report.ts';

/** The message is the value of `text`: none is empty, more than five characters are too long. */
const sms: CsvTemplate = {
  type: 'sms',
  placeholders: ['text'],
  judge: (values) => {
    const text = values.get('text') ?? 'text';
    if (text === '-') return 'empty';
    return text.length > 5 ? 'too-long' : null;
  },
};
const email: CsvTemplate = { type: 'email', placeholders: [], judge: () => null };

async function* source(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

async function surveyed(text: string, template: CsvTemplate) {
  const survey = await surveyCsv(source(text), { expected: template.placeholders });
  assert.ok(survey.ok);
  return survey.form;
}

async function check(text: string, template: CsvTemplate, options: CheckOptions = {}) {
  return checkCsv(source(text), await surveyed(text, template), template, options);
}

const errorsOf = async (text: string, template: CsvTemplate, options: CheckOptions = {}) =>
  reportCsv(await check(text, template, options)).errors;

describe('a row is wrong', () => {
  const cases: [promise: string, cells: string, column: string | null, message: string | RegExp][] = [
    ['without a recipient', ',a', 'phone number', 'Missing'],
    ['without a value', '07400123456,', 'text', 'Missing'],
    ['with a bad number', '0740012345x,a', 'phone number', /^Mobile numbers can only include/],
    ['with a number abroad', '+12125550123,a', 'phone number', /^This does not look like a UK mobile/],
    ['with a landline', '02079460123,a', 'phone number', /^This does not look like a UK mobile/],
    ['with a number a spreadsheet spoilt', '7.4001E+09,a', 'phone number', /spreadsheet/],
    ['with too long a message', '07400123456,abcdef', null, 'Message is too long'],
    ['with an empty message', '07400123456,-', null, 'No content for this message'],
  ];
  for (const [promise, cells, column, message] of cases)
    test(promise, async () => {
      const [error, ...others] = await errorsOf(
        `phone number,text\n07400123456,a\n${cells}\n07400123456,z`,
        sms,
      );
      assert.deepEqual(others, []);
      assert.deepEqual([error?.row, error?.column], [3, column]);
      if (typeof message === 'string') assert.equal(error?.message, message);
      else assert.match(error?.message ?? '', message);
    });

  test('but a number that lost its leading zero is not', async () => {
    assert.deepEqual(await errorsOf('phone number,text\n7400123456,a', sms), []);
  });

  test('and its cell keeps the exact text beside the hint', async () => {
    const { initialRows } = await check('phone number,text\n7.4001E+09,a', sms);
    const [error] = initialRows[0]!.cellErrors;
    assert.equal(error?.text, 'Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -');
    assert.match(error?.hint ?? '', /7\.4001E\+09/);
  });

  test('in a bad email address', async () => {
    const errors = await errorsOf('email address\na@example.com\na@example\n', email);
    assert.deepEqual(errors, [{ row: 3, column: 'email address', message: 'Not a valid email address' }]);
  });

  test('in none of its other columns', async () => {
    assert.deepEqual(await errorsOf('email address,phone number,text\na@example.com,x,\n', email), []);
  });
});

describe('phone numbers', () => {
  const text = 'phone number,text\n+12125550123,a\n02079460123,a\n07797123456,a\n+12125550124,a';

  test('are allowed by permission, and the foreign ones counted', async () => {
    const permissions = { international: true, ukLandlines: true };
    const got = await check(text, sms, { permissions, remainingInternational: 1 });
    assert.deepEqual(got.rowsWithErrors, []);
    assert.equal(got.internationalCount, 2);
    assert.ok(got.moreInternationalThanCanSend && got.hasErrors);
  });

  test('are taken as they are when not to be validated, unless missing', async () => {
    const got = await check('phone number,text\nnobody,a\n,a', sms, { validatePhoneNumbers: false });
    assert.deepEqual([got.rowsWithBadRecipients, got.rowsWithMissingData], [[], [1]]);
  });
});

describe('a service on trial sends only to its own', () => {
  const allowed = recipientSet(['ann@example.com', '07400 123456', null]);
  const cases: [CsvTemplate, text: string, isAllowed: boolean][] = [
    [email, 'email address\nANN@example.com', true],
    [email, 'email address\nbob@example.com', false],
    [sms, 'phone number,text\n+44 7400 123456,a', true],
    [sms, 'phone number,text\n07400123457,a', false],
    [sms, 'phone number,text\n07400123456,a\n,a\n07400123456,a', false],
  ];
  for (const [template, text, isAllowed] of cases)
    test(JSON.stringify(text), async () =>
      assert.equal((await check(text, template, { allowed })).allowedToSendTo, isAllowed),
    );
});

test('recipients that come again are counted, whatever their spelling', async () => {
  const text = 'phone number,text\n07400123456,a\n+447400123456,b\nx,c\nx,d\n7400123456,e';
  const { duplicateCount, duplicates, valid } = reportCsv(await check(text, sms));
  assert.equal(duplicateCount, 2);
  assert.deepEqual(duplicates, [
    { row: 3, firstRow: 2 },
    { row: 6, firstRow: 2 },
  ]);
  assert.equal(valid, false);
});

test('of two recipient columns an empty one is not missing', async () => {
  const got = await check('phone number,Phone number,text\n07400123456,,a', sms);
  assert.deepEqual(got.rowsWithErrors, []);
  assert.ok(got.hasErrors);
});

describe('the file as a whole', () => {
  const fileErrors: [promise: string, text: string, options: CheckOptions, message: RegExp][] = [
    [
      'too many rows',
      'phone number,text\n1,a\n2,b\n3,c',
      { maxRows: 2 },
      /up to 2 rows at once, your file has 3/,
    ],
    ['no rows', 'phone number,text\n', {}, /no rows/],
    ['nothing at all', '', {}, /no rows/],
    ['a column missing', 'phone number\n07400123456', {}, /needs a column called ‘text’/],
    ['no recipients', 'text\na', {}, /needs a column called ‘phone number’/],
    ['the day full', 'phone number,text\n07400123456,a', { remainingMessages: 0 }, /can send 0 more/],
  ];
  for (const [promise, text, options, message] of fileErrors)
    test(`${promise} is an error`, async () => {
      const report = reportCsv(await check(text, sms, options));
      assert.match(report.errors[0]?.message ?? '', message);
      assert.equal(report.errors[0]?.row, null);
      assert.equal(report.valid, false);
    });

  test('no row of a file with too many is judged, but the first are there', async () => {
    const text = `phone number,text\n${'x,\n'.repeat(30)}x,y`;
    const got = await check(text, sms, { maxRows: 30 });
    assert.deepEqual([got.rowCount, got.rowsWithErrors, got.displayedRows.length], [31, [], 10]);
  });

  test('at most twenty errors are told, and all are counted', async () => {
    const report = reportCsv(await check(`phone number,text\n${'x,\n'.repeat(500)}y,z`, sms));
    assert.deepEqual([report.errors.length, report.errorCount, report.notificationCount], [20, 1001, 501]);
  });

  test('rows with errors are shown, but the first ones when a column is missing', async () => {
    const shown = async (header: string) => {
      const { displayedRows } = await check(`${header}\n07400123456,a\nx,b\n`, sms, { maxErrorsShown: 1 });
      return displayedRows.map(({ index }) => index);
    };
    assert.deepEqual(await shown('phone number,text'), [1]);
    assert.deepEqual(await shown('phone number,other'), [0, 1]);
  });

  test('a good file is valid and tells its columns', async () => {
    const report = reportCsv(await check('Text;Phone_Number;note\na;07400 123456;\n', sms));
    assert.deepEqual(report, {
      notificationCount: 1,
      columns: ['Text', 'Phone_Number', 'note'],
      recipientColumn: 'Phone_Number',
      missingColumns: [],
      errors: [],
      errorCount: 0,
      duplicateCount: 0,
      duplicates: [],
      valid: true,
    });
  });
});

test('a job reads the same rows without judging them', async () => {
  const text = 'phone number,text,reference\n07400123456,a,r\n\nx,,\n';
  const form = await surveyed(text, sms);
  // A form is kept with its file as JSON.
  const kept = JSON.parse(JSON.stringify(form));
  const read = [];
  for await (const { index, recipient, personalisation, reference } of readRows(source(text), kept, sms))
    read.push([index, recipient, personalisation.get('text'), reference]);
  assert.deepEqual(read, [
    [0, '07400123456', 'a', 'r'],
    [1, null, null, null],
    [2, 'x', null, null],
  ]);
  const checked = [];
  for await (const row of checkRows(source(text), form, sms))
    checked.push(row.cellErrors.map(({ key }) => key));
  assert.deepEqual(checked, [[], ['phonenumber', 'text'], ['phonenumber', 'text']]);
});

test('letters have their columns checked', async () => {
  const letter: CsvTemplate = { type: 'letter', placeholders: ['name'], judge: () => null };
  const got = await check('address line 1,address line 2,postcode,name\nA,B,C,\n', letter);
  assert.deepEqual(got.rowsWithMissingData, [0]);
  assert.deepEqual(got.initialRows[0]?.recipient, ['A', 'B', null, null, null, null, 'C', null]);
  assert.match(
    (await errorsOf('postcode,name\nA,B', letter))[0]?.message ?? '',
    /at least 3 address columns/,
  );
});
