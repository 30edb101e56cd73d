import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentLines, type FirstCall, firstCalls, keyForClients } from './first-call.ts';

const serviceId = '6e0d1cbb-3a7c-4f0a-9a10-1c2b3d4e5f60';
const secret = '0b3e6f2a-7c1d-4e5f-8a9b-0c1d2e3f4a5b';
const call: FirstCall = {
  apiUrl: 'http://127.0.0.1:6011',
  serviceId,
  key: keyForClients('Booking System', serviceId, secret),
  template: { id: '9f8e7d6c-5b4a-4392-8170-6f5e4d3c2b1a', name: 'Tide', type: 'sms', placeholders: ['name'] },
  to: '07700 900 123',
};

test('a key is shown in the form that clients take', () => {
  assert.equal(call.key, `booking_system-${serviceId}-${secret}`);
  assert.equal(
    keyForClients('Ünlaut & Sons’ key', serviceId, secret),
    `unlaut__sons_key-${serviceId}-${secret}`,
  );
  assert.equal(
    environmentLines(call),
    `DESPATCH_API_URL=http://127.0.0.1:6011\nDESPATCH_API_KEY=booking_system-${serviceId}-${secret}\n`,
  );
});

test('each language has a first call with the template, the recipient and its values', () => {
  const calls = firstCalls(call);
  assert.deepEqual(
    calls.map(({ language }) => language),
    ['Node', 'Python', 'Ruby', 'PHP', 'Java', '.NET', 'curl'],
  );
  for (const { language, code } of calls) {
    assert.ok(code.includes(call.template.id), language);
    assert.ok(code.includes('07700 900 123'), language);
    assert.ok(code.includes('example name'), language);
    assert.ok(code.includes(secret) !== ['Java', '.NET'].includes(language), `${language}: the key`);
  }
});

test('a placeholder cannot break out of its quotes in any language', () => {
  const nasty = `it's "#{7}" $(touch x) \`y\` \\ \u2028 <b>`;
  const [node, python, ruby, php, java, dotNet, curl] = firstCalls({
    ...call,
    template: { ...call.template, placeholders: [nasty] },
  }).map(({ code }) => code);
  const json = String.raw`"it's \"#{7}\" $(touch x) ${'`'}y${'`'} \\ \u2028 <b>"`;
  for (const code of [node, python, java, dotNet]) assert.ok(code!.includes(json), code);
  assert.ok(ruby!.includes(json.replaceAll('#', '\\#')), ruby);
  assert.ok(php!.includes(String.raw`'it\'s "#{7}" $(touch x) ${'`'}y${'`'} \\ ${'\u2028'} <b>'`), php);
  assert.ok(curl!.includes(`"it'\\''s `), curl);
});
