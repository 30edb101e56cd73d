import { randomUUID } from 'node:crypto';
import { parseEmailAddress } from '../../content/recipient/email-address.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import {
  checkPermissions,
  longestPhoneNumber,
  parsePhoneNumber,
} from '../../content/recipient/phone-number.ts';
import { noInternationalText, phoneProblemText } from '../../content/recipient/phone-problem.ts';
import { emailPage } from '../../content/template/email-page.ts';
import { escapeMarkup } from '../../content/template/text/escape.ts';
import type { Cache } from '../../database/cache.ts';
import { stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { defaultSender, platformServiceId, type Service } from '../../tenant/service/service.ts';
import type { Message, Provider, SendResult } from '../contract.ts';
import type { RateLimits } from '../rate-limit/rate-limit.ts';
import type { ProviderState } from '../state.ts';
import { allProviders, type ProviderRecord } from '../store.ts';

export type TestDeps = Readonly<{
  log: Log;
  rates: Rates;
  services: Cache<Service | null>;
  providers: Cache<readonly ProviderState[]>;
  rateLimits: Pick<RateLimits, 'wait'>;
  /** A client of the supplier, for one message; null if it is not configured. */
  openClient: (identifier: string) => Promise<Provider | null>;
  providerTimeoutSeconds: number;
  fromNumber: string;
  emailDomain: string;
}>;

/** A recipient in the form that providers get. */
export type TestRecipient = Readonly<{ to: string; international: boolean }>;

export type TestResult = Readonly<{
  /** Our own: no message of a service has it, so a receipt for it changes nothing. */
  reference: string;
  outcome: SendResult['outcome'];
  code: string | null;
  detail: string | null;
  milliseconds: number;
}>;

/** Reads what an operator typed. `fault`: what is wrong with it, in words. */
export function readRecipient(
  rates: Rates,
  { notificationType, supportsInternational }: ProviderRecord,
  text: string,
): TestRecipient | Readonly<{ fault: string }> {
  if (notificationType === 'email') {
    const email = parseEmailAddress(text);
    return email.ok ? { to: email.emailAddress.address, international: false } : { fault: email.error };
  }
  const outcome = parsePhoneNumber(text.slice(0, longestPhoneNumber), rates);
  const problem = outcome.ok
    ? checkPermissions(outcome.phoneNumber, { international: true, ukLandlines: true })
    : outcome.error;
  if (!outcome.ok || problem) return { fault: phoneProblemText(problem!) };
  const { normalised, isInternational } = outcome.phoneNumber;
  if (isInternational && !supportsInternational) return { fault: noInternationalText };
  return { to: normalised, international: isInternational };
}

/**
 * Sends one test message through exactly this provider, and returns what it said; null if it is not configured. At most
 * once: nothing is stored and nothing is retried.
 */
export async function sendTest(
  deps: TestDeps,
  { id, identifier, notificationType }: ProviderRecord,
  recipient: TestRecipient,
): Promise<TestResult | null> {
  const state = (await deps.providers.get(allProviders)).find((one) => one.id === id);
  const client = state ? await deps.openClient(identifier) : null;
  if (!state || !client) return null;
  try {
    const message = await compose(deps, notificationType, recipient);
    const signal = AbortSignal.timeout(deps.providerTimeoutSeconds * 1000);
    const urgency = { isInternal: true, priority: 0 };
    // Aborted while it waits, or the process is stopping.
    const mayCall = await deps.rateLimits.wait(state, urgency, signal).catch(() => false);
    const elapsed = stopwatch();
    const result = mayCall ? await call(deps, client, message, signal) : noCall;
    const milliseconds = Math.round(elapsed());
    const { outcome } = result;
    deps.log.info({ provider: identifier, outcome }, 'A test message was handed to a provider');
    const said = result.outcome === 'accepted' ? { code: null, detail: null } : result;
    return { reference: message.reference, outcome, code: said.code, detail: said.detail, milliseconds };
  } finally {
    await client.close?.();
  }
}

const noCall: SendResult = {
  outcome: 'failed',
  code: 'rate limit',
  detail: 'The rate limit of the provider left no room for a call in time',
};

async function call(
  { log }: TestDeps,
  client: Provider,
  message: Message,
  signal: AbortSignal,
): Promise<SendResult> {
  try {
    return await client.send(message, signal);
  } catch (error) {
    log.error({ err: error }, `The client of provider ${client.identifier} failed`);
    return { outcome: 'unknown', code: 'error', detail: 'The provider’s client failed' };
  }
}

/** In the name of the platform's own service, which is the product's. */
async function compose(
  { services, fromNumber, emailDomain }: TestDeps,
  type: Message['type'],
  { to, international }: TestRecipient,
): Promise<Message> {
  const platform = (await services.get(platformServiceId))!;
  const reference = randomUUID();
  const body = `This is a test message from ${platform.name}.`;
  if (type === 'sms') {
    const from = defaultSender(platform.smsSenders)?.text ?? fromNumber;
    return { type, reference, to, from, body, international };
  }
  const html = escapeMarkup(body);
  return {
    ...{ type, reference, to, replyTo: null, unsubscribeUrl: null, text: `${body}\n` },
    fromName: platform.name,
    fromAddress: `${platform.emailFrom}@${emailDomain}`,
    subject: 'Test message',
    html: emailPage({ title: 'Test message', preheader: html, body: `<p>${html}</p>` }),
  };
}
