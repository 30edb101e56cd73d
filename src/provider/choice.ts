import type { NotificationType } from '../database/tables.ts';
import type { ProviderDetails } from './contract.ts';
import { isDue, type ProviderState } from './state.ts';

/** How texts are distributed (spec 05, section 4): all to the best provider, or to each by its weight. */
export type Strategy = 'ordered' | 'weighted';

/**
 * The providers that may send a message, in the order of strategy `ordered`: active ones of its type, for an
 * international text only those that support it, lowest priority number first (spec 05, section 3.2).
 */
export function candidates<P extends ProviderDetails>(
  all: readonly P[],
  message: Readonly<{ type: NotificationType; international: boolean }>,
): readonly P[] {
  return all
    .filter(
      (provider) =>
        provider.active &&
        provider.notificationType === message.type &&
        (!message.international || message.type !== 'sms' || provider.supportsInternational),
    )
    .sort((a, b) => a.priority - b.priority || a.identifier.localeCompare(b.identifier));
}

/**
 * The same providers in the order of strategy `weighted`: the first is drawn at random with `priority` as its weight
 * (equal weights if all are 0), the others follow by weight. `draw` returns a number of at least 0 and less than 1.
 */
export function drawOrder<P extends ProviderDetails>(
  candidates: readonly P[],
  draw: () => number,
): readonly P[] {
  if (candidates.length < 2) return candidates;
  const heaviest = candidates.toSorted(
    (a, b) => b.priority - a.priority || a.identifier.localeCompare(b.identifier),
  );
  const total = heaviest.reduce((sum, { priority }) => sum + priority, 0);
  const weightOf = ({ priority }: P) => (total === 0 ? 1 : priority);
  let left = draw() * (total === 0 ? heaviest.length : total);
  const drawn = heaviest.find((provider) => {
    left -= weightOf(provider);
    return left < 0;
  });
  return drawn === undefined ? heaviest : [drawn, ...heaviest.filter((provider) => provider !== drawn)];
}

/** Where a message goes: see `choose`. */
export type Choice<P> = Readonly<{
  /** A provider due to be probed: it gets the message if no other message is probing it by then. */
  probe: P | null;
  /** The best one with a closed circuit; null if there is none. */
  provider: P | null;
}>;

/**
 * Skips open circuits. A provider that is due is probed only if it comes before every working one, or if none works;
 * one further down is left alone while a better one works.
 */
export function choose<P extends ProviderState>(order: readonly P[], now: number): Choice<P> {
  const working = order.findIndex(({ circuit }) => circuit.state === 'closed');
  const better = working === -1 ? order : order.slice(0, working);
  return {
    probe: better.find(({ circuit }) => isDue(circuit, now)) ?? null,
    provider: order[working] ?? null,
  };
}

/** How many other providers of `order` could still be tried if `taken` refuses the message. */
export function othersLeft<P extends ProviderState>(order: readonly P[], taken: P, now: number): number {
  return order.filter(
    (other) => other !== taken && (other.circuit.state === 'closed' || isDue(other.circuit, now)),
  ).length;
}
