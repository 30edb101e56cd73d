/** The one file that names suppliers. Adding one takes a folder and a line here. */

import type { Config } from '../config/config.ts';
import type { NotificationType } from '../database/tables.ts';
import type { Clock } from '../ground/clock.ts';
import { type Balancing, type BalancingDeps, createBalancing } from '../provider/balancing/balancing.ts';
import type { InboundEndpoint, ProviderDetails, ReceiptEndpoint, Supplier } from '../provider/contract.ts';
import { supplier as firetext } from '../provider/suppliers/firetext/supplier.ts';
import { loadtestingSupplier } from '../provider/suppliers/loadtesting/supplier.ts';
import { supplier as mmg } from '../provider/suppliers/mmg/supplier.ts';
import { supplier as sandbox } from '../provider/suppliers/sandbox/supplier.ts';
import { supplier as ses } from '../provider/suppliers/ses/supplier.ts';
import { supplier as smtp } from '../provider/suppliers/smtp/supplier.ts';
import { platformUserId } from '../tenant/user/store.ts';

const known: readonly Supplier[] = [mmg, firetext, loadtestingSupplier(firetext), ses, smtp];

/** The text providers that `ordered` switches between when one is slow (spec 05, section 4). */
const switchedPair = ['mmg', 'firetext'] as const;

/** The message types without a real supplier, which go through the sandbox. */
export function sandboxTypes(config: Config): readonly NotificationType[] {
  const real = known.filter(({ startsActive = true, isConfigured }) => startsActive && isConfigured(config));
  return (['sms', 'email'] as const).filter((type) => !real.some(({ types }) => types.includes(type)));
}

/** The configured suppliers, and the sandbox for the types they do not cover. */
export function suppliersOf(config: Config): readonly Supplier[] {
  const configured = known.filter(({ isConfigured }) => isConfigured(config));
  const types = sandboxTypes(config);
  return types.length === 0 ? configured : [...configured, { ...sandbox, types }];
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

/**
 * The receipt endpoints. Those of real suppliers are always open, so that late receipts are accepted after a key was
 * removed; the sandbox's, which anybody on the network may use, is open only while messages go through it.
 */
export function receiptEndpointsOf(config: Config, clock: Clock): readonly ReceiptEndpoint[] {
  return [...known, { ...sandbox, types: sandboxTypes(config) }].flatMap(({ types, receiptEndpoint }) =>
    types.flatMap((type) => receiptEndpoint?.(config, { type, clock }) ?? []),
  );
}

/** The endpoints for received texts: always open, to callers with the configured credentials. */
export function inboundEndpointsOf(config: Config): readonly InboundEndpoint[] {
  return known.flatMap(({ inboundEndpoint }) => inboundEndpoint?.(config) ?? []);
}

/** Balances texts between this installation's providers, according to its settings. */
export function openBalancing(
  config: Config,
  deps: Pick<BalancingDeps, 'db' | 'clock' | 'log' | 'metrics'>,
): Balancing {
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
