import pg from 'pg';
import type { Log } from '../ground/log.ts';

/**
 * The connection on which the process listens to PostgreSQL notices (LISTEN/NOTIFY). A notice is a hint that saves
 * waiting: subscribers must also poll now and then. When the connection breaks, the listener reconnects and notifies
 * every subscriber that notices may have been missed.
 */
export type Listener = {
  /** `onGap` runs after every (re)connection, because notices may have been missed. */
  listen(channel: string, onNotice: (payload: string) => void, onGap: () => void): Promise<() => void>;
  stop(): Promise<void>;
};

type Subscription = { channel: string; onNotice: (payload: string) => void; onGap: () => void };

const retryMilliseconds = 500;

export function createListener(url: string, log: Log): Listener {
  const subscriptions = new Set<Subscription>();
  let client: pg.Client | null = null;
  let connecting: Promise<void> | null = null;
  let stopped = false;
  let retry: NodeJS.Timeout | undefined;

  async function open(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: url,
      keepAlive: true,
      application_name: 'despatch listener',
      connectionTimeoutMillis: 10_000,
    });
    fresh.on('notification', ({ channel, payload }) => {
      for (const subscription of subscriptions)
        if (subscription.channel === channel) subscription.onNotice(payload ?? '');
    });
    const lost = (error?: Error) => {
      if (client !== fresh && client !== null) return;
      client = null;
      fresh.removeAllListeners('end');
      void fresh.end().catch(() => undefined);
      if (stopped) return;
      if (error) log.warn({ err: error }, 'The connection for notices broke; reconnecting');
      schedule();
    };
    fresh.on('error', lost);
    fresh.on('end', () => lost());
    await fresh.connect();
    for (const channel of new Set([...subscriptions].map((subscription) => subscription.channel)))
      await fresh.query(`listen ${pg.escapeIdentifier(channel)}`);
    client = fresh;
    for (const { onGap } of subscriptions) onGap();
  }

  function schedule(): void {
    clearTimeout(retry);
    retry = setTimeout(() => void ensure().catch(() => undefined), retryMilliseconds);
  }

  function ensure(): Promise<void> {
    if (client || stopped) return Promise.resolve();
    connecting ??= open()
      .catch((error: unknown) => {
        if (!stopped) schedule();
        throw error;
      })
      .finally(() => {
        connecting = null;
      });
    return connecting;
  }

  return {
    async listen(channel, onNotice, onGap) {
      const subscription = { channel, onNotice, onGap };
      const listening = [...subscriptions].some((other) => other.channel === channel);
      subscriptions.add(subscription);
      if (client && !listening) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      else await ensure();
      return () => subscriptions.delete(subscription);
    },
    async stop() {
      stopped = true;
      clearTimeout(retry);
      await connecting?.catch(() => undefined);
      const open = client;
      client = null;
      open?.removeAllListeners('end');
      await open?.end().catch(() => undefined);
    },
  };
}
