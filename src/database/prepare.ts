import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';

/**
 * Statements that a process sends often are prepared on each connection that sends them: PostgreSQL parses them once and,
 * after a few times, plans them once, until a table that they use changes. Planning over all partitions of a table takes
 * longer than most of our statements run. Others are not prepared, since a plan stays in the memory of its connection.
 */

/** How often a statement has been sent before it is prepared, and how many texts are counted and prepared. */
const often = 100;
const most = { counted: 2000, prepared: 100 } as const;

const counts = new Map<string, number>();
/** By text; null for one that must not be prepared. */
const names = new Map<string, string | null>();

/** The name of a statement that is to be prepared; null for one that is not. */
function nameOf(text: string): string | null {
  const name = names.get(text);
  if (name !== undefined || names.size === most.prepared) return name ?? null;
  const count = (counts.get(text) ?? 0) + 1;
  if (count < often) {
    if (counts.size === most.counted) counts.clear();
    counts.set(text, count);
    return null;
  }
  counts.delete(text);
  names.set(text, hasStar(text) ? null : `despatch_${names.size}`);
  return names.get(text)!;
}

/**
 * Whether a statement may return all columns of a table: a `*` outside all brackets. A migration of the next release that
 * adds a column would make a prepared one fail.
 */
export function hasStar(text: string): boolean {
  let depth = 0;
  for (const [part] of text.matchAll(/--[^\n]*|'[^']*'|"[^"]*"|[()*]/g)) {
    if (part === '(') depth += 1;
    else if (part === ')') depth -= 1;
    else if (part === '*' && depth === 0) return true;
  }
  return false;
}

/** A pool whose connections prepare what is sent often. */
export function preparing(pool: pg.Pool): PostgresPool {
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
    const name = typeof text === 'string' && values !== undefined ? nameOf(text) : null;
    return name === null
      ? client.query(text as string, values)
      : client.query({ name, text: text as string, values });
  };
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release() };
}
