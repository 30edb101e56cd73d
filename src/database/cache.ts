import { sql } from 'kysely';
import { stopwatch } from '../ground/clock.ts';
import type { DbOrTrx, Listener } from './connection.ts';

/** The channel that announces changes of cached rows; the payload is `<cache name>:<key>`. */
const channel = 'despatch_changed';

/**
 * Rows cached in the process, so that requests need not read them from the database. The transaction that changes a row
 * announces it (`announceChange`), which drops the entry everywhere. No entry is older than `maxAgeMilliseconds`, so a
 * missed notice delays a change by no more than that (2 seconds for a revoked key: spec 01, section 1.3). Concurrent
 * reads of one key share one query. A result of null ("no such row") is cached as well.
 */
export type Cache<Value> = {
  get(key: string): Promise<Value>;
  /** The cached value; undefined if `get` would have to wait. */
  peek(key: string): Value | undefined;
  drop(key: string): void;
};

export type Caches = {
  create<Value>(options: CacheOptions<Value>): Cache<Value>;
  stop(): void;
};

type CacheOptions<Value> = Readonly<{
  name: string;
  load: (key: string) => Promise<Value>;
  maxAgeMilliseconds: number;
  /** Maximum number of entries; the oldest is dropped first. */
  limit?: number;
}>;

/** `age`: milliseconds since it was read, whatever happens to the clock of the machine. */
type Entry<Value> = { value: Promise<Value>; age: () => number; loaded?: Value };

export async function createCaches(listener: Listener): Promise<Caches> {
  const all = new Map<string, { drop(key: string): void; clear(): void }>();
  const stop = await listener.listen(
    channel,
    (payload) => {
      const colon = payload.indexOf(':');
      all.get(payload.slice(0, colon))?.drop(payload.slice(colon + 1));
    },
    () => {
      for (const cache of all.values()) cache.clear();
    },
  );

  return {
    create<Value>({ name, load, maxAgeMilliseconds, limit = 10_000 }: CacheOptions<Value>): Cache<Value> {
      const entries = new Map<string, Entry<Value>>();
      all.set(name, { drop: (key) => entries.delete(key), clear: () => entries.clear() });
      return {
        get(key) {
          const kept = entries.get(key);
          if (kept && kept.age() < maxAgeMilliseconds) return kept.value;
          const entry: Entry<Value> = { value: load(key), age: stopwatch() };
          entries.delete(key);
          entries.set(key, entry);
          if (entries.size > limit) entries.delete(entries.keys().next().value as string);
          entry.value.then(
            (loaded) => {
              entry.loaded = loaded;
            },
            () => undefined,
          );
          // A failed read is not cached: the next caller queries the database again.
          entry.value.catch(() => {
            if (entries.get(key) === entry) entries.delete(key);
          });
          return entry.value;
        },
        peek(key) {
          const kept = entries.get(key);
          return kept && kept.age() < maxAgeMilliseconds ? kept.loaded : undefined;
        },
        drop: (key) => entries.delete(key),
      };
    },
    stop,
  };
}

/** Notifies every process, once the transaction commits, that the row behind `key` of the cache `name` has changed. */
export async function announceChange(db: DbOrTrx, name: string, key: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${`${name}:${key}`})`.execute(db);
}
