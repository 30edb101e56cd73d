import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readColumns, readRow } from '../../content/recipient/csv/row.ts';
import { defaultRates } from '../../content/recipient/international-rates.ts';
import { compileContent, createRender, placeholdersIn } from '../../content/template/template.ts';
import type { GivenUpReason, NotificationType } from '../../database/tables.ts';
import type { Permission } from '../../tenant/service/service.ts';
import { type RowRules, readMessage } from './rows.ts';

const render = createRender({ render: () => Promise.reject(new Error('Nothing here is large')) });
const open = { restricted: false, allowed: [], permissions: new Set<Permission>(['sms', 'email']) };

function read(
  type: NotificationType,
  content: string,
  header: readonly string[],
  cells: readonly string[],
  more: Partial<RowRules> = {},
) {
  const compiled = compileContent(type, 'Tide', content);
  const columns = readColumns({ cells: header, width: header.length }, header.length, {
    type,
    placeholders: placeholdersIn(compiled),
  });
  const row = readRow(columns, 7, { cells, width: header.length });
  const rules = { service: open, keyType: 'normal', content: compiled, rates: defaultRates, render } as const;
  return readMessage({ ...rules, ...more }, row);
}

test('every row is a message, and one that may not be sent says why', async () => {
  const abroad = { ...open, permissions: new Set<Permission>(['sms', 'international_sms']) };
  const trial = { ...open, restricted: true, allowed: ['07700900123', 'rowan@example.com'] };
  const phone = ['Phone number', 'name'];
  const email = ['email address', 'name'];
  const table: [
    NotificationType,
    readonly string[],
    readonly string[],
    Partial<RowRules>,
    GivenUpReason | null,
  ][] = [
    ['sms', phone, ['07700 900123', 'Rowan'], {}, null],
    ['sms', phone, ['7700 900123', 'Rowan'], {}, null],
    ['sms', phone, ['07700 900123', 'Rowan'], { service: trial }, null],
    ['sms', phone, ['07700 900124', 'Rowan'], { service: trial }, 'not-allowed'],
    ['sms', phone, ['07700 900124', 'Rowan'], { service: trial, keyType: 'test' }, null],
    ['sms', phone, ['', 'Rowan'], {}, 'invalid-recipient'],
    ['sms', phone, ['07700', 'Rowan'], {}, 'invalid-recipient'],
    ['sms', phone, ['+33 6 12 34 56 78', 'Rowan'], {}, 'not-permitted'],
    ['sms', phone, ['+33 6 12 34 56 78', 'Rowan'], { service: abroad }, null],
    ['sms', phone, ['07700 900123'], {}, 'missing-value'],
    ['sms', ['phone number'], ['07700 900123'], {}, 'missing-value'],
    ['sms', phone, ['07700 900123', 'x'.repeat(919)], {}, 'too-long'],
    ['email', email, ['Rowan@Example.com', 'x'.repeat(919)], {}, null],
    ['email', email, ['rowan@example.com', 'Rowan'], { service: trial }, null],
    ['email', email, ['ash@example.com', 'Rowan'], { service: trial }, 'not-allowed'],
    ['email', email, ['rowan at example.com', 'Rowan'], {}, 'invalid-recipient'],
  ];
  for (const [type, header, cells, more, givenUp] of table) {
    const message = await read(type, 'Hi ((name))', header, cells, more);
    assert.equal(message.givenUp, givenUp, `${type} ${cells.join(' | ').slice(0, 60)}`);
    assert.equal(message.jobRowNumber, 7);
  }
  const empty = await read('sms', '((show??Tide))', ['phone number', 'show'], ['07700900123', 'no']);
  assert.equal(empty.givenUp, 'empty');
  const nothing = await read('email', '((show??Tide))', ['email address', 'show'], ['a@example.com', 'no']);
  assert.equal(nothing.givenUp, 'empty');
});

test('a message has the values of its row by key, and the reference of its row', async () => {
  const header = ['Phone Number', 'NAME', 'item', 'item', 'Reference', 'else'];
  const cells = [' 07700 900123 ', 'Rowan', 'tea', 'salt', 'order 7', 'x'];
  const { values, ...message } = await read('sms', 'Hi ((name)): ((item))', header, cells);
  assert.deepEqual(values.source, { phonenumber: '07700 900123', name: 'Rowan', item: ['tea', 'salt'] });
  assert.deepEqual(message, {
    ...{ recipient: '07700 900123', normalisedRecipient: '447700900123', clientReference: 'order 7' },
    ...{ international: false, phonePrefix: '44', rateMultiplier: 1, isAbroad: false },
    ...{ jobRowNumber: 7, givenUp: null },
  });
});

test('what the database could not store is stored as far as it can be', async () => {
  const cells = ['\0'.repeat(5000), 'a', `\ud800${'r'.repeat(5000)}`];
  const message = await read('sms', 'Hi ((name))', ['phone number', 'name', 'reference'], cells);
  assert.equal(message.givenUp, 'invalid-recipient');
  assert.deepEqual([message.recipient, message.normalisedRecipient, message.rateMultiplier].slice(2), [0]);
  assert.ok(message.recipient.length <= 320 && !message.recipient.includes('\0'));
  assert.ok(message.clientReference!.length <= 1000 && message.clientReference!.isWellFormed());
});
