/**
 * email-addresses.json: validation and matching. The outcome of a v2 request is judged by the text that the API puts
 * after the name of the field.
 */
import { comparable, recipientSet } from '../../../src/content/recipient/allow-list.ts';
import { parseEmailAddress } from '../../../src/content/recipient/email-address.ts';
import { plainCases, type Suite } from '../suite.ts';

function validate(input: string) {
  const outcome = parseEmailAddress(input);
  if (!outcome.ok) return { valid: false, message: outcome.error };
  const { address, normalised } = outcome.emailAddress;
  return { valid: true, stored_to: address, normalised };
}

function v2Email(input: string) {
  const outcome = parseEmailAddress(input);
  if (outcome.ok) return { status: 201 };
  return { status: 400, error: 'ValidationError', message: `email_address ${outcome.error}` };
}

function judge(kind: unknown, input: unknown, vector: Record<string, unknown>): unknown {
  switch (kind) {
    case 'validate':
      return validate(input as string);
    case 'allowed_to_send_to':
      return { allowed: recipientSet(vector['allow_list'] as unknown[]).has(comparable(input)) };
    case 'v2_email':
      return v2Email(input as string);
    default:
      throw new Error(`unknown kind of case: ${kind}`);
  }
}

export default {
  file: 'email-addresses',
  cases: plainCases,
  judge: (vector) => ({
    expected: vector['expected'],
    got: judge(vector['kind'], vector['input'], vector),
  }),
} satisfies Suite;
