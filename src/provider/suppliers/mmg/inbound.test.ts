import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMmg, mmgInbound } from './inbound.ts';

const endpoint = mmgInbound(['mmg'], ['one', 'two']);
const text = {
  ID: '7241956',
  MSISDN: '447700900001',
  Number: '447700900456',
  Message: 'High+tide%3F',
  DateRecieved: '2017-05-02+14%3A03%3A07',
  Trigger: 'Trigger?',
  Channel: 'SMS',
};
const read = (fields: object) => endpoint.read(Buffer.from(JSON.stringify(fields)));

test('texts are decoded as MMG encodes them, once', () => {
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
    // What is no escape, and what ends too soon, stays.
    ['the end\\', 'the end\\'],
    ['the end%5C', 'the end\\'],
    ['\\q \\N \\xg1 \\u12', '\\q \\N \\xg1 \\u12'],
    ['100% \\x', '100% \\x'],
    ['%zz %4', '%zz %4'],
    // No UTF-8: not a reason to lose the rest.
    ['%FFx', '\ufffdx'],
  ];
  for (const [encoded, decoded] of table) assert.equal(decodeMmg(encoded), decoded, encoded);
});

test('a text is read with its date, and its id tells it from others', () => {
  assert.deepEqual(read(text), {
    text: {
      to: '447700900456',
      from: '447700900001',
      content: 'High tide?',
      date: '2017-05-02 14:03:07',
      reference: '7241956',
    },
  });
});

test('numbers may be numbers; a text may be empty; date and id may be absent', () => {
  const read = endpoint.read(
    Buffer.from('{"MSISDN": 447700900001, "Number": 447700900456, "Message": "", "ID": 7241956}'),
  );
  assert.deepEqual(read, {
    text: { to: '447700900456', from: '447700900001', content: '', date: null, reference: '7241956' },
  });
});

test('what cannot be read is refused with what is wrong with it', () => {
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
    [JSON.stringify({ ...text, Number: undefined }), [failed('Number missing')]],
  ];
  for (const [body, message] of table) {
    const answer = endpoint.read(Buffer.from(body, 'latin1'));
    assert.deepEqual(
      'answer' in answer && { ...answer.answer, body: JSON.parse(answer.answer.body) },
      { status: 400, contentType: 'application/json', body: { result: 'error', message } },
      body,
    );
  }
});

test('every user may come in with every password; without either nobody may', () => {
  assert.deepEqual(mmgInbound(['a', 'b'], ['1', '2']).credentials, ['a:1', 'a:2', 'b:1', 'b:2']);
  assert.deepEqual(mmgInbound([], ['1']).credentials, []);
  assert.deepEqual(mmgInbound(['a'], []).credentials, []);
});
