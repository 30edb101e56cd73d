import { readFiles } from '../../../content/document/file.ts';
import { clean } from '../../../content/recipient/characters.ts';
import {
  anyNumber,
  checkPermissions,
  longestPhoneNumber,
  type PhoneNumber,
  parsePhoneNumber,
} from '../../../content/recipient/phone-number.ts';
import { phoneProblemV2Text, v2PermissionError } from '../../../content/recipient/phone-problem.ts';
import { personalisationOf } from '../../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../../content/template/placeholder.ts';
import { smsTooLong } from '../../../content/template/sms.ts';
import { scheduleFault } from '../../../ground/clock.ts';
import { badRequest, invalid, Problem } from '../../../ground/problem.ts';
import { faultsOf } from '../../../http/validate/check.ts';
import {
  type AcceptDeps,
  chosenSender,
  commonFields,
  type Prepared,
  readReference,
  readSchedule,
  refuseMissing,
  refuseRecipient,
  refuseUnprovided,
  type Sending,
  usableTemplate,
} from '../prepare.ts';
import { type SmsRequest, smsRequest } from './schemas.ts';

/**
 * Checks a request to send a text, in the order of spec 01 section 4.3 from step 6, and renders it. Nothing is stored
 * yet. Throws a Problem for an invalid request.
 */
export async function prepareSms(deps: AcceptDeps, caller: Sending, document: unknown): Promise<Prepared> {
  const { request, phoneNumber } = readRequest(deps, caller, document);
  const reference = readReference(request.reference);
  const { service } = caller;
  if (!service.permissions.has('sms')) throw badRequest('Service is not allowed to send text messages');
  refuseUnprovided(deps, 'sms');

  const { template, content } = await usableTemplate(deps, service, 'sms', request.template_id);
  const personalisation = request.personalisation ?? {};
  const values = personalisationOf(personalisation);
  refuseMissing(missingPlaceholders(content.sms.placeholders, values));
  const rendered = await deps.render('sms', content, values, null);
  if (rendered.empty) throw badRequest('Your message is empty.');
  const files = readFiles(personalisation, { type: 'sms' });
  if (!files.ok) throw files.problem;

  const sender =
    chosenSender(service.smsSenders, 'sms_sender_id', request.sms_sender_id, service.id)?.text ??
    deps.fromNumber;

  refuseRecipient(caller, phoneNumber.normalised);
  const refusal = checkPermissions(phoneNumber, {
    international: service.permissions.has('international_sms'),
    ukLandlines: service.permissions.has('sms_to_uk_landlines'),
  });
  if (refusal) throw new Problem(400, [v2PermissionError(refusal, { isForeign: !phoneNumber.isUk })]);

  if (rendered.aboveLimit > 0) throw smsTooLong(rendered.charactersWithoutPrefix);

  const message = {
    ...commonFields(deps, caller, template, {
      reference,
      personalisation,
      scheduledFor: readSchedule(caller, request.scheduled_for),
    }),
    type: 'sms' as const,
    recipient: clean(request.phone_number),
    normalisedRecipient: phoneNumber.normalised,
    international: phoneNumber.isInternational,
    phonePrefix: phoneNumber.prefix,
    rateMultiplier: phoneNumber.rateMultiplier,
    // Stored now, so that later changes to the service's senders do not affect this message.
    replyToText: sender,
    unsubscribeUrl: null,
  };
  return {
    message,
    template,
    content: { body: rendered.text, from_number: shownSender(sender) },
    isSimulated: deps.simulated.has(phoneNumber.normalised),
  };
}

function readRequest(
  deps: AcceptDeps,
  caller: Sending,
  document: unknown,
): { request: SmsRequest; phoneNumber: PhoneNumber } {
  let phoneNumber: PhoneNumber | undefined;
  const faults = faultsOf(smsRequest, document, {
    datetime: (text) => scheduleFault(text, deps.clock, caller.service.permissions.has('schedule')),
    phone_number(text) {
      // No number is this long: the start is enough to report the fault, and parsing the rest would only cost time.
      const outcome = parsePhoneNumber(text.slice(0, longestPhoneNumber), deps.rates);
      const problem = outcome.ok ? checkPermissions(outcome.phoneNumber, anyNumber) : outcome.error;
      if (outcome.ok) phoneNumber = outcome.phoneNumber;
      return problem === null ? null : phoneProblemV2Text(problem);
    },
  });
  if (faults.length > 0) throw invalid(faults);
  return { request: document as SmsRequest, phoneNumber: phoneNumber! };
}

/** A number as digits with its country code; a name is unchanged (spec 01, section 3.3). */
function shownSender(sender: string): string {
  const outcome = parsePhoneNumber(sender);
  return outcome.ok ? outcome.phoneNumber.normalised : sender;
}
