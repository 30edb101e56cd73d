import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { ConfigError } from '../ground/config-error.ts';
import type { Log } from '../ground/log.ts';
import type { Tables } from './tables.ts';

export type Db = Kysely<Tables>;
export type Trx = Transaction<Tables>;
/** A store function that only reads, or writes one statement, takes either. */
export type DbOrTrx = Db | Trx;

export type Connection = {
  readonly db: Db;
  readonly pool: pg.Pool;
  readonly url: string;
  close(): Promise<void>;
};

// bigint comes as a string otherwise; every bigint of ours is a count that fits a double.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** A pool of at most `poolSize` connections; none is opened yet. */
export function connect(url: string, poolSize: number, log: Log): Connection {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'despatch',
    // Far above any statement of ours: a bound for what got stuck, not a tuning knob.
    statement_timeout: 60_000,
  });
  // A broken idle connection is replaced by the pool; without a listener the process would end.
  // While the pool ends, a connection that breaks is no news: end() does not wait until the server has let go of all.
  pool.on('error', (error) => {
    if (!pool.ending) log.warn({ err: error }, 'An idle database connection broke');
  });
  // The same for one that breaks while a query holds it: the query's own error says it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, url, close: () => db.destroy() };
}

/** True when the database could not be reached or went away, so that no statement of ours is to blame. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') {
    // 08: connection exception; 57P01 to 57P03: shut down, crash, starting up; 53300: no connection left; 28 and
    // 3D000: it does not let us in (yet).
    if (/^(08...|57P0[1-3]|53300|28...|3D000)$/.test(code)) return true;
    if (/^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(code))
      return true;
  }
  return /Connection terminated|not currently accepting connections|connection timeout|timeout exceeded when trying to connect|Client was closed|Cannot use a pool after/i.test(
    error.message,
  );
}

/** True when the statement may succeed if it is simply run again: a deadlock or a serialisation failure. */
export function isTransient(error: unknown): boolean {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return code === '40P01' || code === '40001';
}

/** What the errors of a batch that is written to the database mean, for its batcher. */
export const databaseErrors = { isShared: isUnreachable, isTransient } as const;

/** Waits until the database answers. Throws a sentence after `seconds`. */
export async function waitForDatabase(connection: Connection, seconds: number, log: Log): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.pool.query('select 1');
      return;
    } catch (error) {
      if (!isUnreachable(error) || Date.now() >= deadline) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new ConfigError(
          `The database did not answer within ${seconds} seconds (${reason}). Check DATABASE_URL and that the server runs; DATABASE_WAIT_SECONDS sets how long to wait.`,
          { cause: error },
        );
      }
      if (attempt === 1 || attempt % 10 === 0)
        log.warn({ err: error, attempt }, 'Waiting for the database to answer');
      await new Promise((resolve) => setTimeout(resolve, Math.min(1000, Math.max(1, deadline - Date.now()))));
    }
  }
}
