import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileRules, fileProblems, uploadFiles } from './file.ts';

const email: FileRules = {
  type: 'email',
  service: { id: 'a service', contactLink: 'https://harbour.example/contact' },
  adminBaseUrl: 'https://admin.example.com',
  maxBytes: 2 * 1024 * 1024,
};
const file = { file: Buffer.from('%PDF-1.7').toString('base64') };
const problem = (personalisation: Record<string, unknown>, rules: FileRules = email) =>
  fileProblems(personalisation, rules)?.faults.map(({ error, message }) => `${error}: ${message}`) ?? null;

test('a message without files has no file problem, whatever its service and type', () => {
  const personalisation = { name: 'Rowan', list: [file], nested: { doc: file }, none: null };
  assert.equal(problem(personalisation), null);
  assert.equal(problem(personalisation, { type: 'sms' }), null);
  assert.equal(problem(personalisation, { ...email, service: { id: 'a', contactLink: null } }), null);
});

test('text messages, letters and services without contact details may not send files, which is checked before the file itself', () => {
  for (const type of ['sms', 'letter'] as const)
    assert.deepEqual(problem({ doc: { file: 5 } }, { type }), [
      'BadRequestError: Can only send a file by email',
    ]);
  assert.deepEqual(problem({ doc: { file: 5 } }, { ...email, service: { id: 'x-1', contactLink: null } }), [
    'BadRequestError: Send files by email has not been set up - add contact details for your service at https://admin.example.com/services/x-1/service-settings/send-files-by-email',
  ]);
});

test('every file is checked, and the first invalid one is reported', () => {
  assert.equal(problem({ a: file, b: file }), null);
  assert.deepEqual(problem({ name: 'x', a: file, unused: { file: false, x: 1 }, c: { file: 1 } }), [
    'ValidationError: Additional properties are not allowed (x was unexpected)',
    'ValidationError: file False is not of type string',
  ]);
});

test('a message may have at most 20 files', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, file]));
  assert.equal(problem(many(20)), null);
  assert.deepEqual(problem(many(21)), ['BadRequestError: A message can have at most 20 files']);
});

test('a simulated recipient gets the link to a test document and nothing is stored', async () => {
  const nothing = new Proxy({}, { get: (_, name) => assert.fail(`used ${String(name)}`) });
  const deps = nothing as Parameters<typeof uploadFiles>[0];
  const personalisation = await uploadFiles(deps, {
    serviceId: 'x-1',
    recipientNormalised: 'simulate-delivered@notifications.service.gov.uk',
    personalisation: JSON.parse(`{"name": "Rowan", "__proto__": ${JSON.stringify(file)}}`),
    baseUrl: 'https://api.example.com',
    simulated: true,
  });
  assert.deepEqual(Object.entries(personalisation), [
    ['name', 'Rowan'],
    ['__proto__', 'https://api.example.com/services/x-1/documents/test-document'],
  ]);
});
