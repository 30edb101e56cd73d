import {
  Kysely,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type RawBuilder,
  sql,
  type Transaction,
} from 'kysely';
import pg from 'pg';
import { stopwatch } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Tables } from './tables.ts';

export type Db = Kysely<Tables>;
export type Trx = Transaction<Tables>;
/** For store functions that only read, or write with a single statement. */
export type DbOrTrx = Db | Trx;

export type Connection = {
  readonly db: Db;
  readonly pool: pg.Pool;
  readonly url: string;
  close(): Promise<void>;
};

// Otherwise bigint is returned as a string; all of ours are counts that fit a double.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * How connections for writes differ: no table is read as a whole where an index serves. A queue that is empty now and
 * has 100,000 rows in a minute would else be read so by the plan of its empty time, until its statistics catch up. The
 * pages of a table read in sequence have a price, rather than that being switched off, because PostgreSQL 18 forgets what
 * is switched off where only one partition is left. Nothing is kept to be read again for each row of a batch either. A
 * prepared statement has one plan for any values from its first use: its values decide nothing (docs/decisions/0029). So a
 * condition that an index is limited to stands in the text of a statement, not among its values.
 */
export const writeConnections = {
  options:
    '-c seq_page_cost=100 -c enable_bitmapscan=off -c enable_material=off -c jit=off -c plan_cache_mode=force_generic_plan',
} as const;

/**
 * A pool of at most `poolSize` connections, none of them open yet. Statements end after `statementMilliseconds`: by
 * default far longer than any of ours takes, so that it only ends stuck ones. `options`: the server's, as `-c name=value`.
 */
export function connect(
  url: string,
  poolSize: number,
  log: Log,
  { statementMilliseconds = 60_000, options }: { statementMilliseconds?: number; options?: string } = {},
): Connection {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    maxLifetimeSeconds: connectionSeconds,
    keepAlive: true,
    application_name: 'despatch',
    statement_timeout: statementMilliseconds,
    ...(options !== undefined && { options }),
  });
  // The pool replaces a broken idle connection, but without a listener the process would exit. While the pool is
  // ending, connections may break: end() does not wait for the server to close all of them.
  pool.on('error', (error) => {
    if (!pool.ending) log.warn({ err: error }, 'An idle database connection broke');
  });
  // The same for a connection in use: its query fails with its own error.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: preparing(pool) }) });
  // Not db.destroy(), which leaves a pool open that only others have used.
  const close = async () => {
    if (!pool.ending) await pool.end();
  };
  return { db, pool, url, close };
}

/**
 * Statements that a process sends often are prepared on each connection that sends them: PostgreSQL parses and plans them
 * once, until a table that they use changes. Planning over all partitions of a table takes longer than most of our
 * statements run. Others are not prepared, since a plan stays in the memory of its connection.
 */

/**
 * How often a statement has been sent before it is prepared, and how many texts are counted and prepared. Texts with the
 * days of ids (partitions.ts) change at midnight, so those that are sent no longer give way.
 */
const often = 25;
const most = { counted: 2000, prepared: 100 } as const;
/** What was prepared on a connection stays until it is closed. */
const connectionSeconds = 3600;

const counts = new Map<string, number>();
/** By text; null for one that must not be prepared. Half of those that are prepared: those that were sent lately. */
let names = new Map<string, string | null>();
/** The other half: those that were not, as far as is known. */
let formerNames: typeof names = new Map();
let named = 0;

/** The name of a statement that is to be prepared; null for one that is not. */
function nameOf(text: string): string | null {
  const name = names.get(text);
  if (name !== undefined) return name;
  const former = formerNames.get(text);
  if (former !== undefined) return keepName(text, former);
  const count = (counts.get(text) ?? 0) + 1;
  if (count < often) {
    if (counts.size === most.counted) counts.clear();
    counts.set(text, count);
    return null;
  }
  counts.delete(text);
  return keepName(text, hasStar(text) ? null : `despatch_${++named}`);
}

function keepName(text: string, name: string | null): string | null {
  if (names.size >= most.prepared / 2) {
    formerNames = names;
    names = new Map();
  }
  names.set(text, name);
  return name;
}

/**
 * Whether a statement may return all columns of a table: a `*` outside all brackets that is no multiplication. A migration
 * of the next release that adds a column would make a prepared one fail.
 */
export function hasStar(text: string): boolean {
  let depth = 0;
  for (const [part] of text.matchAll(parts)) {
    if (part === '(') depth += 1;
    else if (part === ')') depth -= 1;
    else if (part.endsWith('*') && depth === 0) return true;
  }
  return false;
}

