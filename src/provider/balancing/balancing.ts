import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Strategy } from '../choice.ts';
import { failuresOf } from '../circuit/circuit.ts';
import { findCalls } from '../circuit/store.ts';
import type { ProviderState } from '../state.ts';
import {
  type BalancedProvider,
  changedWithin,
  firstText,
  reduce,
  type Shift,
  slowProviders,
  tendBack,
  toggle,
} from './shift.ts';
import { applyShifts, countSlowTexts, findSlowness, findTextProviders, lockTextProviders } from './store.ts';

export type BalancingDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  strategy: Strategy;
  /** Whether this installation can send texts through the provider of this name. */
  isConfigured: (identifier: string) => boolean;
  /** The two text providers that `ordered` switches between. */
  pair: readonly [string, string];
  /** The service and template whose texts show whether the first provider is slow (`ordered`); null: not checked. */
  slowCheck: Readonly<{ serviceId: string; templateId: string }> | null;
  /** More errors than `threshold` within `seconds` cost 10 points (`weighted`). */
  errors: Readonly<{ threshold: number; seconds: number }>;
  restingPoints: Readonly<Record<string, number>>;
  /** The user id that shifts are recorded under: the platform's own. */
  by: string;
}>;

export type Balancing = {
  /** Shifts texts away from providers that deliver slowly. Returns how many rows changed. */
  onSlowDelivery(): Promise<number>;
  /** Takes points from text providers with too many errors (`weighted`). */
  onErrors(failing: readonly ProviderState[]): Promise<void>;
  /** Moves weights towards their resting points (`weighted`). Returns how many rows changed. */
  tendBack(): Promise<number>;
};

/** The numbers of the two strategies (spec 05, section 4). */
const ordered = { lookBackSeconds: 600, slowSeconds: 240, least: 2 } as const;
const weighted = {
  lookBackSeconds: 900,
  slowSeconds: 300,
  slowPauseSeconds: 300,
  errorPauseSeconds: 60,
  restPauseSeconds: 900,
} as const;

/**
 * Shifts texts between providers by changing their priorities (spec 05, section 4). Each shift is decided on locked
 * rows and written with its versions, so that any number of processes shift only once. Errors are handled by failover
 * and circuits (docs/decisions/0012); `weighted` takes points for them as well.
 */
export function createBalancing(deps: BalancingDeps): Balancing {
  const { clock } = deps;
  return {
    onSlowDelivery: () =>
      deps.strategy === 'ordered' ? switchOrdered(deps, clock.now()) : switchWeighted(deps, clock.now()),
    async onErrors(failing) {
      const texts = failing.filter(({ notificationType }) => notificationType === 'sms');
      if (deps.strategy !== 'weighted' || texts.length === 0) return;
      await reduceFailing(deps, texts, clock.now());
    },
    async tendBack() {
      if (deps.strategy !== 'weighted') return 0;
      const now = clock.now();
      return await shift(deps, now, (providers) =>
        changedWithin(providers, weighted.restPauseSeconds, now)
          ? []
          : tendBack(providers, deps.restingPoints),
      );
    },
  };
}

function usable(
  { isConfigured }: BalancingDeps,
  providers: readonly BalancedProvider[],
): readonly BalancedProvider[] {
  return providers.filter(({ identifier }) => isConfigured(identifier));
}

/** Writes the shifts that `decide` finds for the locked rows. Returns how many rows changed. */
async function shift(
  deps: BalancingDeps,
  now: number,
  decide: (providers: readonly BalancedProvider[]) => readonly Shift[],
): Promise<number> {
  const { db, log, by } = deps;
  const shifts = await db.transaction().execute(async (trx) => {
    const decided = decide(usable(deps, await lockTextProviders(trx)));
    if (decided.length > 0) await applyShifts(trx, decided, { by, now: new Date(now) });
    return decided;
  });
  for (const { identifier, priority, reason } of shifts)
    log.warn({ provider: identifier, priority }, `Provider ${identifier} (sms): ${reason}`);
  return shifts.length;
}

async function switchOrdered(deps: BalancingDeps, now: number): Promise<number> {
  const { db, log, slowCheck, pair } = deps;
  if (slowCheck === null) return 0;
  const { lookBackSeconds, slowSeconds, least } = ordered;
  const first = firstText(usable(deps, await findTextProviders(db)));
  if (!first) return 0;
  const since = new Date(Math.max(now - lookBackSeconds * 1000, first.changedAt?.getTime() ?? 0));
  const { identifier } = first;
  const count = await countSlowTexts(deps, db, {
    ...slowCheck,
    provider: identifier,
    since,
    seconds: slowSeconds,
  });
  if (count < least) return 0;
  const reason = `Switched from ${identifier}, which was slow: ${count} texts took ${slowSeconds / 60} minutes or longer`;
  const shifted = await shift(deps, now, (providers) => {
    const locked = providers.find((one) => one.identifier === identifier);
    // Another process may have changed it since.
    return locked?.changedAt?.getTime() === first.changedAt?.getTime()
      ? toggle(providers, pair, identifier, reason)
      : [];
  });
  if (shifted === 0)
    log.info(
      { provider: identifier, count },
      `Provider ${identifier} (sms) is slow, and no other can take its place`,
    );
  return shifted;
}

async function switchWeighted(deps: BalancingDeps, now: number): Promise<number> {
  const { lookBackSeconds, slowSeconds, slowPauseSeconds } = weighted;
  const since = new Date(now - lookBackSeconds * 1000);
  const counts = await findSlowness(deps, deps.db, since, slowSeconds, new Date(now));
  const providers = usable(deps, await findTextProviders(deps.db));
  return await reduceAll(deps, slowProviders(providers, counts), slowPauseSeconds, now);
}

async function reduceFailing(
  deps: BalancingDeps,
  failing: readonly ProviderState[],
  now: number,
): Promise<void> {
  const { threshold, seconds } = deps.errors;
  const calls = await findCalls(
    deps.db,
    failing.map(({ id }) => id),
    new Date(now - seconds * 1000),
  );
  const bad = failing.filter(({ id }) => {
    const all = calls.get(id);
    return all !== undefined && failuresOf(all) > threshold;
  });
  await reduceAll(
    deps,
    bad.map(({ identifier }) => identifier),
    weighted.errorPauseSeconds,
    now,
  );
}

/** Takes points from each of these providers, unless any text provider was changed within `pauseSeconds`. */
async function reduceAll(
  deps: BalancingDeps,
  identifiers: readonly string[],
  pauseSeconds: number,
  now: number,
): Promise<number> {
  let changed = 0;
  for (const identifier of identifiers)
    changed += await shift(deps, now, (providers) =>
      changedWithin(providers, pauseSeconds, now) ? [] : reduce(providers, identifier),
    );
  return changed;
}
