import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotificationStatus } from '../../../database/tables.ts';
import type { ReadRequest } from '../../contract.ts';
import { firetextInbound, firetextReceipts, softenFiretext } from './endpoints.ts';

const id = '3f1c9a52-7d44-4c0e-9b1e-52b0c6a7d101';
const endpoint = firetextReceipts(null);
const read = (body: string) => endpoint.read(Buffer.from(body), { isOwn: false }) as ReadRequest;

test('a permanent failure from Firetext becomes temporary by its code, else by a pending row, and only for its own texts', () => {
  const rows: [string | null, NotificationStatus, string | null, NotificationStatus][] = [
    ...(['000', '102', '103', '104', '302', '900'] as const).map(
      (code): [string, NotificationStatus, string, NotificationStatus] => [
        code,
        'sending',
        'firetext',
        'temporary-failure',
      ],
    ),
    ...(['101', '201', '301', '401'] as const).map(
      (code): [string, NotificationStatus, string, NotificationStatus] => [
        code,
        'pending',
        'loadtesting',
        'permanent-failure',
      ],
    ),
    [null, 'pending', 'firetext', 'temporary-failure'],
    [null, 'sending', 'firetext', 'permanent-failure'],
    ['555', 'pending', 'firetext', 'temporary-failure'],
    ['555', 'created', 'firetext', 'permanent-failure'],
    ['102', 'pending', 'mmg', 'permanent-failure'],
    ['102', 'pending', null, 'permanent-failure'],
  ];
  for (const [detailCode, status, sentBy, expected] of rows)
    assert.equal(
      softenFiretext({ status: 'permanent-failure', detailCode }, { status, sentBy }),
      expected,
      `${detailCode} ${status} ${sentBy}`,
    );
  for (const status of ['delivered', 'pending', 'technical-failure'] as const)
    assert.equal(
      softenFiretext({ status, detailCode: '102' }, { status: 'pending', sentBy: 'firetext' }),
      status,
    );
});

test('Firetext statuses are mapped; the code is explained even if it decides nothing', () => {
  const table: [string, string, string, string | null][] = [
    ['status=0', 'delivered', 'Delivered', null],
    ['status=1&code=101', 'permanent-failure', 'Unknown Subscriber', '101'],
    ['status=2&code=102', 'pending', 'Absent Subscriber', '102'],
    ['status=1&code=555', 'permanent-failure', '', '555'],
    ['status=7', 'technical-failure', 'Unknown status', null],
    ['status=constructor', 'technical-failure', 'Unknown status', null],
  ];
  for (const [fields, status, detail, detailCode] of table) {
    const result = read(`${fields}&reference=${id}&mobile=447700900123`);
    assert.ok('receipt' in result);
    const { receipt } = result;
    assert.deepEqual(
      [receipt.status, receipt.detail, receipt.detailCode],
      [status, detail, detailCode],
      fields,
    );
    assert.ok(!JSON.stringify(receipt).includes('447700900123'), 'nothing personal is kept');
  }
});

test('receipts and texts of Firetext are read whatever the case of their fields', () => {
  const receipt = read(`Status=0&Reference=${id}&CODE=000`);
  assert.ok('receipt' in receipt && receipt.receipt.detailCode === '000');
  const dated = read(`status=0&reference=${id}&time=2017-05-02+14%3A03%3A07`);
  assert.ok('receipt' in dated);
  // Firetext writes the time in London.
  assert.equal(dated.receipt.deliveredAt, Date.parse('2017-05-02T13:03:07Z'));
  const text = readText('Source=447700900001&DESTINATION=447700900456&Message=Hi');
  assert.ok('text' in text && text.text.content === 'Hi');
});

test('no post to the Firetext endpoint makes it throw', () => {
  for (const body of ['', '%', '%zz=%', '\u0000', 'status=0', '{"status":"0"}', `reference=${id}`]) {
    const result = read(body);
    assert.ok('answer' in result && result.answer.status === 400, body);
  }
});

const inbound = firetextInbound(['one', 'two']);
const readText = (form: string) => inbound.read(Buffer.from(form));

test('a text received by Firetext is form-decoded only', () => {
  const form = 'source=447700900001&destination=447700900456&time=2017-05-02+14%3A03%3A07&message=';
  const table: [string, string][] = [
    ['', ''],
    ['High+tide%3F', 'High tide?'],
    ['%F0%9F%8C%8A', '🌊'],
    ['a%0Ab', 'a\nb'],
    // Firetext has no escapes: the sender typed these.
    ['a%5Cnb', 'a\\nb'],
    ['%2541', '%41'],
  ];
  for (const [message, content] of table)
    assert.deepEqual(readText(form + message), {
      text: {
        to: '447700900456',
        from: '447700900001',
        content,
        date: '2017-05-02 14:03:07',
        reference: null,
      },
    });
});

test('a text from Firetext that cannot be read is refused with the reason', () => {
  const table: [string, string[]][] = [
    ['', ['source', 'destination', 'message']],
    ['{"source": "447700900001"}', ['source', 'destination', 'message']],
    ['source=&destination=447700900456', ['source', 'message']],
    ['source=447700900001&message=Hi', ['destination']],
  ];
  for (const [form, missing] of table) {
    const answer = readText(form);
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

test('Firetext is accepted as user notify with any of the passwords; without passwords every caller is refused', () => {
  assert.deepEqual(inbound.credentials, ['notify:one', 'notify:two']);
  assert.deepEqual(firetextInbound([]).credentials, []);
});
