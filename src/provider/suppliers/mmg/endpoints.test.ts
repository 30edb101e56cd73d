import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadRequest } from '../../contract.ts';
import { decodeMmg, mmgInbound, mmgReceipts } from './endpoints.ts';

const id = '3f1c9a52-7d44-4c0e-9b1e-52b0c6a7d101';
const endpoint = mmgReceipts(null);
const read = (body: string) => endpoint.read(Buffer.from(body), { isOwn: false }) as ReadRequest;
const readFields = (fields: object) => read(JSON.stringify({ CID: id, status: '3', ...fields }));

test('MMG statuses are mapped; the substatus explains them without changing them', () => {
  const table: [unknown, unknown, string, string][] = [
    ['2', '1', 'permanent-failure', 'Number does not exist'],
    [3, 5, 'delivered', 'Delivered to handset'],
    ['3', undefined, 'delivered', 'Delivered'],
    ['4', '27', 'temporary-failure', 'Absent Subscriber'],
    ['5', '52', 'permanent-failure', 'Invalid destination'],
    ['5', '999', 'permanent-failure', ''],
    ['5', 'constructor', 'permanent-failure', ''],
    ['8', undefined, 'technical-failure', 'Declined'],
    ['toString', '1', 'technical-failure', ''],
    [0, null, 'technical-failure', 'Declined'],
  ];
  for (const [status, substatus, mapped, detail] of table) {
    const result = readFields({ status, substatus });
    assert.ok('receipt' in result);
    assert.deepEqual(
      [result.receipt.status, result.receipt.detail],
      [mapped, detail],
      `${status} ${substatus}`,
    );
  }
});

test('MMG may echo our id in upper or lower case, but in no other spelling', () => {
  const upper = readFields({ CID: id.toUpperCase() });
  assert.ok('receipt' in upper && upper.receipt.found.value === id);
  for (const CID of [id.replaceAll('-', ''), `{${id}}`, `urn:uuid:${id}`, `${id} `, 4711])
    assert.deepEqual(readFields({ CID }), {
      answer: {
        status: 400,
        body: { result: 'error', message: `MMG callback with invalid reference ${CID}` },
      },
    });
});

test('no post makes the MMG endpoint throw or keep text that the database refuses', () => {
  const bodies = [
    '',
    '[]',
    'null',
    '"x"',
    '1',
    '{',
    '{"status":{"toString":1},"CID":[]}',
    '\u0000',
    '{"CID":true}',
  ];
  for (const body of bodies) {
    const result = read(body);
    assert.ok('answer' in result && result.answer.status === 400, body);
  }
  const cleaned = readFields({ status: `\u0000\n${'8'.repeat(500)}`, substatus: '\u0000' });
  assert.ok('receipt' in cleaned);
  assert.match(cleaned.receipt.rawStatus, /^ {2}8{98}$/);
  assert.equal(cleaned.receipt.detailCode, ' ');
});

const inbound = mmgInbound(['mmg'], ['one', 'two']);
const inboundText = {
  ID: '7241956',
  MSISDN: '447700900001',
  Number: '447700900456',
  Message: 'High+tide%3F',
  DateRecieved: '2017-05-02+14%3A03%3A07',
  Trigger: 'Trigger?',
  Channel: 'SMS',
};
const readText = (fields: object) => inbound.read(Buffer.from(JSON.stringify(fields)));

test('a text received by MMG is decoded exactly once', () => {
  const table: [string, string][] = [
    ['', ''],
    ['x', 'x'],
    ['x+%2B+y', 'x + y'],
    ['%2520', '%20'],
    ['Caf%C3%A9', 'Café'],
    ['%F0%9F%8C%8A', '🌊'],
    ['🌊+and+%F0%9F%8C%8A', '🌊 and 🌊'],
    ['a%0Ab', 'a\nb'],
    ['a\\nb', 'a\nb'],
    ['a%5Cnb', 'a\nb'],
    ["it\\'s", "it's"],
    ['\\"quoted\\"', '"quoted"'],
    ['C:\\\\new', 'C:\\new'],
    ['\\xa3100', '£100'],
    ['\\u20ac5', '€5'],
    ['\\ud83c\\udf0a', '🌊'],
    ['\\\\n', '\\n'],
    ['\\\\\\n', '\\\n'],
    ['a\\r\\nb\\tc', 'a\r\nb\tc'],
    ['\\b\\f\\v\\a', '\b\f\v\x07'],
    ['https:\\/\\/e.example', 'https://e.example'],
    ['\\U0001F30A and \\U0010ffff', '🌊 and \u{10ffff}'],
    // Unknown and truncated escapes stay.
    ['\\U00110000 \\U1F30A', '\\U00110000 \\U1F30A'],
    ['the end\\', 'the end\\'],
    ['the end%5C', 'the end\\'],
    ['\\q \\N \\xg1 \\u12', '\\q \\N \\xg1 \\u12'],
    ['100% \\x', '100% \\x'],
    ['%zz %4', '%zz %4'],
    // Invalid UTF-8 must not lose the rest.
    ['%FFx', '\ufffdx'],
  ];
  for (const [encoded, decoded] of table) assert.equal(decodeMmg(encoded), decoded, encoded);
});

