import { type Kysely, sql } from 'kysely';

/** Requests of the admin API with an Idempotency-Key, which are carried out once (spec 04, section 0.2). */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table admin_requests (
      id uuid primary key,
      -- whose key it is; null: that of the admin client by itself
      actor_id uuid,
      key text not null,
      -- sealed: a hash of a body that holds a password would let it be guessed
      fingerprint bytea not null,
      created_at timestamptz not null,
      -- without an answer at this time, nobody knows whether the request took effect
      leased_until timestamptz not null,
      -- null: no answer yet
      status smallint,
      answer bytea,
      unique nulls not distinct (actor_id, key)
    )`,
    sql`create index admin_requests_created on admin_requests (created_at)`,
  ];
  for (const statement of statements) await statement.execute(db);
}
