import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  internalPermissionText,
  phoneProblemText,
  phoneProblemV2Text,
  v2PermissionError,
} from './phone-problem.ts';

test('the dash of a text is the one that callers compare with', () => {
  assert.match(phoneProblemText('INVALID_NUMBER'), /valid \u2013 double/);
  assert.match(phoneProblemV2Text('INVALID_NUMBER'), /valid \u2013 double/);
  assert.match(phoneProblemText('NOT_A_UK_MOBILE'), /mobile number \u2013 double/);
  assert.match(phoneProblemText('UNSUPPORTED_COUNTRY_CODE'), /found - double/);
});

test('a foreign number is refused in words of its own', () => {
  const international = 'Cannot send to international mobile numbers';
  assert.deepEqual(v2PermissionError('NOT_A_UK_MOBILE', { isForeign: true }), {
    error: 'BadRequestError',
    message: international,
  });
  assert.deepEqual(v2PermissionError('NOT_A_UK_MOBILE', { isForeign: false }), {
    error: 'InvalidPhoneError',
    message: 'Not a UK mobile number',
  });
  assert.equal(internalPermissionText('NOT_A_UK_MOBILE', { isForeign: true }), international);
  assert.equal(
    internalPermissionText('NOT_A_UK_MOBILE', { isForeign: false }),
    phoneProblemText('NOT_A_UK_MOBILE'),
  );
  assert.equal(internalPermissionText('TOO_LONG', { isForeign: true }), 'Mobile number is too long');
});
