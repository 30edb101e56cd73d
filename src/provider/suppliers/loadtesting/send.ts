import { setTimeout } from 'node:timers/promises';
import type { Provider, SendResult } from '../../contract.ts';

export type LoadtestingSettings = Readonly<{
  /** How long each call pretends to take. */
  latencyMilliseconds: number;
  /** Queues a receipt that says `delivered`. */
  report: (notificationId: string) => Promise<void>;
  /** Whose receipts it pretends to: Firetext's. */
  fakeReceipts: Provider['fakeReceipts'];
}>;

/**
 * The provider of load tests without a server of its own (spec 05, section 5.3): it makes no call, waits, and queues a
 * receipt. With a server it is Firetext under another name: see platform.ts.
 */
export function loadtestingProvider(settings: LoadtestingSettings): Provider {
  return {
    identifier: 'loadtesting',
    receipts: 'posted',
    async send(message, signal): Promise<SendResult> {
      try {
        await setTimeout(settings.latencyMilliseconds, undefined, { signal });
        await settings.report(message.reference);
        return { outcome: 'accepted', reference: null };
      } catch {
        // Nobody has the message, so there is no doubt about it.
        return { outcome: 'failed', code: 'not reported', detail: 'The receipt could not be queued' };
      }
    },
    fakeReceipts: settings.fakeReceipts,
  };
}
