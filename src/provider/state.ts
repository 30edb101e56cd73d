import type { ProviderDetails } from './contract.ts';

/**
 * The circuit of a provider, as its row says. `closed`: it is used. `open`: it is left alone until `until`; from then on
 * it is `half-open`: one message at a time tries it (docs/decisions/0012).
 */
export type Circuit = Readonly<{
  state: 'closed' | 'open';
  until: Date | null;
  /** A message tries it until then at the latest; null: none does. */
  probeUntil: Date | null;
}>;

/** A provider as messages are given to it. */
export type ProviderState = ProviderDetails &
  Readonly<{
    id: string;
    /** Messages per second over all workers; null: no limit. */
    rateLimit: number | null;
    circuit: Circuit;
  }>;

export function circuitState(circuit: Circuit, now: number): 'closed' | 'open' | 'half-open' {
  if (circuit.state === 'closed') return 'closed';
  return circuit.until !== null && circuit.until.getTime() > now ? 'open' : 'half-open';
}

/** Half-open, and no message is trying it. */
export function isDue(circuit: Circuit, now: number): boolean {
  return (
    circuitState(circuit, now) === 'half-open' &&
    (circuit.probeUntil === null || circuit.probeUntil.getTime() <= now)
  );
}
