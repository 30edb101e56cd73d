import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recipientSet } from '../allow-list.ts';
import {
  type CheckOptions,
  type CsvTemplate,
  checkCsv,
  checkRows,
  readRows,
  spreadsheetDamage,
} from './check.ts';
import { surveyCsv } from './file.ts';
import { reportCsv } from './report.ts';

/** The message is the value of `text`: `-` counts as empty, more than five characters as too long. */
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

describe('a row has an error', () => {
  const cases: [promise: string, cells: string, column: string | null, message: string | RegExp][] = [
    ['without a recipient', ',a', 'phone number', 'Missing'],
    ['without a value', '07400123456,', 'text', 'Missing'],
    ['with a bad number', '0740012345x,a', 'phone number', /^Mobile numbers can only include/],
    ['with a number abroad', '+12125550123,a', 'phone number', /^This does not look like a UK mobile/],
    ['with a landline', '02079460123,a', 'phone number', /^This does not look like a UK mobile/],
    ['with a number that a spreadsheet damaged', '7.4001E+09,a', 'phone number', /spreadsheet/],
    ['with a message that is too long', '07400123456,abcdef', null, 'Message is too long'],
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

  test('a number that only lost its leading zero is valid', async () => {
    assert.deepEqual(await errorsOf('phone number,text\n7400123456,a', sms), []);
  });

  test('the exact text of an error is kept beside its hint', async () => {
    const { initialRows } = await check('phone number,text\n7.4001E+09,a', sms);
    const [error] = initialRows[0]!.cellErrors;
    assert.equal(error?.text, 'Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -');
    assert.match(error?.hint ?? '', /7\.4001E\+09/);
  });

  test('with a bad email address', async () => {
    const errors = await errorsOf('email address\na@example.com\na@example\n', email);
    assert.deepEqual(errors, [{ row: 3, column: 'email address', message: 'Not a valid email address' }]);
  });

  test('a column that the template does not use has no errors', async () => {
    assert.deepEqual(await errorsOf('email address,phone number,text\na@example.com,x,\n', email), []);
  });
});

describe('the phone numbers of a file', () => {
  const text = 'phone number,text\n+12125550123,a\n02079460123,a\n07797123456,a\n+12125550124,a';

  test('are checked against the permissions, and foreign ones are counted', async () => {
    const permissions = { international: true, ukLandlines: true };
    const got = await check(text, sms, { permissions, remainingInternational: 1 });
    assert.deepEqual(got.rowsWithErrors, []);
    assert.equal(got.internationalCount, 2);
    assert.ok(got.moreInternationalThanCanSend && got.hasErrors);
  });

  test('are only checked for being present if validation is off', async () => {
    const got = await check('phone number,text\nnobody,a\n,a', sms, { validatePhoneNumbers: false });
    assert.deepEqual([got.rowsWithBadRecipients, got.rowsWithMissingData], [[], [1]]);
  });
});

describe('a service in trial mode may send to its allow-list only', () => {
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

test('repeated recipients are counted regardless of spelling', async () => {
  const text = 'phone number,text\n07400123456,a\n+447400123456,b\nx,c\nx,d\n7400123456,e';
  const { duplicateCount, duplicates, valid } = reportCsv(await check(text, sms));
  assert.equal(duplicateCount, 2);
  assert.deepEqual(duplicates, [
    { row: 3, firstRow: 2 },
    { row: 6, firstRow: 2 },
  ]);
  assert.equal(valid, false);
});

test('an empty cell in one of two recipient columns is not called missing', async () => {
  const got = await check('phone number,Phone number,text\n07400123456,,a', sms);
  assert.deepEqual(got.rowsWithErrors, []);
  assert.ok(got.hasErrors);
});

describe('a file as a whole', () => {
  const fileErrors: [promise: string, text: string, options: CheckOptions, message: RegExp][] = [
    [
      'too many rows',
      'phone number,text\n1,a\n2,b\n3,c',
      { maxRows: 2 },
      /up to 2 rows at once, your file has 3/,
    ],
    ['no rows', 'phone number,text\n', {}, /no rows/],
    ['no content', '', {}, /no rows/],
    ['a missing column', 'phone number\n07400123456', {}, /needs a column called ‘text’/],
    ['no recipient column', 'text\na', {}, /needs a column called ‘phone number’/],
    [
      'no messages left today',
      'phone number,text\n07400123456,a',
      { remainingMessages: 0 },
      /can send 0 more/,
    ],
  ];
  for (const [promise, text, options, message] of fileErrors)
    test(`with ${promise} has an error`, async () => {
      const report = reportCsv(await check(text, sms, options));
      assert.match(report.errors[0]?.message ?? '', message);
      assert.equal(report.errors[0]?.row, null);
      assert.equal(report.valid, false);
    });

  test('with too many rows has none of them checked, but the first ones shown', async () => {
    const text = `phone number,text\n${'x,\n'.repeat(30)}x,y`;
    const got = await check(text, sms, { maxRows: 30 });
    assert.deepEqual([got.rowCount, got.rowsWithErrors, got.displayedRows.length], [31, [], 10]);
  });

  test('has at most twenty errors listed, and all counted', async () => {
    const report = reportCsv(await check(`phone number,text\n${'x,\n'.repeat(500)}y,z`, sms));
    assert.deepEqual([report.errors.length, report.errorCount, report.notificationCount], [20, 1001, 501]);
  });

  test('has rows with errors shown first, unless a column is missing', async () => {
    const shown = async (header: string) => {
      const { displayedRows } = await check(`${header}\n07400123456,a\nx,b\n`, sms, { maxErrorsShown: 1 });
      return displayedRows.map(({ index }) => index);
    };
    assert.deepEqual(await shown('phone number,text'), [1]);
    assert.deepEqual(await shown('phone number,other'), [0, 1]);
  });

  test('without errors is valid and lists its columns', async () => {
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

describe('what is in doubt is named with its row, and the file is not valid', () => {
  const cases: [promise: string, text: string, row: number, column: string | null, message: RegExp][] = [
    [
      'a quote that is not closed',
      'phone number,text\n07400123456,a\n07400123457,"b\n07400123458,c\n',
      3,
      'text',
      /quote \("\) that is not closed, .* – close the quote, or delete it$/,
    ],
    [
      'a quote that the opening one of a later cell closes',
      'phone number,text\n07400123456,"a\n07400123457,"b"',
      2,
      'text',
      /not closed/,
    ],
    ['a quote in the header', '"phone number,text\n07400123456,a', 1, null, /not closed/],
    [
      'a row with more cells than the header',
      'phone number,text\n07400123456,a\n07400123456,b, c ,d',
      3,
      null,
      /^The row has more cells .* from ‘c’ on – put a value that contains commas in quotes/,
    ],
    [
      'such a row in a file with another separator',
      'sep=|\nphone number|text\n07400123456|a|b',
      2,
      null,
      /a value that contains ‘\|’ in quotes/,
    ],
    [
      'a character that another program damaged',
      'phone number,text\n07400123456,a\ufffd',
      2,
      'text',
      /^‘a\ufffd’ has a damaged character \(\ufffd\)/,
    ],
  ];
  for (const [promise, text, row, column, message] of cases)
    test(promise, async () => {
      const { errors, valid } = reportCsv(await check(text, sms));
      const found = errors.find((error) => message.test(error.message));
      assert.deepEqual([found?.row, found?.column, valid], [row, column, false], JSON.stringify(errors));
    });

  test('a value in a column without a header, and empty cells beyond it, are not', async () => {
    const text = 'phone number,text,,\n07400123456,a,note,,, \n07400123456,"b ""c"""\n';
    assert.deepEqual(await errorsOf(text, sms), []);
  });

  test('errors and doubts are listed by row, and all are counted', async () => {
    const rows = Array.from({ length: 30 }, (_, index) => (index % 2 ? 'x,a' : '07400123456,a,b'));
    const { errors, errorCount } = reportCsv(await check(`phone number,text\n${rows.join('\n')}`, sms));
    assert.deepEqual(
      errors.map(({ row }) => row),
      Array.from({ length: 20 }, (_, index) => index + 2),
    );
    assert.equal(errorCount, 30);
  });
});

test('a job reads the same rows without checking them', async () => {
  const text = 'phone number,text,reference\n07400123456,a,r\n\nx,,\n';
  const form = await surveyed(text, sms);
  // The form is stored with the file as JSON.
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

test('the columns of letters are checked', async () => {
  const letter: CsvTemplate = { type: 'letter', placeholders: ['name'], judge: () => null };
  const got = await check('address line 1,address line 2,postcode,name\nA,B,C,\n', letter);
  assert.deepEqual(got.rowsWithMissingData, [0]);
  assert.deepEqual(got.initialRows[0]?.recipient, ['A', 'B', null, null, null, null, 'C', null]);
  assert.match(
    (await errorsOf('postcode,name\nA,B', letter))[0]?.message ?? '',
    /at least 3 address columns/,
  );
});

describe('repeated recipients', () => {
  const addresses = (names: readonly string[]) =>
    `email address\n${names.map((name) => `${name}@a.org`).join('\n')}`;

  test('are counted, and the first of them shown with the row they repeat', async () => {
    const { duplicates } = await check(addresses(['a', 'b', 'a', 'c', 'b', 'a']), email, {
      maxErrorsShown: 2,
    });
    assert.equal(duplicates.count, 3);
    assert.deepEqual(duplicates.shown, [
      { index: 2, firstIndex: 0 },
      { index: 4, firstIndex: 1 },
    ]);
  });

  test('are not found among 100,000 different recipients', async () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `person.${index}`);
    const { duplicates, hasErrors } = await check(addresses(names), email);
    assert.deepEqual([duplicates.count, hasErrors], [0, false]);
  });

  test('are not counted in a file with too many rows', async () => {
    const { duplicates, tooManyRows } = await check(addresses(['a', 'a', 'a']), email, { maxRows: 2 });
    assert.deepEqual([duplicates.count, tooManyRows], [0, true]);
  });
});

const danish = (number: string) => number === '+4520123456';

for (const [number, hint] of [
  ['7.4001E+09', /shortened .*‘7\.4001E\+09’/],
  ['7,4001e+09', /shortened/],
  ['4.474E+11', /shortened/],
  ['7400123456.0', /decimal .*enter 7400123456$/],
  ['4520123456', /in front of .*enter \+4520123456$/],
] as const)
  test(`${number} is recognised as damaged by a spreadsheet`, () =>
    assert.match(spreadsheetDamage(number, danish) ?? '', hint));

for (const number of ['', 'E+09', '07400123456', '4520123457', '12345', 'abc', '7.4 E+09', '7400.5'])
  test(`${number || 'an empty text'} is not taken for spreadsheet damage`, () =>
    assert.equal(spreadsheetDamage(number, danish), null));
