import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileRules, linkFiles, readFiles } from './file.ts';

const email: FileRules = {
  type: 'email',
  service: { id: 'a service', contactLink: 'https://harbour.example/contact' },
  adminBaseUrl: 'https://admin.example.com',
  maxBytes: 2 * 1024 * 1024,
};
const file = { file: Buffer.from('%PDF-1.7').toString('base64') };
const problem = (personalisation: Record<string, unknown>, rules: FileRules = email) => {
  const outcome = readFiles(personalisation, rules);
  return outcome.ok ? null : outcome.problem.faults.map(({ error, message }) => `${error}: ${message}`);
};

test('a message without files has no file problem, whatever its service and type', () => {
  const personalisation = { name: 'Rowan', list: [file], nested: { doc: file }, none: null };
  assert.equal(problem(personalisation), null);
  assert.equal(problem(personalisation, { type: 'sms' }), null);
  assert.equal(problem(personalisation, { ...email, service: { id: 'a', contactLink: null } }), null);
});

test('text messages and letters may not have files, which is checked before the file itself', () => {
  for (const type of ['sms', 'letter'] as const)
    assert.deepEqual(problem({ doc: { file: 5 } }, { type }), [
      'BadRequestError: Can only send a file by email',
    ]);
});

test('the fields of all files are checked before the contact details of the service, the files themselves after', () => {
  const without: FileRules = { ...email, service: { id: 'x-1', contactLink: null } };
  assert.deepEqual(problem({ a: file, doc: { file: 5 } }, without), [
    'ValidationError: file 5 is not of type string',
  ]);
  assert.deepEqual(problem({ doc: { file: '*' } }, without), [
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

const linking = {
  serviceId: 'x-1',
  recipientNormalised: 'rowan@harbour.example',
  placeholders: ['name', 'Doc ument'],
  baseUrl: 'https://documents.example.com',
  isSimulated: false,
};
function link(personalisation: Record<string, unknown>, more: Partial<typeof linking> = {}) {
  const outcome = readFiles(personalisation, email);
  if (!outcome.ok) assert.fail(outcome.problem.message);
  return linkFiles(personalisation, outcome.files, { ...linking, ...more });
}

test('only the file that the template shows becomes a link and a document, any other is left out', () => {
  const { personalisation, documents } = link({
    name: 'Rowan',
    document: file,
    DOC_UMENT: file,
    unused: file,
    other: 1,
  });
  assert.deepEqual(Object.keys(personalisation), ['name', 'DOC_UMENT', 'other']);
  assert.match(
    String(personalisation['DOC_UMENT']),
    /^https:\/\/documents\.example\.com\/d\/[\w-]{22}\/[\w-]{43}$/,
  );
  assert.equal(documents.length, 1);
});

test('a simulated recipient gets the link to a test document and there is nothing to store', () => {
  const value = JSON.parse(`{"name": "Rowan", "__proto__": ${JSON.stringify(file)}}`);
  const { personalisation, documents } = link(value, { placeholders: ['__proto__'], isSimulated: true });
  assert.deepEqual(Object.entries(personalisation), [
    ['name', 'Rowan'],
    ['__proto__', 'https://documents.example.com/services/x-1/documents/test-document'],
  ]);
  assert.deepEqual(documents, []);
});
