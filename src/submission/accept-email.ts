import { faultsOf } from '../http/schema.ts';
import { badRequest, invalid } from '../problem.ts';
import { type EmailAddress, parseEmailAddress } from '../recipient/email-address.ts';
import { EMAIL_SIZE_LIMIT, emailBody, emailSubject, measureEmail } from '../template/email.ts';
import { personalisationOf } from '../template/personalisation.ts';
import { missingPlaceholders } from '../template/placeholder.ts';
import { sanitisePersonalisation } from '../template/sanitise.ts';
import {
  type AcceptDeps,
  type Accepted,
  chosenSender,
  commonFields,
  readReference,
  refuseMissing,
  type Sending,
  usableTemplate,
} from './accept.ts';
import { datetimeFormat } from './datetime.ts';
import { type EmailRequest, emailRequest } from './schemas.ts';

/** Accepts one email, with the order of checks and the guarantee of `acceptSms`. */
export async function acceptEmail(deps: AcceptDeps, caller: Sending, document: unknown): Promise<Accepted> {
  const { request, emailAddress } = readRequest(deps, document);
  const reference = readReference(request.reference);
  const { service } = caller;
  if (!service.permissions.has('email')) throw badRequest('Service is not allowed to send emails');

  const { template, content } = await usableTemplate(deps, service, 'email', request.template_id);
  const listed = (request.sanitise_content_for ?? []).filter((key) => typeof key === 'string');
  const { personalisation, changes } = sanitisePersonalisation(request.personalisation ?? {}, listed);
  const values = personalisationOf(personalisation);
  refuseMissing(missingPlaceholders(content.email.placeholders, values));
  const measured = measureEmail(content.email, values);
  if (measured.empty) throw badRequest('Your message is empty.');

  const replyTo = chosenSender(
    service.emailReplyTos,
    'email_reply_to_id',
    request.email_reply_to_id,
    service.id,
  );

  if (measured.tooLong)
    throw badRequest(
      `Your message is too long. Emails cannot be longer than ${EMAIL_SIZE_LIMIT} bytes. Your message is ${measured.bytes} bytes.`,
    );

  const unsubscribeUrl = request.one_click_unsubscribe_url ?? null;
  const message = {
    ...commonFields(deps, caller, template, { reference, personalisation }),
    type: 'email' as const,
    recipient: emailAddress.address,
    normalisedRecipient: emailAddress.normalised,
    international: false,
    phonePrefix: null,
    rateMultiplier: null,
    // Only a choice of this message; without one the service's address is read when it is sent (seed).
    replyToText: request.email_reply_to_id === undefined ? null : (replyTo?.text ?? null),
    unsubscribeUrl,
  };
  await deps.accepting.add(message);
  return {
    id: message.id,
    reference,
    template,
    content: {
      from_email: `${service.emailFrom}@${deps.emailDomain}`,
      body: emailBody(content.email, values),
      subject: emailSubject(content.email, values),
      one_click_unsubscribe_url: unsubscribeUrl,
    },
    sanitised: changes,
  };
}

function readRequest(
  deps: AcceptDeps,
  document: unknown,
): { request: EmailRequest; emailAddress: EmailAddress } {
  let emailAddress: EmailAddress | undefined;
  const faults = faultsOf(emailRequest, document, {
    datetime: datetimeFormat(deps.clock),
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
