/** Files of recipients as tests use them, without the routes that read them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Db } from '../../src/database/connection.ts';
import type { NotificationType } from '../../src/database/tables.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { addUpload } from '../../src/job/upload/store.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { salt, secretKey, type Tenant } from './tenant.ts';
import type { World } from './world.ts';

export const day = 86_400_000;

/** `count` rows for the template `Tide`, each to a number of its own. */
export function* tideRows(count: number): Generator<readonly string[]> {
  for (let row = 0; row < count; row += 1)
    yield [`07700 900${100 + (row % 900)}`, `Person ${row}`, '14:05', `ref ${row}`];
}

export const tideHeader = ['phone number', 'name', 'time', 'reference'];

/** Adds a checked file of a tenant. Returns its id. */
export async function upload(
  db: Db,
  tenant: Tenant,
  {
    type = 'sms',
    header = tideHeader,
    valid = true,
    rows,
  }: {
    type?: NotificationType;
    header?: readonly string[];
    valid?: boolean;
    rows: Iterable<readonly string[]>;
  },
): Promise<string> {
  const id = randomUUID();
  const now = new Date();
  await db.transaction().execute((trx) =>
    addUpload(
      trx,
      createCipher([secretKey], salt),
      {
        ...{
          id,
          serviceId: tenant.id,
          templateId: tenant.templates[type],
          templateVersion: 1,
          templateType: type,
        },
        ...{
          originalFileName: 'tides.csv',
          format: 'csv',
          bytes: 0,
          digest: randomBytes(32),
          leftOutOf: null,
          contactListId: null,
        },
        ...{ senderId: null, createdBy: platformUserId, apiKeyId: null, createdAt: now },
        expiresAt: new Date(now.getTime() + day),
        ...{ header, valid },
      },
      rows,
    ),
  );
  return id;
}

/** Makes a job of rows. Returns its id. */
export async function startJob(
  world: World,
  tenant: Tenant,
  rows: Iterable<readonly string[]>,
  more: object = {},
): Promise<string> {
  const id = await upload(world.connection.db, tenant, { rows });
  const { status, body } = await world.admin('POST', `/service/${tenant.id}/job`, {
    ...{ id, created_by: platformUserId },
    ...more,
  });
  if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
  return id;
}

/** A job as the admin API shows it. */
export type SeenJob = Record<string, any>;

export async function readJob(world: World, tenant: Tenant, id: string): Promise<SeenJob> {
  return (await world.admin('GET', `/service/${tenant.id}/job/${id}`)).body.data;
}

/** The counts of a job as its messages are, not as they are kept. */
export async function countedStatuses(world: World, id: string): Promise<Record<string, number>> {
  const { rows } = await world.connection.pool.query(
    'select status, count(*)::int as count from notification_history where job_id = $1 group by status',
    [id],
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
