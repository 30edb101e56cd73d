import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProviderServer } from '../../../../test/conformance/http-provider.ts';
import { conforms, smsMessage } from '../../../../test/conformance/provider.ts';
import { firetextReceipts } from './receipt.ts';
import { firetextProvider } from './send.ts';

const never = new AbortController().signal;
const settings = {
  identifier: 'firetext',
  apiKey: 'home-key',
  internationalApiKey: null,
  receiptUrl: null,
  receiptCredentials: null,
  connections: 60,
};
const accepted = '{"code":0,"description":"SMS successfully queued","data":[],"responseData":3}';

const start = (answer = { status: 200, body: accepted }, more: object = {}) =>
  startProviderServer({
    replies: {
      accept: () => answer,
      fail: ({ body }) => ({ status: 200, body: JSON.stringify({ code: 5, description: `Bad: ${body}` }) }),
      reject: () => ({ status: 400, body: '{"code":6,"description":"Invalid number"}' }),
      malformed: () => ({ status: 200, body: '<html>thank you</html>' }),
    },
    read({ body }) {
      const form = new URLSearchParams(body);
      const one = (name: string) => form.get(name) ?? '';
      return {
        to: form.getAll('to'),
        from: one('from'),
        reference: one('reference'),
        body: one('message'),
        fields: [...form.keys()],
      };
    },
    connect: (url, limits) =>
      firetextProvider({ ...settings, ...more, url: `${url}/api/sendsms/json`, ...limits }),
  });

const claims = {
  type: 'sms',
  start,
  rejects: false,
  carriesReference: true,
  endpoint: firetextReceipts(null),
} as const;
conforms('Firetext', claims);
// With a server of its own, loadtesting is Firetext under another name.
conforms('loadtesting', { ...claims, start: () => start(undefined, { identifier: 'loadtesting' }) });

async function send(status: number, body: string, more: object = {}, international = false) {
  const stand = await start({ status, body }, more);
  const provider = stand.connect({ timeoutSeconds: 20 });
  try {
    return {
      result: await provider.send({ ...smsMessage, international }, never),
      request: stand.requests()[0]!,
    };
  } finally {
    await provider.close?.();
    await stand.stop();
  }
}

test('the request is the one that Firetext documents', async () => {
  const { request } = await send(200, accepted, {
    receiptUrl: 'https://api.example.com/notifications/sms/firetext',
    receiptCredentials: 'firetext:pass',
  });
  assert.deepEqual(
    [request.method, request.path, request.headers['content-type']],
    ['POST', '/api/sendsms/json', 'application/x-www-form-urlencoded'],
  );
  assert.deepEqual(Object.fromEntries(new URLSearchParams(request.body)), {
    apiKey: 'home-key',
    from: 'HARBOUR',
    to: '447700900123',
    message: smsMessage.body,
    reference: smsMessage.reference,
    receipt: 'https://firetext:pass@api.example.com/notifications/sms/firetext',
  });
});

test('a number abroad goes out under the key for abroad, where there is one', async () => {
  const keyOf = async (more: object, international: boolean) =>
    new URLSearchParams((await send(200, accepted, more, international)).request.body).get('apiKey');
  assert.equal(await keyOf({}, true), 'home-key');
  assert.equal(await keyOf({ internationalApiKey: 'abroad-key' }, true), 'abroad-key');
  assert.equal(await keyOf({ internationalApiKey: 'abroad-key' }, false), 'home-key');
});

test('only 2xx with code 0 is a yes; another code is a no; what makes no sense is unknown', async () => {
  const table: [number, string, object][] = [
    [200, accepted, { outcome: 'accepted', reference: null }],
    [200, '{"code":1,"description":"447700900123"}', { outcome: 'failed', code: '1' }],
    [200, '{"code":-1}', { outcome: 'failed', code: '-1' }],
    [200, '{"description":"ok"}', { outcome: 'unknown', code: '200' }],
    [200, '{"code":"0"}', { outcome: 'unknown', code: '200' }],
    [200, 'null', { outcome: 'unknown', code: '200' }],
    [200, '', { outcome: 'unknown', code: '200' }],
    [500, accepted, { outcome: 'failed', code: '0' }],
    [401, 'no', { outcome: 'failed', code: '401' }],
    [504, '', { outcome: 'unknown', code: '504' }],
  ];
  for (const [status, body, expected] of table) {
    const { result } = await send(status, body);
    assert.deepEqual({ ...result, ...expected }, result, `${status} ${body}`);
  }
});
