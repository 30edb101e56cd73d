import { sql } from 'kysely';
import type { Db } from '../../database/connection.ts';

/** Takes the next `count` calls of a provider, for all processes. Answers in how many milliseconds the first of them is. */
export async function takeCalls(db: Db, providerId: string, count: number, rate: number): Promise<number> {
  const { rows } = await sql<{ startsIn: number }>`
    insert into provider_paces as p (provider_id, free_at)
    values (${providerId}, clock_timestamp() + ${count / rate} * interval '1 second')
    on conflict (provider_id) do update set
      free_at = greatest(p.free_at, clock_timestamp()) + ${count / rate} * interval '1 second'
    returning extract(epoch from free_at - ${count / rate} * interval '1 second' - clock_timestamp())::float8 * 1000 as "startsIn"`.execute(
    db,
  );
  return rows[0]!.startsIn;
}
