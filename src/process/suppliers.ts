/** The one file that names suppliers. Adding one takes a folder and a line here. */

import type { Config } from '../config/config.ts';
import type { NotificationType } from '../database/tables.ts';
import type { Clock } from '../ground/clock.ts';
import { ConfigError } from '../ground/problem.ts';
import type { Balancing, BalancingDeps } from '../provider/balancing/balancing.ts';
import type {
  InboundEndpoint,
  Provider,
  ProviderDetails,
  ReceiptEndpoint,
  Supplier,
  SupplierNeeds,
} from '../provider/contract.ts';
import { supplier as firetext } from '../provider/suppliers/firetext/supplier.ts';
import { loadtestingSupplier } from '../provider/suppliers/loadtesting/supplier.ts';
import { supplier as mmg } from '../provider/suppliers/mmg/supplier.ts';
import { supplier as sandbox } from '../provider/suppliers/sandbox/supplier.ts';
import { supplier as ses } from '../provider/suppliers/ses/supplier.ts';
import { supplier as smtp } from '../provider/suppliers/smtp/supplier.ts';

const known: readonly Supplier[] = [mmg, firetext, loadtestingSupplier(firetext), ses, smtp];

/** The text providers that `ordered` switches between when one is slow (spec 05, section 4). */
const switchedPair = ['mmg', 'firetext'] as const;

const allTypes = ['sms', 'email'] as const;

function typesWithoutSupplier(config: Config): readonly NotificationType[] {
  const real = known.filter(({ startsActive = true, isConfigured }) => startsActive && isConfigured(config));
  return allTypes.filter((type) => !real.some(({ types }) => types.includes(type)));
}

/**
 * The message types that go through the sandbox: those without a supplier, if `SANDBOX` says so, or by default in a
 * demo that has no supplier at all. Nobody receives these messages, so that must have been asked for.
 */
export function sandboxTypes(config: Config): readonly NotificationType[] {
  const types = typesWithoutSupplier(config);
  const isDemo = config.installation.demo && types.length === allTypes.length;
  return (config.sandbox.enabled ?? isDemo) ? types : [];
}

/** The message types that this installation cannot send. Decided by its settings, so every process agrees. */
export function unprovidedTypes(config: Config): readonly NotificationType[] {
  const sandboxed = sandboxTypes(config);
  return typesWithoutSupplier(config).filter((type) => !sandboxed.includes(type));
}

/** Throws a ConfigError if something is configured that needs a provider which is not. */
export function checkProviders(config: Config): void {
  const unprovided = unprovidedTypes(config);
  if (unprovided.length === allTypes.length)
    throw new ConfigError(
      'No provider is configured, so no message could be sent. Set MMG_API_KEY or FIRETEXT_API_KEY for texts, SES_ENABLED or SMTP_URL for emails; or SANDBOX=1 for a trial, in which nobody receives them.',
    );
  const { slowCheckServiceId, slowCheckTemplateId } = config.providers;
  if (unprovided.includes('sms') && (slowCheckServiceId ?? slowCheckTemplateId) !== null)
    throw new ConfigError(
      'FUNCTIONAL_TEST_PROVIDER_SERVICE_ID and FUNCTIONAL_TEST_PROVIDER_SMS_TEMPLATE_ID need a provider for texts: set MMG_API_KEY or FIRETEXT_API_KEY, or SANDBOX=1.',
    );
}

/**
 * Throws a ConfigError if others than this machine can reach the API, and a configured supplier's receipts would be
 * taken from anybody.
 */
export function checkReceiptProofs(config: Config): void {
  if (!isExposed(config)) return;
  const open = known.filter(
    ({ isConfigured, receiptProof }) => isConfigured(config) && receiptProof?.isConfigured(config) === false,
  );
  if (open.length === 0) return;
  const settings = open.map(({ receiptProof }) => receiptProof!.settings).join(' and ');
  throw new ConfigError(
    `${settings} must be set unless HOST and API_HOST_NAME are this machine alone: without, anybody could post receipts of ${open.map(({ displayName }) => displayName).join(' and ')}.`,
  );
}

