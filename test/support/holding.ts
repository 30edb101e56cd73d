import type pg from 'pg';
import type { World } from './world.ts';

/** A place in the work of another process at which it can be held, to be killed there and nowhere else. */
export type Place = Readonly<{
  /** From now on, whoever comes there waits. */
  hold: () => Promise<void>;
  /** Resolves when somebody waits there. */
  reached: () => Promise<void>;
  /**
   * Ends the wait, when its process is dead: as if the database were gone too (`dead`), or the statement that waits goes
   * `through` although nobody is left to hear of it. Resolves when its connection has ended.
   */
  release: (how: 'dead' | 'through') => Promise<void>;
}>;

/** The first part of the locks on which they wait, unlike any of the product's; the second is the number of the place. */
const locks = 7011;
let places = 0;

/**
 * Makes one, before there is work: it changes a table. `trigger`: when, on which table and for which rows, as in `before
 * insert on accepted for each row when (…)`; one that is deferred waits at the commit.
 */
export async function makePlace(
  { connection: { pool }, until }: Pick<World, 'connection' | 'until'>,
  trigger: string,
  { isDeferred = false }: { isDeferred?: boolean } = {},
): Promise<Place> {
  const lock = `${locks}, ${++places}`;
  const name = `wait_at_${places}`;
  await pool.query(`
    create function ${name}() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(${lock}); return new; end $$;
    create ${isDeferred ? 'constraint' : ''} trigger ${name} ${trigger} execute function ${name}()`);
  const waiting = async () => {
    const { rows } = await pool.query<{ pid: number }>(
      `select pid from pg_locks where locktype = 'advisory' and not granted and (classid, objid) = (${lock})
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return rows.map(({ pid }) => pid);
  };
  let holder: pg.PoolClient;
  let pids: readonly number[] = [];
  return {
    async hold() {
      holder = await pool.connect();
      await holder.query(`select pg_advisory_lock(${lock})`);
    },
    async reached() {
      pids = await until(waiting, (found) => found.length > 0, 30);
    },
    async release(how) {
      if (how === 'dead')
        await pool.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids]);
      await holder.query(`select pg_advisory_unlock(${lock})`);
      holder.release();
      const connected = 'select pid from pg_stat_activity where pid = any($1)';
      await until(
        async () => (await pool.query(connected, [pids])).rows,
        (rows) => rows.length === 0,
      );
    },
  };
}
