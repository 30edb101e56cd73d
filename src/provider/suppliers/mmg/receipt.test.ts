import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadRequest } from '../../contract.ts';
import { mmgReceipts } from './receipt.ts';

const id = '3f1c9a52-7d44-4c0e-9b1e-52b0c6a7d101';
const endpoint = mmgReceipts(null);
const read = (body: string) => endpoint.read(Buffer.from(body), { isOwn: false }) as ReadRequest;
const readFields = (fields: object) => read(JSON.stringify({ CID: id, status: '3', ...fields }));

test('statuses are mapped, and their substatus says why without changing them', () => {
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

test('our id is found in any case, and in no other spelling', () => {
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

test('nothing that is posted makes the endpoint throw, or leaves text that a database refuses', () => {
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
  const odd = readFields({ status: `\u0000\n${'8'.repeat(500)}`, substatus: '\u0000' });
  assert.ok('receipt' in odd);
  assert.match(odd.receipt.rawStatus, /^ {2}8{98}$/);
  assert.equal(odd.receipt.detailCode, ' ');
});
