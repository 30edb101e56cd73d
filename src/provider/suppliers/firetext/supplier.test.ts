import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProviderServer } from '../../../../test/conformance/http-provider.ts';
import { conforms, smsMessage } from '../../../../test/conformance/provider.ts';
import { readConfig } from '../../../config/config.ts';
import { loadtestingSupplier } from '../loadtesting/supplier.ts';
import { firetextReceipts } from './endpoints.ts';
import { firetextProvider, supplier } from './supplier.ts';

const never = new AbortController().signal;
const settings = {
  apiKey: 'home-key',
  internationalApiKey: null,
  receiptUrl: null,
  receiptAuth: null,
  connections: 60,
};
const accepted = '{"code":0,"description":"SMS successfully queued","data":[],"responseData":3}';

type Connect = Parameters<typeof startProviderServer>[0]['connect'];

const startWith = (connect: Connect, answer = { status: 200, body: accepted }) =>
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
    connect,
  });

const start = (answer?: { status: number; body: string }, more: object = {}) =>
  startWith(
    (url, limits) => firetextProvider({ ...settings, ...more, url: `${url}/api/sendsms/json`, ...limits }),
    answer,
  );

const claims = {
  type: 'sms',
  start,
  rejects: false,
  tells: { permanent: false, temporary: false },
  carriesReference: true,
  endpoint: firetextReceipts(null),
} as const;
conforms('Firetext', claims);
// With a server of its own, loadtesting is Firetext under another name.
conforms('loadtesting', {
  ...claims,
  start: () =>
    startWith((url, { timeoutSeconds }) => {
      const config = readConfig({ LOADTESTING_URL: `${url}/api/sendsms/json` });
      return loadtestingSupplier(supplier).open(
        { ...config, providers: { ...config.providers, timeoutSeconds } },
        { connections: 60, sandboxUrl: '', ownUrl: '', reportDelivered: async () => {} },
      );
    }),
});
test('loadtesting keeps its own name when it has a server', () => {
  const needs = { connections: 1, sandboxUrl: '', ownUrl: '', reportDelivered: async () => {} };
  for (const environment of [{}, { LOADTESTING_URL: 'http://127.0.0.1:1' }])
    assert.equal(
      loadtestingSupplier(supplier).open(readConfig(environment), needs).identifier,
      'loadtesting',
    );
});

async function send(status: number, body: string, more: object = {}, international = false) {
  const server = await start({ status, body }, more);
  const provider = server.connect({ timeoutSeconds: 20 });
  try {
    return {
      result: await provider.send({ ...smsMessage, international }, never),
      request: server.requests()[0]!,
    };
  } finally {
    await provider.close?.();
    await server.stop();
  }
}

test('a text goes to Firetext as its documentation says', async () => {
  const { request } = await send(200, accepted, {
    receiptUrl: 'https://api.example.com/notifications/sms/firetext',
    receiptAuth: 'firetext:pass',
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

test('Firetext gets the international key for a number abroad, if there is one', async () => {
  const keyOf = async (more: object, international: boolean) =>
    new URLSearchParams((await send(200, accepted, more, international)).request.body).get('apiKey');
  assert.equal(await keyOf({}, true), 'home-key');
  assert.equal(await keyOf({ internationalApiKey: 'abroad-key' }, true), 'abroad-key');
  assert.equal(await keyOf({ internationalApiKey: 'abroad-key' }, false), 'home-key');
});

test('Firetext accepts with 2xx and code 0; any other code is a refusal; nonsense is unknown', async () => {
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
