import { clean } from '../../../content/recipient/characters.ts';
import {
  type EmailAddress,
  emailProblemText,
  parseEmailAddress,
} from '../../../content/recipient/email-address.ts';
import {
  checkPermissions,
  longestPhoneNumber,
  type PhoneNumber,
  parsePhoneNumber,
} from '../../../content/recipient/phone-number.ts';
import { noInternationalText, phoneProblemV1Text } from '../../../content/recipient/phone-problem.ts';
import { isEmptyEmail, maxEmailBytes } from '../../../content/template/email.ts';
import { type Given, personalisationOf } from '../../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../../content/template/placeholder.ts';
import { maxSmsCharacters } from '../../../content/template/sms.ts';
import {
  type Content,
  placeholdersIn,
  type Render,
  type Template,
} from '../../../content/template/template.ts';
import type { NotificationType } from '../../../database/tables.ts';
import { parseUuid } from '../../../ground/id.ts';
import { badRequest, invalidFields, noResultFound, Problem } from '../../../ground/problem.ts';
import { type Formats, fieldFaults } from '../../../http/validate/check.ts';
import { defaultSender } from '../../../tenant/service/service.ts';
import {
  type AcceptDeps,
  chosenSender,
  commonFields,
  type Prepared,
  refuseOwnAddresses,
  refuseRecipient,
  refuseUnprovided,
  type Sending,
} from '../prepare.ts';
import { emailRequestV1, type RequestV1, smsRequestV1 } from './schemas.ts';

/** A v1 request with valid fields: it has passed row 4 of spec 01 section 2.1. */
export type ReadV1 = Readonly<{ request: RequestV1 }> &
  (
    | Readonly<{ type: 'sms'; phoneNumber: PhoneNumber }>
    | Readonly<{ type: 'email'; emailAddress: EmailAddress }>
  );

/** Row 4 of spec 01 section 2.1. Throws a Problem that lists every invalid field. */
export function readRequestV1(
  deps: AcceptDeps,
  { service }: Sending,
  type: NotificationType,
  document: unknown,
): ReadV1 {
  let phoneNumber: PhoneNumber | undefined;
  let emailAddress: EmailAddress | undefined;
  const formats: Formats = {
    phone_number(typed) {
      const text = typed.slice(0, longestPhoneNumber);
      const outcome = parsePhoneNumber(text, deps.rates);
      // International numbers are refused later, by row 13.
      const ukLandlines = service.permissions.has('sms_to_uk_landlines');
      const problem = outcome.ok
        ? checkPermissions(outcome.phoneNumber, { international: true, ukLandlines })
        : outcome.error;
      if (outcome.ok) phoneNumber = outcome.phoneNumber;
      return problem === null ? null : phoneProblemV1Text(problem, text);
    },
    email_address(text) {
      const outcome = parseEmailAddress(text);
      if (!outcome.ok) return emailProblemText;
      emailAddress = outcome.emailAddress;
      return null;
    },
  };
  const faults = fieldFaults(type === 'sms' ? smsRequestV1 : emailRequestV1, document, formats);
  if (Object.keys(faults).length > 0) throw invalidFields(faults);
  const request = document as RequestV1;
  return type === 'sms'
    ? { request, type, phoneNumber: phoneNumber! }
    : { request, type, emailAddress: emailAddress! };
}

/**
 * Rows 7 to 13 of spec 01 section 2.1, and the rendering. Nothing is stored yet. Empty messages and oversized emails,
 * which v1 accepted although no provider could send them, are refused together with row 11. Throws a Problem.
 */
export async function prepareV1(deps: AcceptDeps, caller: Sending, read: ReadV1): Promise<Prepared> {
  const { service } = caller;
  const { request, type } = read;
  refuseUnprovided(deps, type);
  const template = await usableTemplate(deps, caller, type, request.template);
  const personalisation = request.personalisation ?? {};
  const values = personalisationOf(personalisation);
  const content = await renderContent(deps.render, template.current.content, values);

  const normalisedRecipient =
    read.type === 'sms' ? read.phoneNumber.normalised : read.emailAddress.normalised;
  await underField('to', () => refuseRecipient(caller, normalisedRecipient));
  if (!service.permissions.has(type))
    throw invalidFields({ service: [`Cannot send ${type === 'sms' ? 'text messages' : 'emails'}`] });
  if (read.type === 'sms' && !read.phoneNumber.isUk && !service.permissions.has('international_sms'))
    throw invalidFields({ to: [noInternationalText] });
  if (type === 'email')
    underField('service', () =>
      refuseOwnAddresses(deps, service, defaultSender(service.emailReplyTos)?.text),
    );

  return {
    message: {
      ...commonFields(deps, caller, template, { reference: null, personalisation, scheduledFor: null }),
      type,
      ...(read.type === 'sms'
        ? {
            recipient: clean(request.to),
            international: read.phoneNumber.isInternational,
            phonePrefix: read.phoneNumber.prefix,
            rateMultiplier: read.phoneNumber.rateMultiplier,
            replyToText:
              chosenSender(service.smsSenders, 'sms_sender_id', undefined, service.id)?.text ??
              deps.fromNumber,
          }
        : {
            recipient: read.emailAddress.address,
            international: false,
            phonePrefix: null,
            rateMultiplier: null,
            replyToText: null,
          }),
      normalisedRecipient,
      unsubscribeUrl: null,
    },
    template,
    content,
    isSimulated: deps.simulated.has(normalisedRecipient),
  };
}

/** Rows 7 to 9. */
async function usableTemplate(
  deps: AcceptDeps,
  { service }: Sending,
  type: NotificationType,
  templateId: string,
): Promise<Template> {
  const id = parseUuid(templateId);
  const template = id === null ? null : await deps.templates.templates.get(id);
  if (!template || template.serviceId !== service.id || template.hidden) throw noResultFound();
  if (template.type !== type)
    throw badRequest(`${template.type} template is not suitable for ${type} notification`);
  if (template.archived) throw badRequest('Template has been deleted');
  return template;
}

/** Rows 10 and 11. Returns the content that the response shows: the body, and an email's subject. */
async function renderContent(
  render: Render,
  content: Content,
  values: Given,
): Promise<Readonly<Record<string, string>>> {
  const missing = missingPlaceholders(placeholdersIn(content), values);
  if (missing.length > 0)
    throw invalidFields({ template: [`Missing personalisation: ${missing.join(', ')}`] });
  if (content.type === 'sms') {
    const { text, empty, aboveLimit } = await underField('content', () =>
      render('sms', content, values, null),
    );
    if (empty) throw emptyProblem();
    if (aboveLimit > 0)
      throw invalidFields({
        content: [`Content has a character count greater than the limit of ${maxSmsCharacters}`],
      });
    return { body: text };
  }
  if (isEmptyEmail(content.email, values)) throw emptyProblem();
  const { subject, body, bytes } = await underField('content', () => render('draft', content, values, null));
  if (bytes > maxEmailBytes)
    throw invalidFields({ content: [`Content has a size greater than the limit of ${maxEmailBytes} bytes`] });
  return { body, subject };
}

function emptyProblem(): Problem {
  return invalidFields({ content: ['Your message is empty.'] });
}

/** Rethrows a Problem about the request as a fault of `field`. */
async function underField<Result>(field: string, check: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    throw error instanceof Problem && error.status === 400
      ? invalidFields({ [field]: [error.message] })
      : error;
  }
}