/** Whether the API is for more than this machine. */
function isExposed({ api: { host, publicUrl } }: Config): boolean {
  const isLoopback = (name: string) => /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(name);
  return !isLoopback(host) || (publicUrl !== null && !isLoopback(new URL(publicUrl).hostname));
}

/** The configured suppliers, and the sandbox for the types they do not cover. */
export function suppliersOf(config: Config): readonly Supplier[] {
  const configured = known.filter(({ isConfigured }) => isConfigured(config));
  const types = sandboxTypes(config);
  return types.length === 0 ? configured : [...configured, { ...sandbox, types }];
}

/** A client of one configured supplier, for its caller to close; null if there is no such supplier. */
export async function openClient(
  config: Config,
  identifier: string,
  needs: SupplierNeeds,
): Promise<Provider | null> {
  const supplier = suppliersOf(config).find((one) => one.identifier === identifier);
  return (await supplier?.open(config, needs)) ?? null;
}

/** Their rows in the providers table, as first added. */
export function providerRows(config: Config): readonly (ProviderDetails & { displayName: string })[] {
  return suppliersOf(config).flatMap((supplier) =>
    supplier.types.map((notificationType) => ({
      identifier: supplier.identifier,
      displayName: supplier.displayName,
      notificationType,
      priority: supplier.priority,
      active: supplier.startsActive ?? true,
      supportsInternational: supplier.supportsInternational?.(config) ?? false,
    })),
  );
}

/** Every receipt endpoint that a receipt may have come to; the sandbox's only while messages go through it. */
export function receiptEndpointsOf(config: Config, clock: Clock): readonly ReceiptEndpoint[] {
  return [...known, { ...sandbox, types: sandboxTypes(config) }].flatMap(({ types, receiptEndpoint }) =>
    types.flatMap((type) => receiptEndpoint?.(config, { type, clock }) ?? []),
  );
}

/**
 * Whether a provider may post to an endpoint: while the supplier, or one that reports there too, is `used`, which it
 * stays after its key was removed, for late receipts. One that is no longer configured must prove its receipts unless
 * only this machine can post them.
 */
export function isOpenTo(
  config: Config,
  used: ReadonlySet<string>,
  { identifier, alsoFor = [] }: Pick<ReceiptEndpoint, 'identifier' | 'alsoFor'>,
): boolean {
  const proof = known.find((supplier) => supplier.identifier === identifier)?.receiptProof;
  const isProven = !proof || proof.isConfigured(config) || !isExposed(config);
  return isProven && [identifier, ...alsoFor].some((name) => used.has(name));
}

/** The endpoints for received texts of every supplier. */
export function inboundEndpointsOf(config: Config): readonly InboundEndpoint[] {
  return known.flatMap(({ inboundEndpoint }) => inboundEndpoint?.(config) ?? []);
}

/**
 * Balances texts between this installation's providers, according to its settings. Loaded on demand: the pages, which
 * ask only what the sandbox stands in for, have no database.
 */
export async function openBalancing(
  config: Config,
  deps: Pick<BalancingDeps, 'db' | 'clock' | 'log' | 'metrics'>,
): Promise<Balancing> {
  const { createBalancing } = await import('../provider/balancing/balancing.ts');
  const { platformUserId } = await import('../tenant/user/store.ts');
  const { slowCheckServiceId: serviceId, slowCheckTemplateId: templateId } = config.providers;
  const texts = suppliersOf(config).filter(({ types }) => types.includes('sms'));
  return createBalancing({
    ...deps,
    strategy: config.providers.smsStrategy,
    isConfigured: (name) => texts.some(({ identifier }) => identifier === name),
    pair: switchedPair,
    slowCheck: serviceId !== null && templateId !== null ? { serviceId, templateId } : null,
    errors: { threshold: config.providers.errorThreshold, seconds: config.providers.errorIntervalSeconds },
    restingPoints: config.providers.restingPoints,
    by: platformUserId,
  });
}
