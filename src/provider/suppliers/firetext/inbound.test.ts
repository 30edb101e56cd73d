import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firetextInbound } from './inbound.ts';

const endpoint = firetextInbound(['one', 'two']);
const read = (form: string) => endpoint.read(Buffer.from(form));

test('a text is taken as it is', () => {
  const form = 'source=447700900001&destination=447700900456&time=2017-05-02+14%3A03%3A07&message=';
  const table: [string, string][] = [
    ['', ''],
    ['High+tide%3F', 'High tide?'],
    ['%F0%9F%8C%8A', '🌊'],
    ['a%0Ab', 'a\nb'],
    // No escapes of their own: these are what somebody typed.
    ['a%5Cnb', 'a\\nb'],
    ['%2541', '%41'],
  ];
  for (const [message, content] of table)
    assert.deepEqual(read(form + message), {
      text: {
        to: '447700900456',
        from: '447700900001',
        content,
        date: '2017-05-02 14:03:07',
        reference: null,
      },
    });
});

test('what cannot be read is refused with what is wrong with it', () => {
  const table: [string, string[]][] = [
    ['', ['source', 'destination', 'message']],
    ['{"source": "447700900001"}', ['source', 'destination', 'message']],
    ['source=&destination=447700900456', ['source', 'message']],
    ['source=447700900001&message=Hi', ['destination']],
  ];
  for (const [form, missing] of table) {
    const answer = read(form);
    assert.deepEqual(
      'answer' in answer && [answer.answer.status, JSON.parse(answer.answer.body)],
      [
        400,
        { result: 'error', message: missing.map((field) => `Firetext inbound SMS failed: ${field} missing`) },
      ],
      form,
    );
  }
});

test('the user is notify, with any of the passwords; without one nobody may come in', () => {
  assert.deepEqual(endpoint.credentials, ['notify:one', 'notify:two']);
  assert.deepEqual(firetextInbound([]).credentials, []);
});
