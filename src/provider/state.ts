import type { ProviderDetails } from './contract.ts';

/**
 * The circuit of a provider, as its row says. `closed`: the provider is used. `open`: it gets nothing until `until`;
 * from then on the circuit is `half-open`, and one message at a time probes the provider (docs/decisions/0012). Without
 * `until` an operator has opened it, and it stays open until somebody closes it.
 */
export type Circuit = Readonly<{
  state: 'closed' | 'open';
  until: Date | null;
  /** When the message that is probing the provider must be done; null: none is. */
  probeUntil: Date | null;
}>;

/** What the choice of a provider depends on. */
export type ProviderState = ProviderDetails &
  Readonly<{
    id: string;
    /** Messages per second across all workers; null: no limit. */
    rateLimit: number | null;
    circuit: Circuit;
  }>;

export function circuitState(circuit: Circuit, now: number): 'closed' | 'open' | 'half-open' {
  if (circuit.state === 'closed') return 'closed';
  return circuit.until === null || circuit.until.getTime() > now ? 'open' : 'half-open';
}

/** Half-open, and not being probed. */
export function isDue(circuit: Circuit, now: number): boolean {
  return (
    circuitState(circuit, now) === 'half-open' &&
    (circuit.probeUntil === null || circuit.probeUntil.getTime() <= now)
  );
}
