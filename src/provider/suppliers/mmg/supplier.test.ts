import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProviderServer } from '../../../../test/conformance/http-provider.ts';
import { conforms, smsMessage } from '../../../../test/conformance/provider.ts';
import { mmgReceipts } from './endpoints.ts';
import { mmgProvider } from './supplier.ts';

const never = new AbortController().signal;
const settings = { apiKey: 'bWU6c2VjcmV0', receiptUrl: null, receiptAuth: null, connections: 60 };

const start = (
  answer = { status: 200, body: '{"Reference": 55120934}' },
  more: Partial<typeof settings> | object = {},
) =>
  startProviderServer({
    replies: {
      accept: () => answer,
      fail: () => ({ status: 503, body: 'down' }),
      reject: ({ body }) => ({
        status: 400,
        body: JSON.stringify({ Error: 117, Description: `Not valid: ${body}` }),
      }),
      malformed: () => ({ status: 200, body: '<html>thank you</html>' }),
    },
    read({ body }) {
      const fields = JSON.parse(body);
      const { MSISDN, sender, cid, msg } = fields;
      return { to: [MSISDN], from: sender, reference: cid, body: msg, fields: Object.keys(fields) };
    },
    connect: (url, limits) =>
      mmgProvider({ ...settings, ...more, url: `${url}/json/api.php?v=2`, ...limits }),
  });

conforms('MMG', {
  type: 'sms',
  start,
  rejects: false,
  tells: { permanent: false, temporary: false },
  carriesReference: true,
  endpoint: mmgReceipts(null),
});

async function send(status: number, body: string, more: object = {}) {
  const server = await start({ status, body }, more);
  const provider = server.connect({ timeoutSeconds: 20 });
  try {
    return { result: await provider.send(smsMessage, never), request: server.requests()[0]! };
  } finally {
    await provider.close?.();
    await server.stop();
  }
}

test('a text goes to MMG as its documentation says', async () => {
  const { request } = await send(200, '{}', {
    receiptUrl: 'https://api.example.com/notifications/sms/mmg',
    receiptAuth: 'mmg:p/w@rd',
  });
  assert.deepEqual(
    [request.method, request.path, request.headers['content-type'], request.headers.authorization],
    ['POST', '/json/api.php?v=2', 'application/json', 'Basic bWU6c2VjcmV0'],
  );
  assert.deepEqual(JSON.parse(request.body), {
    reqType: 'BULK',
    MSISDN: '447700900123',
    msg: smsMessage.body,
    sender: 'HARBOUR',
    cid: smsMessage.reference,
    multi: true,
    delurl: 'https://mmg:p%2Fw%40rd@api.example.com/notifications/sms/mmg',
  });
});

test('MMG accepts with any 2xx and JSON; a refusal is failed; a gateway error or nonsense is unknown', async () => {
  const table: [number, string, object][] = [
    [200, '{"Reference": 55120934}', { outcome: 'accepted', reference: '55120934' }],
    [202, '[]', { outcome: 'accepted', reference: null }],
    [200, '"ok"', { outcome: 'accepted', reference: null }],
    [200, '', { outcome: 'unknown', code: '200' }],
    [204, '', { outcome: 'unknown', code: '204' }],
    [302, '{}', { outcome: 'failed', code: '302' }],
    [400, '{"Error": 117, "Description": "to 447700900123"}', { outcome: 'failed', code: '117' }],
    [403, 'no', { outcome: 'failed', code: '403' }],
    [400, '{"Error": {"a": 1}}', { outcome: 'failed', code: '400' }],
    [500, '{}', { outcome: 'failed', code: '500' }],
    [503, '', { outcome: 'failed', code: '503' }],
    [502, '', { outcome: 'unknown', code: '502' }],
    [504, '', { outcome: 'unknown', code: '504' }],
  ];
  for (const [status, body, expected] of table) {
    const { result } = await send(status, body);
    assert.deepEqual({ ...result, ...expected }, result, `${status} ${body}`);
  }
});