test('receipts of MMG are read whatever the case of their fields', () => {
  for (const body of [
    `{"cid": "${id}", "Status": 3, "SUBSTATUS": "5"}`,
    `\ufeff{"Cid": "${id}", "status": "3", "subStatus": 5}`,
  ]) {
    const result = read(body);
    assert.ok('receipt' in result, body);
    const { found, status, detailCode } = result.receipt;
    assert.deepEqual([found.value, status, detailCode], [id, 'delivered', '5'], body);
  }
});

test('the date of a text received by MMG may be spelled correctly, and its fields in any case', () => {
  const { DateRecieved, ...others } = inboundText;
  const lower = Object.fromEntries(
    Object.entries(others).map(([name, value]) => [name.toLowerCase(), value]),
  );
  assert.deepEqual(readText({ ...lower, DateReceived: DateRecieved }), readText(inboundText));
});

test('a text received by MMG is read with its date and id', () => {
  assert.deepEqual(readText(inboundText), {
    text: {
      to: '447700900456',
      from: '447700900001',
      content: 'High tide?',
      date: '2017-05-02 14:03:07',
      reference: '7241956',
    },
  });
});

test('phone numbers from MMG may be JSON numbers, the text may be empty, date and id may be absent', () => {
  const read = inbound.read(
    Buffer.from('{"MSISDN": 447700900001, "Number": 447700900456, "Message": "", "ID": 7241956}'),
  );
  assert.deepEqual(read, {
    text: { to: '447700900456', from: '447700900001', content: '', date: null, reference: '7241956' },
  });
});

test('a text from MMG that cannot be read is refused with the reason', () => {
  const failed = (what: string) => `MMG inbound SMS failed: ${what}`;
  const table: [string, unknown][] = [
    ['', failed('invalid json')],
    ['{"MSISDN"', failed('invalid json')],
    ['\xff\xfe', failed('invalid json')],
    ...['null', '[]', '"x"', '5', '{}', '{"MSISDN": null, "Number": "", "Message": {}}'].map(
      (body): [string, unknown] => [
        body,
        [failed('MSISDN missing'), failed('Number missing'), failed('Message missing')],
      ],
    ),
    [JSON.stringify({ ...inboundText, Number: undefined }), [failed('Number missing')]],
  ];
  for (const [body, message] of table) {
    const answer = inbound.read(Buffer.from(body, 'latin1'));
    assert.deepEqual(
      'answer' in answer && { ...answer.answer, body: JSON.parse(answer.answer.body) },
      { status: 400, contentType: 'application/json', body: { result: 'error', message } },
      body,
    );
  }
});

test('every MMG user is accepted with every password; without users or passwords every caller is refused', () => {
  assert.deepEqual(mmgInbound(['a', 'b'], ['1', '2']).credentials, ['a:1', 'a:2', 'b:1', 'b:2']);
  assert.deepEqual(mmgInbound([], ['1']).credentials, []);
  assert.deepEqual(mmgInbound(['a'], []).credentials, []);
});

test('MMG says when it delivered a text in London time; what cannot be read is left out', () => {
  const table: [object, string | null][] = [
    [{ deliverytime: '2017-05-02 14:03:07' }, '2017-05-02T13:03:07.000Z'],
    [{ DeliveryTime: '2017-12-02 14:03:07' }, '2017-12-02T14:03:07.000Z'],
    [{ deliverytime: 'soon' }, null],
    [{ deliverytime: ['2017-05-02 14:03:07'] }, null],
    [{}, null],
    [{ status: '4', deliverytime: '2017-05-02 14:03:07' }, null],
  ];
  for (const [fields, expected] of table) {
    const result = readFields(fields);
    assert.ok('receipt' in result);
    const { deliveredAt = null } = result.receipt;
    assert.equal(deliveredAt === null ? null : new Date(deliveredAt).toISOString(), expected);
  }
});
