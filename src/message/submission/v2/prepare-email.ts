import { isFileValue, linkFiles, readFiles } from '../../../content/document/file.ts';
import { type EmailAddress, parseEmailAddress } from '../../../content/recipient/email-address.ts';
import { emailTooLong, isEmptyEmail, maxEmailBytes } from '../../../content/template/email.ts';
import { personalisationOf } from '../../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../../content/template/placeholder.ts';
import type { Sanitised } from '../../../content/template/sanitise.ts';
import type { Content } from '../../../content/template/template.ts';
import { scheduleFault } from '../../../ground/clock.ts';
import { objectOf, parseLossless } from '../../../ground/json.ts';
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
  refuseOwnAddresses,
  refuseRecipient,
  refuseUnprovided,
  type Sending,
  usableTemplate,
} from '../prepare.ts';
import { type EmailRequest, emailRequest } from './schemas.ts';

/**
 * Checks a request to send an email, in the order of spec 01 section 4.3 from step 6, and renders it. Neither it nor
 * its files are stored yet. Throws a Problem for an invalid request.
 */
export async function prepareEmail(deps: AcceptDeps, caller: Sending, document: unknown): Promise<Prepared> {
  const { request, emailAddress } = readRequest(deps, caller, document);
  const reference = readReference(request.reference);
  const { service } = caller;
  if (!service.permissions.has('email')) throw badRequest('Service is not allowed to send emails');
  refuseUnprovided(deps, 'email');

  const { template, content } = await usableTemplate(deps, service, 'email', request.template_id);
  const listed = (request.sanitise_content_for ?? []).filter((key) => typeof key === 'string');
  const { personalisation, changes, notText } = await sanitise(
    deps,
    content,
    request.personalisation ?? {},
    listed,
  );
  // Each file is replaced by a link further down; until then its name is the placeholder's value.
  const drafted = personalisationOf(withoutFiles(personalisation));
  refuseMissing(missingPlaceholders(content.email.placeholders, drafted));
  if (isEmptyEmail(content.email, drafted)) throw badRequest('Your message is empty.');
  if (notText.length > 0)
    throw badRequest(`sanitise_content_for cannot be applied to a file: ${notText.join(', ')}`);

  const replyTo = chosenSender(
    service.emailReplyTos,
    'email_reply_to_id',
    request.email_reply_to_id,
    service.id,
  );
  refuseOwnAddresses(deps, service, replyTo?.text);

  refuseRecipient(caller, emailAddress.normalised);

  // Step 11: each file becomes a link (spec 01, section 3.6).
  const { adminBaseUrl, files } = deps;
  const outcome = readFiles(personalisation, {
    type: 'email',
    service,
    adminBaseUrl,
    maxBytes: files.maxBytes,
  });
  if (!outcome.ok) throw outcome.problem;
  const isSimulated = deps.simulated.has(emailAddress.normalised);
  const { personalisation: linked, documents } = linkFiles(personalisation, outcome.files, {
    serviceId: service.id,
    recipientNormalised: emailAddress.normalised,
    placeholders: content.email.placeholders,
    baseUrl: files.baseUrl ?? caller.baseUrl,
    isSimulated,
  });
  const { subject, body, bytes } = await deps.render('draft', content, personalisationOf(linked), null);
  if (bytes > maxEmailBytes) throw emailTooLong(bytes);

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
      body,
      subject,
      one_click_unsubscribe_url: unsubscribeUrl,
    },
    sanitised: changes,
    documents,
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

/** Applies `sanitise_content_for` (spec 01, section 3.4). */
async function sanitise(
  { render }: AcceptDeps,
  content: Extract<Content, { type: 'email' }>,
  personalisation: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Promise<Sanitised> {
  if (keys.length === 0) return { personalisation, changes: {}, notText: [] };
  const { json, changes, notText } = await render(
    'sanitise',
    content,
    personalisationOf(personalisation),
    keys,
  );
  return { personalisation: parseLossless(json) as Record<string, unknown>, changes, notText };
}

function withoutFiles(personalisation: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const entries = Object.entries(personalisation);
  if (!entries.some(([, value]) => isFileValue(value))) return personalisation;
  return objectOf(entries.map(([name, value]) => [name, isFileValue(value) ? name : value]));
}
