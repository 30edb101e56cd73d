import type { NotificationType } from '../../database/tables.ts';

/** A provider as balancing sees it (spec 05, section 4). `changedAt`: when the row last changed; null: never. */
export type BalancedProvider = Readonly<{
  id: string;
  identifier: string;
  notificationType: NotificationType;
  priority: number;
  active: boolean;
  changedAt: Date | null;
}>;

/** A change of priority, and its reason. */
export type Shift = Readonly<{ id: string; identifier: string; priority: number; reason: string }>;

/** Points that one shift moves. */
const step = 10;

export const reduced = 'Reduced due to reduced reliability';
export const increased = 'Increased due to reduced reliability in other provider';
export const adjusted = 'Adjusted back to resting point';

/**
 * `ordered`: makes the partner of `from` the first (spec 04, section 8.1). No shift if there is no partner, it is not
 * active, or it is already first. If another active text provider has the partner's priority, that one gets 10
 * more; otherwise the first and the partner swap priorities.
 */
export function toggle(
  providers: readonly BalancedProvider[],
  pair: readonly [string, string],
  from: string,
  reason: string,
): readonly Shift[] {
  const texts = providers.filter(({ notificationType }) => notificationType === 'sms');
  const name = pair.includes(from) ? pair.find((one) => one !== from) : undefined;
  const partner = texts.find(({ identifier }) => identifier === name);
  if (!partner?.active) return [];
  const active = texts.filter((one) => one.active);
  const first = firstText(active)!;
  const equal = active.find((one) => one !== partner && one.priority === partner.priority);
  if (equal) return [shift(equal, equal.priority + step, reason), shift(partner, partner.priority, reason)];
  if (first === partner) return [];
  return [shift(first, partner.priority, reason), shift(partner, first.priority, reason)];
}

/** `ordered`: the provider that gets all texts; undefined if none is active. */
export function firstText(providers: readonly BalancedProvider[]): BalancedProvider | undefined {
  return activeTexts(providers).toSorted(
    (a, b) => a.priority - b.priority || a.identifier.localeCompare(b.identifier),
  )[0];
}

/**
 * `weighted`: takes 10 points from one text provider and gives them to the other. No shift unless exactly two are
 * active.
 */
export function reduce(providers: readonly BalancedProvider[], identifier: string): readonly Shift[] {
  const active = activeTexts(providers);
  const one = active.find((provider) => provider.identifier === identifier);
  const other = active.find((provider) => provider.identifier !== identifier);
  if (active.length !== 2 || !one || !other) return [];
  return [
    shift(one, Math.max(0, one.priority - step), reduced),
    shift(other, Math.min(100, other.priority + step), increased),
  ];
}

/** `weighted`: moves each provider by at most 10 points towards its resting point. */
export function tendBack(
  providers: readonly BalancedProvider[],
  restingPoints: Readonly<Record<string, number>>,
): readonly Shift[] {
  return activeTexts(providers).flatMap((provider) => {
    const target = restingPoints[provider.identifier];
    if (target === undefined || target === provider.priority) return [];
    const move = Math.max(-step, Math.min(step, target - provider.priority));
    return [shift(provider, provider.priority + move, adjusted)];
  });
}

/** Whether an active text provider was changed within the last `seconds`. */
export function changedWithin(providers: readonly BalancedProvider[], seconds: number, now: number): boolean {
  return activeTexts(providers).some(
    ({ changedAt }) => changedAt !== null && now - changedAt.getTime() < seconds * 1000,
  );
}

/** How many of a provider's texts were slow, and how many there were. */
export type Slowness = Readonly<{ identifier: string; slow: number; all: number }>;

const slowShare = 0.15;

/** The active text providers that are slow; none if all are, since no other would be better. */
export function slowProviders(
  providers: readonly BalancedProvider[],
  counts: readonly Slowness[],
): readonly string[] {
  const active = activeTexts(providers).map(({ identifier }) => identifier);
  const slow = active.filter((identifier) => {
    const count = counts.find((one) => one.identifier === identifier);
    return count !== undefined && count.all > 0 && count.slow / count.all >= slowShare;
  });
  return slow.length === active.length ? [] : slow;
}

function activeTexts(providers: readonly BalancedProvider[]): readonly BalancedProvider[] {
  return providers.filter(({ active, notificationType }) => active && notificationType === 'sms');
}

function shift({ id, identifier }: BalancedProvider, priority: number, reason: string): Shift {
  return { id, identifier, priority, reason };
}
