import { sql } from 'kysely';
import type { DbOrTrx } from '../../database/connection.ts';
import type { RetentionType } from './retention.ts';

/** For how many whole days a service keeps messages of a type. */
export type Retention = Readonly<{
  id: string;
  serviceId: string;
  serviceName: string;
  type: RetentionType;
  days: number;
  createdAt: Date;
  updatedAt: Date | null;
}>;

const columns = sql`r.id, r.service_id as "serviceId", s.name as "serviceName", r.notification_type as "type",
  r.days_of_retention as "days", r.created_at as "createdAt", r.updated_at as "updatedAt"`;

/** What a service has set, by type. */
export async function findRetentions(db: DbOrTrx, serviceId: string): Promise<readonly Retention[]> {
  const { rows } = await sql<Retention>`
    select ${columns} from service_data_retention r join services s on s.id = r.service_id
    where r.service_id = ${serviceId} order by r.notification_type`.execute(db);
  return rows;
}

/** Sets a retention. null: the service has one for this type already, or there is no such service. */
export async function addRetention(
  db: DbOrTrx,
  retention: Pick<Retention, 'id' | 'serviceId' | 'type' | 'days' | 'createdAt'>,
): Promise<Retention | null> {
  const { id, serviceId, type, days, createdAt } = retention;
  const { rows } = await sql<Retention>`
    with r as (
      insert into service_data_retention (id, service_id, notification_type, days_of_retention, created_at)
      select ${id}, id, ${type}, ${days}, ${createdAt} from services where id = ${serviceId}
      on conflict (service_id, notification_type) do nothing returning *
    )
    select ${columns} from r join services s on s.id = r.service_id`.execute(db);
  return rows[0] ?? null;
}

/** Answers whether the service has such a retention. */
export async function changeRetention(
  db: DbOrTrx,
  {
    id,
    serviceId,
    days,
    updatedAt,
  }: Readonly<{ id: string; serviceId: string; days: number; updatedAt: Date }>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('service_data_retention')
    .set({ days_of_retention: days, updated_at: updatedAt })
    .where('id', '=', id)
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
