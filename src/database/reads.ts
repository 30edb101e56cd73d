import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { stopwatch } from '../ground/clock.ts';
import { callerLeft, Problem } from '../ground/problem.ts';
import { createTurns } from '../ground/turns.ts';
import type { Connection, Db } from './connection.ts';
import type { Tables } from './tables.ts';

/**
 * Runs what one request reads, with a connection of the pool for reads (spec 01, section 6). A service has only a few
 * reads under way at a time; more wait in order. When `left` is aborted, because the caller is gone, the read is
 * cancelled in the database too. Throws a Problem: 429 if too many of the service's reads wait, or too long; 504 if a
 * statement takes longer than 5 seconds.
 */
export type Reads = <T>(serviceId: string, left: AbortSignal, read: (db: Db) => Promise<T>) => Promise<T>;

/**
 * How connections for reads differ. A statement takes at most 5 seconds. Lists walk an index, whatever the planner's
 * statistics say, which are stale for a table that grows all day: it might rather sort everything that a service has.
 */
export const readConnections = {
  statementMilliseconds: 5000,
  options: '-c enable_sort=off -c enable_seqscan=off -c jit=off',
} as const;
/** Reads of one service that may wait, and how long. */
const mostWaiting = 100;
const longestWaitMilliseconds = 10_000;

/** `pool`: for reads; `main`: where statements of callers who left are cancelled; `atOnce`: reads of one service. */
export function createReads(pool: pg.Pool, main: Connection, atOnce: number): Reads {
  const turns = createTurns({
    ...{ atOnce, mostWaiting, longestWaitMilliseconds },
    refused: () => tooManyReads(atOnce),
  });
  const handles = new WeakMap<pg.PoolClient, Db>();

  async function connected<T>(left: AbortSignal, read: (db: Db) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let cancelling: Promise<unknown> | null = null;
    const cancel = () => {
      cancelling = main.pool
        .query('select pg_cancel_backend($1)', [(client as unknown as { processID: number }).processID])
        .catch(() => undefined);
    };
    left.addEventListener('abort', cancel);
    try {
      if (left.aborted) throw callerLeft();
      return await read(handleOf(client));
    } catch (error) {
      if (!isCancelled(error)) throw error;
      throw left.aborted ? callerLeft() : readTimedOut();
    } finally {
      left.removeEventListener('abort', cancel);
      await cancelling;
      // A connection that was asked to cancel is not used again: the request could reach its next statement.
      client.release(cancelling !== null);
    }
  }

  /** Statements on one connection. */
  function handleOf(client: pg.PoolClient): Db {
    let db = handles.get(client);
    if (!db) {
      const same = { query: client.query.bind(client) as never, release: () => undefined };
      const one = { connect: async () => same, end: async () => undefined };
      db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: one }) });
      handles.set(client, db);
    }
    return db;
  }

  return async (serviceId, left, read) => {
    const leave = await turns(serviceId, left);
    try {
      return await connected(left, read);
    } finally {
      leave();
    }
  };
}

/**
 * A part of a list, newest first. `found`: rows that match; `last`: the oldest row looked at, null at the end; `isFull`:
 * the page ends with these, because they are large.
 */
export type Portion<T> = Readonly<{ found: readonly T[]; last: string | null; isFull?: boolean }>;

const portions = { first: 2000, growth: 5, most: 100_000 } as const;
/** A page that has something ends after this time; a search that has found nothing is given up later. */
const searching = { shortPageMilliseconds: 1000, givenUpMilliseconds: 4000 } as const;

/**
 * A page of at most `wanted` rows of which few may match: it looks at ever larger portions of a service's rows, newest
 * first, for a limited time. `look` looks at `size` rows older than the one with the id `before` (null: the newest); the
 * first time, it is told so.
 * Whatever is not looked at is older than the last row of the page, so following pages find it. An empty page means
 * that there is nothing more: if the time ends before anything was found, it throws a Problem (504) that says where to
 * go on.
 */
export async function searchPage<T>(
  wanted: number,
  before: string | null,
  look: (before: string | null, size: number, wanted: number, isFirst: boolean) => Promise<Portion<T>>,
): Promise<readonly T[]> {
  const elapsed = stopwatch();
  const page: T[] = [];
  let from = before;
  for (let size: number = portions.first; ; size = Math.min(size * portions.growth, portions.most)) {
    const { found, last, isFull } = await look(from, size, wanted - page.length, size === portions.first);
    page.push(...found);
    if (last === null || isFull || page.length >= wanted) return page;
    if (page.length > 0 && elapsed() > searching.shortPageMilliseconds) return page;
    if (elapsed() > searching.givenUpMilliseconds) throw readTimedOut(last);
    from = last;
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === '57014';
}

/** 504 (spec 01, section 3.1). `last`: the id down to which nothing was found. */
function readTimedOut(last: string | null = null): Problem {
  const what =
    last === null
      ? 'reading took longer than 5 seconds. Ask for less: a smaller page or a shorter time.'
      : `nothing was found in time. To search older messages, send the request again with older_than=${last}`;
  return new Problem(504, [{ error: 'SoftEventletTimeout', message: `Timeout serving request: ${what}` }]);
}

/** 429 (spec 01, section 4.1). */
function tooManyReads(atOnce: number): Problem {
  const message = `Too many requests that read: a service can have ${atOnce} under way and ${mostWaiting} waiting. Wait for answers before sending more`;
  return new Problem(429, [{ error: 'TooManyRequestsError', message }], { 'Retry-After': '1' });
}
