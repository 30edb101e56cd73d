import { type Migration, Migrator, sql } from 'kysely';
import type { Log } from '../ground/log.ts';
import type { Db } from './connection.ts';
import { up as messages } from './migrations/0001-messages.ts';
import { up as complaints } from './migrations/0002-complaints.ts';
import { up as reading } from './migrations/0003-reading.ts';
import { up as admission } from './migrations/0004-admission.ts';
import { up as documents } from './migrations/0005-documents.ts';
import { up as providers } from './migrations/0006-providers.ts';
import { up as callbacks } from './migrations/0007-callbacks.ts';
import { up as inbound } from './migrations/0008-inbound.ts';
import { up as fairness } from './migrations/0009-fairness.ts';
import { up as keyTypes } from './migrations/0010-key-types.ts';
import { up as readingPages } from './migrations/0011-reading.ts';
import { up as documentQuota } from './migrations/0012-document-quota.ts';
import { up as suppression } from './migrations/0013-suppression.ts';
import { up as archivedVersions } from './migrations/0014-archived-versions.ts';
import { up as givenUp } from './migrations/0015-given-up.ts';
import { up as people } from './migrations/0016-people.ts';
import { up as services } from './migrations/0017-services.ts';
import { up as keys } from './migrations/0018-keys.ts';
import { up as peopleSigningIn } from './migrations/0019-people-signing-in.ts';
import { up as templates } from './migrations/0020-templates.ts';
import { up as finding } from './migrations/0021-finding.ts';
import { up as invites } from './migrations/0022-invites.ts';
import { up as adminRequests } from './migrations/0024-admin-requests.ts';
import { up as operations } from './migrations/0025-operations.ts';
import { up as leversAndBranding } from './migrations/0026-levers-and-branding.ts';
import { up as oneOff } from './migrations/0027-one-off.ts';
import { up as jobs } from './migrations/0028-jobs.ts';
import { up as resends } from './migrations/0031-resends.ts';
import { up as contactLists } from './migrations/0032-contact-lists.ts';
import { up as reportRequests } from './migrations/0033-report-requests.ts';
import { up as totals } from './migrations/0034-totals.ts';
import { up as tableSizes } from './migrations/0036-table-sizes.ts';
import { up as uploadPieces } from './migrations/0039-upload-pieces.ts';
import { up as requestIds } from './migrations/0040-request-ids.ts';
import { up as usage } from './migrations/0043-usage.ts';
import { up as costAlerts } from './migrations/0044-cost-alerts.ts';
import { up as rareStatuses } from './migrations/0045-rare-statuses.ts';
import { up as monthTotals } from './migrations/0046-month-totals.ts';
import { up as minutes } from './migrations/0047-minutes.ts';
import { up as tasks } from './migrations/0050-tasks.ts';
import { up as heldBatches } from './migrations/0051-held-batches.ts';
import { up as senderIndexes } from './migrations/0052-sender-indexes.ts';

/** In order. A migration that has run anywhere is never changed; add the next number instead. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-messages': { up: messages },
  '0002-complaints': { up: complaints },
  '0003-reading': { up: reading },
  '0004-admission': { up: admission },
  '0005-documents': { up: documents },
  '0006-providers': { up: providers },
  '0007-callbacks': { up: callbacks },
  '0008-inbound': { up: inbound },
  '0009-fairness': { up: fairness },
  '0010-key-types': { up: keyTypes },
  '0011-reading': { up: readingPages },
  '0012-document-quota': { up: documentQuota },
  '0013-suppression': { up: suppression },
  '0014-archived-versions': { up: archivedVersions },
  '0015-given-up': { up: givenUp },
  '0016-people': { up: people },
  '0017-services': { up: services },
  '0018-keys': { up: keys },
  '0019-people-signing-in': { up: peopleSigningIn },
  '0020-templates': { up: templates },
  '0021-finding': { up: finding },
  '0022-invites': { up: invites },
  '0024-admin-requests': { up: adminRequests },
  '0027-one-off': { up: oneOff },
  '0028-jobs': { up: jobs },
  '0025-operations': { up: operations },
  '0026-levers-and-branding': { up: leversAndBranding },
  '0031-resends': { up: resends },
  '0032-contact-lists': { up: contactLists },
  '0033-report-requests': { up: reportRequests },
  '0040-request-ids': { up: requestIds },
  '0034-totals': { up: totals },
  '0039-upload-pieces': { up: uploadPieces },
  '0036-table-sizes': { up: tableSizes },
  '0043-usage': { up: usage },
  '0044-cost-alerts': { up: costAlerts },
  '0045-rare-statuses': { up: rareStatuses },
  '0046-month-totals': { up: monthTotals },
  '0047-minutes': { up: minutes },
  '0050-tasks': { up: tasks },
  '0051-held-batches': { up: heldBatches },
  '0052-sender-indexes': { up: senderIndexes },
};

/** Runs the missing migrations. Takes a lock, so that any number of processes may start at once. */
export async function migrate(db: Db, log: Log): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  const done = (results ?? []).filter(({ status }) => status === 'Success').map((one) => one.migrationName);
  if (done.length > 0) log.info({ migrations: done }, 'Migrated the database');
  if (error) throw new Error('The database could not be migrated.', { cause: error });
}

/** Migrations that have not run, and the last one that has if this release does not know it. */
export async function migrationGap(
  db: Db,
): Promise<Readonly<{ missing: readonly string[]; unknown: string | null }>> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const missing = (await migrator.getMigrations()).filter(({ executedAt }) => executedAt === undefined);
  const last = missing.length < Object.keys(migrations).length ? await schemaVersion(db) : null;
  return {
    missing: missing.map(({ name }) => name),
    unknown: last !== null && !Object.hasOwn(migrations, last) ? last : null,
  };
}

/** The name of the last migration that has run; null if none has. */
export async function schemaVersion(db: Db): Promise<string | null> {
  const { rows } = await sql<{
    name: string;
  }>`select name from kysely_migration order by name desc limit 1`.execute(db);
  return rows[0]?.name ?? null;
}
