import { maySendTo } from '../../content/recipient/allow-list.ts';
import type { CellValue, CsvRow } from '../../content/recipient/csv/row.ts';
import { parseEmailAddress } from '../../content/recipient/email-address.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import {
  checkPermissions,
  longestPhoneNumber,
  parsePhoneNumber,
} from '../../content/recipient/phone-number.ts';
import { isEmptyEmail, leastComposed, maxEmailBytes } from '../../content/template/email.ts';
import { type Given, personalisationOf } from '../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../content/template/placeholder.ts';
import { type Content, lengthOf, placeholdersIn, type Render } from '../../content/template/template.ts';
import type { GivenUpReason, KeyType, NotificationType } from '../../database/tables.ts';
import { Problem } from '../../ground/problem.ts';
import type { RowMessage } from '../../message/submission/store-rows.ts';
import type { Service } from '../../tenant/service/service.ts';

/** What decides whether a row can be sent. */
export type RowRules = Readonly<{
  service: Pick<Service, 'restricted' | 'allowed' | 'permissions'>;
  keyType: KeyType;
  content: Content;
  rates: Rates;
  render: Render;
}>;

/** A row as a message, before it has an id. */
export type ReadMessage = Omit<RowMessage, 'id' | 'personalisation'> &
  Readonly<{
    values: Given /** A number abroad, which counts towards the limit of those. */;
    isAbroad: boolean;
  }>;

/**
 * Makes a message of a row. Every row is one: what may not be sent says why (spec 03, section 4.7; spec 05, section
 * 2.2). Pure, but for large messages, which are rendered in another thread.
 */
export async function readMessage(rules: RowRules, row: CsvRow): Promise<ReadMessage> {
  const values = personalisationOf(Object.fromEntries(row.personalisation));
  const { givenUp, ...recipient } = readRecipient(rules, row.recipient);
  return {
    ...recipient,
    jobRowNumber: row.index,
    clientReference: referenceOf(row.reference),
    values,
    givenUp: givenUp ?? (await judge(rules, values)),
  };
}

/** A row of which no message can be made, through no fault of its own: what it says, given up. Pure. */
export function unread(type: NotificationType, row: CsvRow): ReadMessage {
  const recipient = storable(typeof row.recipient === 'string' ? row.recipient : '', longestRecipient);
  const isSms = type === 'sms';
  return {
    ...{ recipient, normalisedRecipient: recipient, international: false, isAbroad: false },
    ...{ phonePrefix: isSms ? '44' : null, rateMultiplier: isSms ? 0 : null },
    ...{ jobRowNumber: row.index, clientReference: referenceOf(row.reference), givenUp: 'error' },
    values: personalisationOf(Object.fromEntries(row.personalisation)),
  };
}

type Recipient = Pick<
  ReadMessage,
  | 'recipient'
  | 'normalisedRecipient'
  | 'international'
  | 'phonePrefix'
  | 'rateMultiplier'
  | 'isAbroad'
  | 'givenUp'
>;

/** Longer ones are no recipients, and the index over recipients takes no more. */
const longestRecipient = 320;
const longestReference = 1000;

function readRecipient(rules: RowRules, cell: CellValue): Recipient {
  const text = typeof cell === 'string' ? cell : '';
  return rules.content.type === 'sms' ? readNumber(rules, text) : readAddress(rules, text);
}

function readNumber(rules: RowRules, text: string): Recipient {
  const outcome = parsePhoneNumber(text.slice(0, longestPhoneNumber), rules.rates);
  const recipient = storable(text, longestRecipient);
  // As GOV.UK Notify stores them (spec 03, section 4.7).
  if (!outcome.ok)
    return {
      ...{ recipient, normalisedRecipient: recipient, international: false, phonePrefix: '44' },
      ...{ rateMultiplier: 0, isAbroad: false, givenUp: 'invalid-recipient' },
    };
  const { phoneNumber } = outcome;
  const { permissions } = rules.service;
  const problem = checkPermissions(phoneNumber, {
    international: permissions.has('international_sms'),
    ukLandlines: permissions.has('sms_to_uk_landlines'),
  });
  return {
    recipient,
    normalisedRecipient: phoneNumber.normalised,
    international: phoneNumber.isInternational,
    phonePrefix: phoneNumber.prefix,
    rateMultiplier: phoneNumber.rateMultiplier,
    isAbroad: phoneNumber.isInternational && !phoneNumber.isUk,
    givenUp: strangerIn(rules, phoneNumber.normalised) ?? (problem && 'not-permitted'),
  };
}

function readAddress(rules: RowRules, text: string): Recipient {
  const outcome = parseEmailAddress(text);
  const common = { international: false, phonePrefix: null, rateMultiplier: null, isAbroad: false };
  if (!outcome.ok) {
    const recipient = storable(text, longestRecipient);
    return { ...common, recipient, normalisedRecipient: recipient, givenUp: 'invalid-recipient' };
  }
  const { address, normalised } = outcome.emailAddress;
  return {
    ...common,
    recipient: address,
    normalisedRecipient: normalised,
    givenUp: strangerIn(rules, normalised),
  };
}

function strangerIn({ service, keyType }: RowRules, normalised: string): GivenUpReason | null {
  const { restricted, allowed } = service;
  return maySendTo(normalised, { keyType, restricted, allowed }) ? null : 'not-allowed';
}

/** What is wrong with the content. */
async function judge({ content, render }: RowRules, values: Given): Promise<GivenUpReason | null> {
  if (missingPlaceholders(placeholdersIn(content), values).length > 0) return 'missing-value';
  try {
    if (content.type === 'sms') {
      const { empty, aboveLimit } = await render('sms', content, values, null);
      return empty ? 'empty' : aboveLimit > 0 ? 'too-long' : null;
    }
    if (isEmptyEmail(content.email, values)) return 'empty';
    if (lengthOf(content, values) < leastComposed) return null;
    const { bytes } = await render('draft', content, values, null);
    return bytes > maxEmailBytes ? 'too-long' : null;
  } catch (error) {
    if (error instanceof Problem && error.status === 400) return 'too-long';
    throw error;
  }
}

/** The caller's reference, or null. Of a repeated column the first value counts. */
function referenceOf(cell: CellValue): string | null {
  const text =
    typeof cell === 'string' || cell === null ? cell : (cell.find((part) => part !== null) ?? null);
  return text === null || text === '' ? null : storable(text, longestReference);
}

/** As much of a text as the database takes in an indexed column: no zeros and no half characters. */
function storable(text: string, longest: number): string {
  return text.slice(0, longest).toWellFormed().replaceAll('\0', '\ufffd');
}
