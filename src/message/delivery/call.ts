import type { NotificationType } from '../../database/tables.ts';
import { stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import type { Circuits } from '../../provider/circuit/circuits.ts';
import type { Provider, SendResult } from '../../provider/contract.ts';
import type { Claimed } from './claim.ts';

export type CallDeps = Readonly<{
  log: Log;
  metrics: Metrics;
  /** The provider of this identifier for this type; undefined where this process has none. */
  provider: (identifier: string, type: NotificationType) => Provider | undefined;
  circuits: Pick<Circuits, 'record' | 'endProbe'>;
}>;

/** Hands a claimed message to its provider, with no transaction open; what came of it counts for the provider's circuit. */
export async function callProvider(
  deps: CallDeps,
  { composed, claim, provider: providerState, isProbe }: Extract<Claimed, { kind: 'claimed' }>,
  signal: AbortSignal,
  logFields: Readonly<Record<string, unknown>>,
): Promise<SendResult> {
  const { log, metrics, circuits } = deps;
  const { provider: identifier, notificationId } = claim;
  const provider = deps.provider(identifier, providerState.notificationType);
  const endProbe = (outcome: SendResult['outcome'] | null) => {
    if (isProbe) circuits.endProbe(providerState, notificationId, outcome);
  };
  if (!provider) {
    endProbe(null);
    return {
      outcome: 'failed',
      code: 'not configured',
      detail: `The provider ${identifier} is not configured in this process`,
    };
  }
  const elapsed = stopwatch();
  const result = await provider.send(composed.message, signal).catch((error: unknown): SendResult => {
    log.error({ ...logFields, err: error }, `The client of provider ${identifier} failed`);
    return { outcome: 'unknown', code: 'error', detail: 'The provider’s client failed' };
  });
  metrics.timing(`clients.${identifier}.request-time`, elapsed());
  metrics.count(`clients.${identifier}.${result.outcome === 'accepted' ? 'success' : 'error'}`);
  // What we broke off ourselves says nothing about the provider.
  const isOurs = signal.aborted && result.outcome === 'unknown';
  if (!isOurs) circuits.record(providerState, result.outcome);
  endProbe(isOurs ? null : result.outcome);
  return result;
}
