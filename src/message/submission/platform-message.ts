import { clean } from '../../content/recipient/characters.ts';
import { parseEmailAddress } from '../../content/recipient/email-address.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import { checkPermissions, parsePhoneNumber } from '../../content/recipient/phone-number.ts';
import { phoneProblemText } from '../../content/recipient/phone-problem.ts';
import { personalisationOf } from '../../content/template/personalisation.ts';
import { missingPlaceholders } from '../../content/template/placeholder.ts';
import { plainName } from '../../content/template/sanitise.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import { placeholdersIn, type Template } from '../../content/template/template.ts';
import type { Cache } from '../../database/cache.ts';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import { createPartitionGuard } from '../../database/partitions.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { type IdSource, idTime } from '../../ground/id.ts';
import { badRequest, noResultFound, Problem } from '../../ground/problem.ts';
import type { Queues } from '../../queue/queues.ts';
import { defaultSender, platformServiceId, type Service } from '../../tenant/service/service.ts';
import type {
  Contact,
  PreparePlatformMessage,
  SendPlatformMessage,
} from '../../tenant/user/platform-message.ts';
import { notifyInternal, priorities } from '../delivery/queue.ts';
import { persistQueues } from './accept-batch.ts';
import { refuseUnprovided } from './prepare.ts';
import { type AcceptedMessage, acceptUnlimited } from './store.ts';

export type PlatformMessageDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  newId: IdSource;
  rates: Rates;
  templates: TemplateCaches;
  services: Cache<Service | null>;
  queues: Pick<Queues, 'announce'>;
  fromNumber: string;
  /** Types of message that no provider takes here. */
  unprovided: readonly NotificationType[];
}>;

/**
 * Messages of the platform itself, sent at once. Guarantee: when it resolves, the message is durable; when it throws,
 * nothing was stored.
 */
export function createSendPlatformMessage(deps: PlatformMessageDeps): SendPlatformMessage {
  const prepare = createPreparePlatformMessage(deps);
  return async (message) => {
    const { id, store, announce } = await prepare(message);
    await store(deps.db);
    announce();
    return id;
  };
}

/**
 * Messages of the platform itself, to be stored by the caller. There is no key, and neither limits nor trial mode apply,
 * so that nobody is locked out (spec 04, section 4.1). All that needs another connection is done before the caller's
 * transaction, which would otherwise hold one while it waits for one.
 */
export function createPreparePlatformMessage(deps: PlatformMessageDeps): PreparePlatformMessage {
  const ensureDays = createPartitionGuard(deps.db);
  return async ({ templateId, recipient, personalisation }) => {
    const template = await deps.templates.templates.get(templateId);
    if (template?.serviceId !== platformServiceId) throw noResultFound();
    const { type } = template;
    refuseUnprovided(deps, type);
    const values = withPlainNames(personalisation);
    refuseUnfilled(template, values);
    const id = deps.newId();
    await ensureDays([id]);
    const now = new Date(idTime(id));
    const message: AcceptedMessage = {
      ...{ id, type, serviceId: platformServiceId, templateId, templateVersion: template.current.version },
      ...{ jobId: null, jobRowNumber: null, apiKeyId: null, keyType: 'normal', createdAt: now },
      ...{
        clientReference: null,
        scheduledFor: null,
        unsubscribeUrl: null,
        requestId: null,
        createdBy: null,
      },
      ...(type === 'sms' ? await textTo(deps, numberOf(recipient)) : emailTo(addressOf(recipient))),
      personalisation: deps.cipher.seal(JSON.stringify(values), id),
      queue: notifyInternal.name,
      priority: template.current.priority ? priorities.priorityTemplate : priorities.api,
    };
    return {
      id,
      store: (db: DbOrTrx) => acceptUnlimited(db, message, now),
      announce: () => deps.queues.announce(new Set([persistQueues[type]])),
    };
  };
}

/**
 * People choose their names and those of their services, and the platform writes to strangers: what it sends must link
 * to nothing but its own pages.
 */
function withPlainNames(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      /^(?:.*_)?url$/.test(name) ? value : plainName(value),
    ]),
  );
}

/** An operator may change a template; one that asks for what nobody gives cannot be filled (spec 04, section 4.2). */
function refuseUnfilled({ id, current }: Template, values: Readonly<Record<string, string>>): void {
  const missing = missingPlaceholders(placeholdersIn(current.content), personalisationOf(values));
  if (missing.length === 0) return;
  const problem = new Problem(500, [
    { error: 'InternalServerError', message: 'Failed to create the notification' },
  ]);
  problem.cause = new Error(
    `The platform's template ${id} asks for ${missing.map((name) => `((${name}))`).join(', ')}, which its messages do not have. Change its content.`,
  );
  throw problem;
}

function numberOf(recipient: string | Contact): string {
  const number = typeof recipient === 'string' ? recipient : recipient.mobileNumber;
  if (number === null) throw badRequest('The person has no mobile number');
  return number;
}

function addressOf(recipient: string | Contact): string {
  return typeof recipient === 'string' ? recipient : recipient.emailAddress;
}

async function textTo({ rates, services, fromNumber }: PlatformMessageDeps, recipient: string) {
  const outcome = parsePhoneNumber(recipient, rates);
  const problem = outcome.ok
    ? checkPermissions(outcome.phoneNumber, { international: true, ukLandlines: false })
    : outcome.error;
  if (!outcome.ok || problem !== null) throw badRequest(phoneProblemText(problem!));
  const { phoneNumber } = outcome;
  const platform = await services.get(platformServiceId);
  return {
    recipient: clean(recipient),
    normalisedRecipient: phoneNumber.normalised,
    international: phoneNumber.isInternational,
    phonePrefix: phoneNumber.prefix,
    rateMultiplier: phoneNumber.rateMultiplier,
    replyToText: defaultSender(platform?.smsSenders ?? [])?.text ?? fromNumber,
  };
}

function emailTo(recipient: string) {
  const outcome = parseEmailAddress(recipient);
  if (!outcome.ok) throw badRequest(outcome.error);
  const { address, normalised } = outcome.emailAddress;
  return {
    ...{ recipient: address, normalisedRecipient: normalised },
    ...{ international: false, phonePrefix: null, rateMultiplier: null, replyToText: null },
  };
}
