import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLossless } from '../../../ground/json.ts';
import { fieldFaults } from '../../../http/validate/fault-texts.ts';
import { emailRequestV1, smsRequestV1 } from './schemas.ts';

const formats = {
  phone_number: (text: string) => (text === 'good' ? null : 'bad number'),
  email_address: (text: string) => (text === 'good' ? null : 'bad address'),
};

test('each wrong field is refused with the text of v1, all at once', () => {
  const missing = 'Missing data for required field.';
  const noNull = 'Field may not be null.';
  const noText = 'Not a valid string.';
  const noMapping = 'Not a valid mapping type.';
  const good = '"to": "good", "template": "x"';
  const table: [document: string, faults: object][] = [
    ['{}', { to: [missing], template: [missing] }],
    [`{${good}}`, {}],
    [`{${good}, "personalisation": {"a": [1, null]}, "job": "a", "status": "b", "else": 1}`, {}],
    ['{"to": null, "template": null}', { to: [noNull], template: [noNull] }],
    ['{"to": 7700900123, "template": 1.0}', { to: [noText], template: [noText] }],
    ['{"to": ["good"], "template": true}', { to: [noText], template: [noText] }],
    ['{"to": "", "template": ""}', { to: ['bad number'] }],
    ['{"to": "else"}', { to: ['bad number'], template: [missing] }],
    [`{${good}, "personalisation": null}`, { personalisation: [noNull] }],
    [`{${good}, "personalisation": []}`, { personalisation: [noMapping] }],
    [`{${good}, "personalisation": "a"}`, { personalisation: [noMapping] }],
    [`{${good}, "personalisation": 6.0}`, { personalisation: [noMapping] }],
    [`{${good}, "job": 1, "status": null}`, { job: [noText], status: [noNull] }],
    ['[1]', { _schema: ['Invalid input type.'] }],
    ['"text"', { _schema: ['Invalid input type.'] }],
    ['6.0', { _schema: ['Invalid input type.'] }],
    ['true', { _schema: ['Invalid input type.'] }],
  ];
  for (const [document, faults] of table)
    assert.deepEqual(fieldFaults(smsRequestV1, parseLossless(document), formats), faults, document);
  assert.deepEqual(fieldFaults(emailRequestV1, { to: 'else', template: 'x' }, formats), {
    to: ['bad address'],
  });
});

test('any document is checked, and each of its fields has at most one fault', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const faults = fieldFaults(smsRequestV1, parseLossless(text), formats);
      for (const messages of Object.values(faults)) assert.equal(messages.length, 1);
    }),
  );
});
