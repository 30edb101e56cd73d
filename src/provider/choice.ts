import type { NotificationType } from '../database/tables.ts';
import type { ProviderDetails } from './contract.ts';
import { isDue, type ProviderState } from './state.ts';

/** How texts are shared out (spec 05, section 4): all to the best, or to each by its weight. */
export type Strategy = 'ordered' | 'weighted';

/**
 * Who may send a message, in the order they are tried: active providers of its type, for an international text only
 * those that can, lowest priority number first (spec 05 section 3.2, `ordered`).
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
 * The same in the order of `weighted`: the first is drawn at random with `priority` as its weight (all 0: each alike),
 * the others follow by weight. `draw` gives a number from 0 up to, not including, 1.
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

/** Who is to have a message: see `choose`. */
export type Choice<P> = Readonly<{
  /** Left alone so far, and due to be tried: it has the message if this message may be the one that tries it. */
  probe: P | null;
  /** The best that works; null: every circuit is open. */
  provider: P | null;
}>;

/**
 * Passes over open circuits. One whose time has come is tried with a message where it is better in the order than every
 * provider that works, or where none works; a spare one further down is left alone while a better one works.
 */
export function choose<P extends ProviderState>(order: readonly P[], now: number): Choice<P> {
  const working = order.findIndex(({ circuit }) => circuit.state === 'closed');
  const better = working === -1 ? order : order.slice(0, working);
  return {
    probe: better.find(({ circuit }) => isDue(circuit, now)) ?? null,
    provider: order[working] ?? null,
  };
}

/** How many of `order` may be asked when `taken` refuses the message. */
export function othersLeft<P extends ProviderState>(order: readonly P[], taken: P, now: number): number {
  return order.filter(
    (other) => other !== taken && (other.circuit.state === 'closed' || isDue(other.circuit, now)),
  ).length;
}
