import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { columnKey, readColumns, type TemplateType } from './csv-columns.ts';

/** `filledWidth` as if every column had a value. */
function columns(header: string[], type: TemplateType, placeholders: string[], filledWidth = header.length) {
  return readColumns({ cells: header, width: header.length }, filledWidth, { type, placeholders });
}

test('names are the same but for case, spaces, underscores and hyphens', () => {
  assert.equal(columnKey('Date-of_ Birth '), 'dateofbirth');
  assert.notEqual(columnKey('date\tof\u00A0birth'), 'dateofbirth');
});

describe('missing columns', () => {
  test('are told in the spelling of the template, the recipient last', () => {
    assert.deepEqual(columns(['x'], 'sms', ['First Name', 'first_name', 'x']).missing, [
      'First Name',
      'phone number',
    ]);
    assert.deepEqual(columns(['x'], 'email', ['Email-Address']).missing, ['Email-Address']);
  });

  test('are none when the names match', () => {
    const { missing, hasRecipient, recipientHeader } = columns(['FIRST-name', 'Phone_Number'], 'sms', [
      'first name',
    ]);
    assert.deepEqual([missing, hasRecipient, recipientHeader], [[], true, 'Phone_Number']);
  });

  test('are never those of an address', () => {
    assert.deepEqual(columns(['name'], 'letter', ['name', 'date']).missing, ['date']);
  });
});

describe('an address needs three columns of one kind', () => {
  const cases: [string[], boolean][] = [
    [['address line 1', 'address line 4', 'postcode'], true],
    [['ADDRESS_LINE_5', 'addressline6', 'Address-Line-7'], true],
    [['address line 1', 'postcode', 'address line 7'], false],
    [['address line 1', 'address line 1', 'address line 2'], false],
  ];
  for (const [header, enough] of cases)
    test(header.join(), () => assert.equal(columns(header, 'letter', []).hasRecipient, enough));
});

test('a recipient column that is there twice is told in each of its spellings', () => {
  const header = ['Email address', 'name', 'name', 'email_address', 'Email address'];
  assert.deepEqual(columns(header, 'email', []).duplicateRecipients, ['Email address', 'email_address']);
  assert.deepEqual(columns(['email address', 'phone number'], 'email', []).duplicateRecipients, []);
});

test('headers are listed once, empty ones too', () => {
  const { headers } = readColumns({ cells: ['b', '', 'a', 'b'], width: 9 }, 9, {
    type: 'sms',
    placeholders: [],
  });
  assert.deepEqual(headers, ['b', '', 'a']);
});

describe('columns beyond the last value', () => {
  test('are single and have no place', () => {
    const header = ['pet', 'pet', 'pet', 'name', 'name'];
    const { columns: all, headedWidth } = columns(header, 'sms', ['pet', 'name'], 2);
    assert.deepEqual(
      all.map(({ header, places }) => [header, ...places]),
      [['pet', 0, 1], ['name']],
    );
    assert.equal(headedWidth, 3);
  });
});

test('a message needs its placeholders, its recipient and a reference', () => {
  const header = ['note', 'phone number', 'Reference', 'pet', 'email address'];
  const needed = columns(header, 'sms', ['pet']).needed.map(({ header, isIgnored }) => [header, isIgnored]);
  assert.deepEqual(needed, [
    ['phone number', false],
    ['Reference', true],
    ['pet', false],
  ]);
});
