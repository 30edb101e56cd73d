import { clean } from '../../../content/recipient/characters.ts';
import { parseEmailAddress } from '../../../content/recipient/email-address.ts';
import {
  checkPermissions,
  longestPhoneNumber,
  parsePhoneNumber,
} from '../../../content/recipient/phone-number.ts';
import { noInternationalText, phoneProblemText } from '../../../content/recipient/phone-problem.ts';
import { emailTooLong, isEmptyEmail, maxEmailBytes } from '../../../content/template/email.ts';
import { type Given, personalisationOf } from '../../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../../content/template/placeholder.ts';
import { smsTooLong } from '../../../content/template/sms.ts';
import {
  type Content,
  placeholdersIn,
  type Render,
  type Template,
} from '../../../content/template/template.ts';
import type { Db } from '../../../database/connection.ts';
import { parseUuid } from '../../../ground/id.ts';
import { badRequest, noResultFound } from '../../../ground/problem.ts';
import { defaultSender, type Sender, type Service } from '../../../tenant/service/service.ts';
import { findMembersOf, findUser } from '../../../tenant/user/store.ts';
import {
  type AcceptDeps,
  commonFields,
  refuseMissing,
  refuseOwnAddresses,
  refuseRecipient,
} from '../prepare.ts';
import type { AcceptedMessage } from '../store.ts';

export type OneOffDeps = AcceptDeps & Readonly<{ db: Db }>;

/** A message that a person sends from the template of a service; the limits come before and after. */
export type OneOff = Readonly<{
  service: Service;
  template: Template;
  to: string;
  personalisation: Readonly<Record<string, unknown>>;
  /** The id of the person, as given. */
  createdBy: unknown;
  senderId: string | null;
  requestId: string;
}>;

/** A one-off message has no API key, and counts as one with a normal one. */
const noKey = { id: null, keyType: 'normal' } as const;

/**
 * Checks a one-off message in the order of spec 04 section 7.2, from the recipient on, and renders it. Nothing is stored
 * yet. Throws a Problem. Recipients are never simulated, and values that are files are sent as text, as in v1.
 */
export async function prepareOneOff(deps: OneOffDeps, oneOff: OneOff): Promise<AcceptedMessage> {
  const { service, template, personalisation, createdBy } = oneOff;
  const { type, current } = template;
  const recipient = type === 'sms' ? readNumber(deps, service, oneOff.to) : readAddress(oneOff.to);
  await refuseStranger(deps, service, recipient.normalisedRecipient);
  if (recipient.refusal !== null) throw badRequest(recipient.refusal);
  if (template.archived) throw badRequest('Template has been deleted');
  await refuseContent(deps.render, current.content, personalisationOf(personalisation));
  const author = await findAuthor(deps, service, createdBy);
  const replyToText =
    type === 'sms'
      ? (senderOf(service.smsSenders, oneOff.senderId, 'SMS sender not found')?.text ?? deps.fromNumber)
      : replyToOf(deps, service, oneOff.senderId);
  const { refusal: _, ...stored } = recipient;
  return {
    ...commonFields(deps, { service, key: noKey, requestId: oneOff.requestId }, template, {
      ...{ reference: null, personalisation, scheduledFor: null },
    }),
    ...stored,
    type,
    replyToText,
    unsubscribeUrl: null,
    createdBy: author,
  };
}

type Recipient = Pick<
  AcceptedMessage,
  'recipient' | 'normalisedRecipient' | 'international' | 'phonePrefix' | 'rateMultiplier'
> &
  /** Why this service may not send to it, whoever its recipients may be. */
  Readonly<{ refusal: string | null }>;

function readNumber({ rates }: OneOffDeps, { permissions }: Service, to: string): Recipient {
  const outcome = parsePhoneNumber(to.slice(0, longestPhoneNumber), rates);
  if (!outcome.ok) throw badRequest(phoneProblemText(outcome.error));
  const { phoneNumber } = outcome;
  const problem = checkPermissions(phoneNumber, {
    international: permissions.has('international_sms'),
    ukLandlines: permissions.has('sms_to_uk_landlines'),
  });
  const isForeign = problem === 'NOT_A_UK_MOBILE' && !phoneNumber.isUk;
  return {
    recipient: clean(to),
    normalisedRecipient: phoneNumber.normalised,
    international: phoneNumber.isInternational,
    phonePrefix: phoneNumber.prefix,
    rateMultiplier: phoneNumber.rateMultiplier,
    refusal: problem && (isForeign ? noInternationalText : phoneProblemText(problem)),
  };
}

function readAddress(to: string): Recipient {
  const outcome = parseEmailAddress(to);
  if (!outcome.ok) throw badRequest(outcome.error);
  const { address, normalised } = outcome.emailAddress;
  return {
    ...{ recipient: address, normalisedRecipient: normalised, refusal: null },
    ...{ international: false, phonePrefix: null, rateMultiplier: null },
  };
}

/** In trial mode only the team can be sent to; the guest list does not count (spec 03, section 3.2). */
async function refuseStranger({ db, clock }: OneOffDeps, service: Service, recipient: string): Promise<void> {
  const { id, restricted } = service;
  if (!restricted) return;
  const team = await findMembersOf(db, id, new Date(clock.now()));
  const allowed = team.flatMap(({ emailAddress, mobileNumber }) => [emailAddress, mobileNumber ?? []].flat());
  refuseRecipient({ service: { restricted, allowed }, key: noKey }, recipient);
}

async function refuseContent(render: Render, content: Content, values: Given): Promise<void> {
  refuseMissing(missingPlaceholders(placeholdersIn(content), values));
  if (content.type === 'sms') {
    const { empty, aboveLimit, charactersWithoutPrefix } = await render('sms', content, values, null);
    if (empty) throw badRequest('Your message is empty.');
    if (aboveLimit > 0) throw smsTooLong(charactersWithoutPrefix);
    return;
  }
  if (isEmptyEmail(content.email, values)) throw badRequest('Your message is empty.');
  const { bytes } = await render('draft', content, values, null);
  if (bytes > maxEmailBytes) throw emailTooLong(bytes);
}

/** The id of the person who sends it. Throws a Problem: 404 if there is no such user, 400 if they are no member. */
async function findAuthor({ db, clock }: OneOffDeps, service: Service, given: unknown): Promise<string> {
  const id = parseUuid(given);
  const user = id === null ? null : await findUser(db, id, new Date(clock.now()));
  if (!user) throw noResultFound();
  if (!Object.hasOwn(user.permissions, service.id))
    throw badRequest(`Can’t create notification - ${user.name} is not part of the "${service.name}" service`);
  return user.id;
}

/** The sender that was asked for, else the service's default one; undefined if it has none. Throws a Problem. */
export function senderOf(
  senders: readonly Sender[],
  wanted: string | null,
  missing: string,
): Sender | undefined {
  if (wanted === null) return defaultSender(senders);
  const id = parseUuid(wanted);
  const found = senders.find((sender) => sender.id === id);
  if (!found) throw badRequest(missing);
  return found;
}

/** The reply-to address that was asked for; null for the service's own, which is read when the email is sent. */
export function replyToOf(
  deps: Pick<AcceptDeps, 'emailDomain'>,
  service: Service,
  wanted: string | null,
): string | null {
  const replyTo = senderOf(service.emailReplyTos, wanted, 'Reply to email address not found')?.text;
  refuseOwnAddresses(deps, service, replyTo);
  return wanted === null ? null : (replyTo ?? null);
}
