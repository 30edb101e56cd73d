import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLossless } from '../ground/json.ts';
import { isOf, mayName, readPerson, without } from './person.ts';

const number = readPerson('07700 900123')!;
const address = readPerson(' Rowan@Harbour.example')!;

test('a recipient is a phone number or an email address in any notation, and nothing else is one', () => {
  assert.deepEqual([number.type, number.normalised], ['sms', '447700900123']);
  assert.deepEqual([address.type, address.normalised], ['email', 'rowan@harbour.example']);
  assert.equal(readPerson('+33 1 12 34 56 78')?.normalised, '33112345678');
  for (const text of ['', 'Rowan', '123', '@harbour.example', '0199a0ce-0000-7000-8000-000000000001'])
    assert.equal(readPerson(text), null, text);
});

test('a value is the recipient in any notation, and a text that has it may name the recipient', () => {
  for (const text of ['07700900123', '+44 (0)7700 900-123', '447700900123', '00447700900123']) {
    assert.ok(isOf(number, text), text);
    assert.ok(mayName(number, `["x","${text}"]`), text);
  }
  for (const text of ['ROWAN@harbour.example', 'rowan@harbour.example\u200b']) {
    assert.ok(isOf(address, text), text);
    assert.ok(mayName(address, `{"to":"${text}"}`), text);
  }
  const others = ['07700900124', 'rowan@harbour.example.org', '', null, 447700900123, ['07700900123']];
  for (const value of others) for (const person of [number, address]) assert.ok(!isOf(person, value));
});

test('data loses each value that is the recipient, and keeps everything else as it was written', () => {
  const table: [source: string, expected: string | null][] = [
    ['{"to":"07700 900123"}', '{"to":"erased"}'],
    [
      '{"before":["07700900124"],"after":["07700900124","+447700900123"]}',
      '{"before":["07700900124"],"after":["07700900124","erased"]}',
    ],
    [
      '{"price":1.50,"big":12345678901234567890,"a":{"b":"447700900123"}}',
      '{"price":1.50,"big":12345678901234567890,"a":{"b":"erased"}}',
    ],
    ['"07700900123"', '"erased"'],
    ['{"note":"call 07700900123"}', null],
    ['[null,true,1,"07700900124"]', null],
  ];
  for (const [source, expected] of table) {
    const left = without(number, parseLossless(source), 'erased');
    assert.equal(left === null ? null : JSON.stringify(left), expected, source);
  }
});
