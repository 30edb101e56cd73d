import { setTimeout } from 'node:timers/promises';
import type { Config } from '../../../config/config.ts';
import type { Provider, Supplier, SupplierNeeds } from '../../contract.ts';

/**
 * For load tests (spec 05, section 5.3): Firetext under another name, with a server of its own. Without a server it
 * makes no call, and queues the receipt itself.
 */
export function loadtestingSupplier(
  firetext: Readonly<{ open: (config: Config, needs: SupplierNeeds) => Provider }>,
) {
  return {
    identifier: 'loadtesting',
    displayName: 'Load testing',
    types: ['sms'],
    priority: 30,
    startsActive: false,
    isConfigured: () => true,
    open(config, needs) {
      const { url, apiKey, latencyMilliseconds } = config.loadtesting;
      const account = { url: url ?? config.firetext.url, apiKey: apiKey ?? '', internationalApiKey: null };
      const provider = firetext.open({ ...config, firetext: { ...config.firetext, ...account } }, needs);
      return {
        ...provider,
        identifier: 'loadtesting',
        ...(url === null && { send: withoutServer(latencyMilliseconds, needs.reportDelivered) }),
      };
    },
  } satisfies Supplier;
}

/** Waits as long as a call would take, then queues a receipt. */
export function withoutServer(
  latencyMilliseconds: number,
  reportDelivered: SupplierNeeds['reportDelivered'],
): Provider['send'] {
  return async (message, signal) => {
    try {
      await setTimeout(latencyMilliseconds, undefined, { signal });
      await reportDelivered(message.reference);
      return { outcome: 'accepted', reference: null };
    } catch {
      // Failed rather than unknown, because nothing was sent.
      return { outcome: 'failed', code: 'not reported', detail: 'The receipt could not be queued' };
    }
  };
}
