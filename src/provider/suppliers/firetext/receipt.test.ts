import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotificationStatus } from '../../../database/tables.ts';
import type { ReadRequest } from '../../contract.ts';
import { firetextReceipts, softenFiretext } from './receipt.ts';

const id = '3f1c9a52-7d44-4c0e-9b1e-52b0c6a7d101';
const endpoint = firetextReceipts(null);
const read = (body: string) => endpoint.read(Buffer.from(body), { isOwn: false }) as ReadRequest;

test('a permanent failure is softened by its code, else by a pending row, and only where Firetext has the text', () => {
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

test('statuses are mapped; the code is explained, also where it decides nothing', () => {
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

test('nothing that is posted makes the endpoint throw', () => {
  for (const body of ['', '%', '%zz=%', '\u0000', 'status=0', '{"status":"0"}', `reference=${id}`]) {
    const result = read(body);
    assert.ok('answer' in result && result.answer.status === 400, body);
  }
});
