import { fileProblems, isFileValue, uploadFiles } from '../../../content/document/file.ts';
import { type EmailAddress, parseEmailAddress } from '../../../content/recipient/email-address.ts';
import { emailBody, emailSubject, maxEmailBytes, measureEmail } from '../../../content/template/email.ts';
import { personalisationOf } from '../../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../../content/template/placeholder.ts';
import { sanitisePersonalisation } from '../../../content/template/sanitise.ts';
import { scheduleFault } from '../../../ground/clock.ts';
import { objectOf } from '../../../ground/json.ts';
import { badRequest, invalid } from '../../../ground/problem.ts';
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
import { type EmailRequest, emailRequest } from './schemas.ts';

/**
 * Checks a request to send an email, in the order of spec 01 section 4.3 from step 6, stores its files and renders it.
 * The message itself is not stored yet. Throws a Problem for an invalid request.
 */
export async function prepareEmail(deps: AcceptDeps, caller: Sending, document: unknown): Promise<Prepared> {
  const { request, emailAddress } = readRequest(deps, caller, document);
  const reference = readReference(request.reference);
  const { service } = caller;
  if (!service.permissions.has('email')) throw badRequest('Service is not allowed to send emails');
  refuseUnprovided(deps, 'email');

  const { template, content } = await usableTemplate(deps, service, 'email', request.template_id);
  const listed = (request.sanitise_content_for ?? []).filter((key) => typeof key === 'string');
  const sanitised = sanitisePersonalisation(request.personalisation ?? {}, listed);
  const { personalisation, changes } = sanitised;
  // Each file is replaced by a link further down; until then its name is the placeholder's value.
  const drafted = personalisationOf(withoutFiles(personalisation));
  refuseMissing(missingPlaceholders(content.email.placeholders, drafted));
  if (measureEmail(content.email, drafted).empty) throw badRequest('Your message is empty.');
  if (sanitised.notText.length > 0)
    throw badRequest(`sanitise_content_for cannot be applied to a file: ${sanitised.notText.join(', ')}`);

  const replyTo = chosenSender(
    service.emailReplyTos,
    'email_reply_to_id',
    request.email_reply_to_id,
    service.id,
  );

  refuseRecipient(caller, emailAddress.normalised);

  const isSimulated = deps.simulated.has(emailAddress.normalised);
  const linked = await linkFiles(deps, caller, personalisation, emailAddress.normalised, isSimulated);
  const values = personalisationOf(linked);
  const measured = measureEmail(content.email, values);
  if (measured.tooLong)
    throw badRequest(
      `Your message is too long. Emails cannot be longer than ${maxEmailBytes} bytes. Your message is ${measured.bytes} bytes.`,
    );

  const unsubscribeUrl = request.one_click_unsubscribe_url ?? null;
  const message = {
    ...commonFields(deps, caller, template, {
      reference,
      personalisation: linked,
      scheduledFor: readSchedule(caller, request.scheduled_for),
    }),
    type: 'email' as const,
    recipient: emailAddress.address,
    normalisedRecipient: emailAddress.normalised,
    international: false,
    phonePrefix: null,
    rateMultiplier: null,
    // Only if the request chose one; otherwise the service's address is read when it is sent (users' description).
    replyToText: request.email_reply_to_id === undefined ? null : (replyTo?.text ?? null),
    unsubscribeUrl,
  };
  return {
    message,
    template,
    content: {
      from_email: `${service.emailFrom}@${deps.emailDomain}`,
      body: emailBody(content.email, values),
      subject: emailSubject(content.email, values),
      one_click_unsubscribe_url: unsubscribeUrl,
    },
    sanitised: changes,
    isSimulated,
  };
}

function readRequest(
  deps: AcceptDeps,
  caller: Sending,
  document: unknown,
): { request: EmailRequest; emailAddress: EmailAddress } {
  let emailAddress: EmailAddress | undefined;
  const faults = faultsOf(emailRequest, document, {
    datetime: (text) => scheduleFault(text, deps.clock, caller.service.permissions.has('schedule')),
    email_address(text) {
      const outcome = parseEmailAddress(text);
      if (!outcome.ok) return outcome.error;
      emailAddress = outcome.emailAddress;
      return null;
    },
  });
  if (faults.length > 0) throw invalid(faults);
  return { request: document as EmailRequest, emailAddress: emailAddress! };
}

/** Step 11: stores the personalisation's files and replaces them with links (spec 01, section 3.6). */
async function linkFiles(
  deps: AcceptDeps,
  { service, baseUrl }: Sending,
  personalisation: Readonly<Record<string, unknown>>,
  recipientNormalised: string,
  simulated: boolean,
): Promise<Readonly<Record<string, unknown>>> {
  if (!Object.values(personalisation).some(isFileValue)) return personalisation;
  const { adminBaseUrl } = deps;
  const { maxBytes } = deps.files;
  const problem = fileProblems(personalisation, { type: 'email', service, adminBaseUrl, maxBytes });
  if (problem) throw problem;
  return await uploadFiles(deps.files, {
    serviceId: service.id,
    recipientNormalised,
    personalisation,
    baseUrl,
    simulated,
  });
}

function withoutFiles(personalisation: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const entries = Object.entries(personalisation);
  if (!entries.some(([, value]) => isFileValue(value))) return personalisation;
  return objectOf(entries.map(([name, value]) => [name, isFileValue(value) ? name : value]));
}