/** What may hide a star or a bracket, brackets, and stars that stand for columns. */
const parts = /--[^\n]*|'[^']*'|"[^"]*"|[()]|(?:[.,]|\b(?:select|distinct|all|returning))\s*\*/gi;

/** A pool whose connections prepare what is sent often. */
function preparing(pool: pg.Pool): PostgresPool {
  const known = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    async connect() {
      const client = await pool.connect();
      const own = known.get(client) ?? preparingClient(client);
      known.set(client, own);
      return own;
    },
    end: () => pool.end(),
  };
}

function preparingClient(client: pg.PoolClient): PostgresPoolClient {
  const query = (text: string | object, values?: unknown[]) => {
    const given = values?.map((value) => (Array.isArray(value) ? (arrayLiteral(value) ?? value) : value));
    const name = typeof text === 'string' && given !== undefined ? nameOf(text) : null;
    return name === null
      ? client.query(text as string, given)
      : client.query({ name, text: text as string, values: given });
  };
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release() };
}

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

const reconnectMilliseconds = 500;

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
    retry = setTimeout(() => void ensure().catch(() => undefined), reconnectMilliseconds);
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

/** True if the database could not be reached or went away, so that no statement is to blame. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') {
    // 08: connection exception; 57P01 to 57P03: shutdown, crash, starting up; 53300: too many connections; 28 and
    // 3D000: no access (yet).
    if (/^(08...|57P0[1-3]|53300|28...|3D000)$/.test(code)) return true;
    if (/^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(code))
      return true;
  }
  return /Connection terminated|not currently accepting connections|connection timeout|timeout exceeded when trying to connect|Client was closed|Cannot use a pool after/i.test(
    error.message,
  );
}

/** True if the statement may succeed when run again: after a deadlock or a serialisation failure. */
export function isTransient(error: unknown): boolean {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return code === '40P01' || code === '40001';
}

/** True if a row with the same key is there already. */
function isDuplicate(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === '23505';
}

/**
 * Runs a statement that inserts rows which are nearly always new. `insert` is told whether they count as new: at first
 * they do, and only once one of them was there already the statement has to go on without those (`onConflict`), since
 * PostgreSQL then looks for each row before it inserts it, and writes twice to the log that it did. The statement must
 * have its own transaction.
 */
export async function insertingNew<T>(insert: (areNew: boolean) => Promise<T>): Promise<T> {
  try {
    return await insert(true);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    return await insert(false);
  }
}

/** What follows inserted rows. */
export const onConflict = (areNew: boolean): RawBuilder<unknown> =>
  areNew ? sql`` : sql`on conflict do nothing`;

/**
 * True if the values of a statement may be to blame: they do not fit their columns, break a constraint or are refused
 * by a trigger, or the error is none of the database's.
 */
export function isOfValues(error: unknown): boolean {
  if (isUnreachable(error)) return false;
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  // 22: data exception; 23: integrity constraint; 54: a program limit, as of the size of an index entry; P0: raised.
  return typeof code !== 'string' || /^(22|23|54|P0)...$/.test(code);
}

/**
 * What may be kept of an error and shown: its class, and of an error of the database its code and the constraint that
 * was broken. Never its message, which can quote a recipient or the content of a message.
 */
export function errorClass(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  const { name, code, constraint } = error as Error & { code?: unknown; constraint?: unknown };
  if (typeof code === 'string' && /^[\dA-Z]{5}$/.test(code))
    return `database error ${code}${typeof constraint === 'string' ? ` (${constraint})` : ''}`;
  return /^\w{1,80}$/.test(name) ? name : 'Error';
}

/** Classifies errors for a batcher that writes to the database. */
export const databaseErrors = { isShared: isUnreachable, isTransient } as const;

/** Waits until the database answers. Throws a ConfigError after `seconds`. */
export async function waitForDatabase(connection: Connection, seconds: number, log: Log): Promise<void> {
  const elapsed = stopwatch();
  const left = () => seconds * 1000 - elapsed();
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.pool.query('select 1');
      return;
    } catch (error) {
      if (!isUnreachable(error) || left() <= 0) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new ConfigError(
          `The database did not answer within ${seconds} seconds (${reason}). Check DATABASE_URL and that the server runs; DATABASE_WAIT_SECONDS sets how long to wait.`,
          { cause: error },
        );
      }
      if (attempt === 1 || attempt % 10 === 0)
        log.warn({ err: error, attempt }, 'Waiting for the database to answer');
      await new Promise((resolve) => setTimeout(resolve, Math.min(1000, Math.max(1, left()))));
    }
  }
}

/** The database's time, in Unix milliseconds with a fraction. */
export async function databaseTime({ pool }: Pick<Connection, 'pool'>): Promise<number> {
  const { rows } = await pool.query<{ time: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as time',
  );
  return rows[0]!.time;
}
