/**
 * phone-numbers.json: parsing, the permission check, the comparison form, matching. The outcome of a v2 request is
 * judged by the texts and decisions that the API uses unchanged.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { comparable, recipientSet } from '../../../src/content/recipient/allow-list.ts';
import { parseRates } from '../../../src/content/recipient/international-rates.ts';
import {
  ANY_NUMBER,
  checkPermissions,
  humanReadable,
  type PhoneNumber,
  parsePhoneNumber,
  parseServiceContactNumber,
} from '../../../src/content/recipient/phone-number.ts';
import {
  phoneProblemText,
  phoneProblemV2Text,
  v2PermissionError,
} from '../../../src/content/recipient/phone-problem.ts';
import { plainCases, type Suite } from '../suite.ts';

/** The rates that the cases were made with; they may be missing next to a file of other cases. */
function readRates() {
  const shared = join(import.meta.dirname, '../../../../shared/vectors');
  const folders = [process.env['VECTORS_DIR'] ?? shared, shared];
  const path = folders.map((folder) => join(folder, 'international-sms-rates.json')).find(existsSync);
  if (path === undefined) return undefined;
  const outcome = parseRates(readFileSync(path, 'utf8'));
  if (!outcome.ok) throw new Error(outcome.errors.join('\n'));
  return outcome.rates;
}

const rates = readRates();

function permission(phoneNumber: PhoneNumber, international: boolean, ukLandlines: boolean) {
  return checkPermissions(phoneNumber, { international, ukLandlines }) ?? 'ok';
}

function parse(input: string) {
  const outcome = parsePhoneNumber(input, rates);
  if (!outcome.ok) {
    const { error } = outcome;
    return { parses: false, error, message: phoneProblemText(error), v2_message: phoneProblemV2Text(error) };
  }
  const { phoneNumber } = outcome;
  return {
    parses: true,
    normalised: phoneNumber.normalised,
    human_readable: humanReadable(phoneNumber),
    is_uk: phoneNumber.isUk,
    international: phoneNumber.isInternational,
    crown_dependency: phoneNumber.isCrownDependency,
    country_prefix: phoneNumber.prefix,
    rate_multiplier: phoneNumber.rateMultiplier,
    numeric_sender: phoneNumber.needsNumericSender,
    permissions: {
      none: permission(phoneNumber, false, false),
      international: permission(phoneNumber, true, false),
      landline: permission(phoneNumber, false, true),
      both: permission(phoneNumber, true, true),
    },
  };
}

function serviceContactNumber(input: string) {
  const outcome = parseServiceContactNumber(input);
  return outcome.ok
    ? { parses: true, national_number: outcome.nationalNumber }
    : { parses: false, error: outcome.error, message: phoneProblemText(outcome.error) };
}

function v2Sms(input: string, permissions: readonly string[]) {
  const outcome = parsePhoneNumber(input, rates);
  const problem = outcome.ok ? checkPermissions(outcome.phoneNumber, ANY_NUMBER) : outcome.error;
  if (!outcome.ok || problem)
    return {
      status: 400,
      error: 'ValidationError',
      message: `phone_number ${phoneProblemV2Text(problem!).replaceAll("'", '')}`,
    };
  const refusal = checkPermissions(outcome.phoneNumber, {
    international: permissions.includes('international_sms'),
    ukLandlines: permissions.includes('sms_to_uk_landlines'),
  });
  if (!refusal) return { status: 201 };
  return { status: 400, ...v2PermissionError(refusal, { isForeign: !outcome.phoneNumber.isUk }) };
}

function judge(kind: unknown, input: unknown, vector: Record<string, unknown>): unknown {
  switch (kind) {
    case 'parse':
      return parse(input as string);
    case 'format_recipient':
      return { formatted: comparable(input) };
    case 'allowed_to_send_to':
      return { allowed: recipientSet(vector['allow_list'] as unknown[]).has(comparable(input)) };
    case 'service_contact_number':
      return serviceContactNumber(input as string);
    case 'v2_sms':
      return v2Sms(input as string, vector['service_permissions'] as string[]);
    default:
      throw new Error(`unknown kind of case: ${kind}`);
  }
}

export default {
  file: 'phone-numbers',
  cases: plainCases,
  judge: (vector) => ({
    expected: vector['expected'],
    got: judge(vector['kind'], vector['input'], vector),
  }),
} satisfies Suite;
