import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Db } from '../database/connection.ts';
import { type Clock, isoMicroseconds } from '../ground/clock.ts';
import { parseUuid } from '../ground/id.ts';
import { noResultFound } from '../ground/problem.ts';
import { readAdminFields, uuidPart } from '../http/validate/admin-body.ts';
import { sendJson } from '../http/validate/json-body.ts';
import { readChange } from './change.ts';
import { changeDescription, listDescription, readDescription, versionsDescription } from './description.ts';
import { circuitState } from './state.ts';
import {
  changeProvider,
  findProviderRecords,
  findProviderVersions,
  isUser,
  type ProviderRecord,
} from './store.ts';

export type ProviderRouteDeps = Readonly<{ db: Db; clock: Clock }>;

type WithId = FastifyRequest<{ Params: { provider_details_id: string } }>;

const byId = `/provider-details/${uuidPart('provider_details_id')}`;

/** Providers in the admin API (spec 04, section 8.1). Needs `requireAdmin` before it. */
export function providerRoutes(app: FastifyInstance, { db, clock }: ProviderRouteDeps): void {
  const show = (record: ProviderRecord, circuit: string = record.circuit) => ({
    id: record.id,
    display_name: record.displayName,
    identifier: record.identifier,
    priority: record.priority,
    notification_type: record.notificationType,
    active: record.active,
    version: record.version,
    updated_at: record.updatedAt && isoMicroseconds(record.updatedAt),
    created_by: record.createdBy,
    supports_international: record.supportsInternational,
    reason: record.reason,
    rate_limit: record.rateLimit,
    circuit,
    circuit_until: record.circuitUntil && isoMicroseconds(record.circuitUntil),
  });
  const showNow = (record: ProviderRecord) =>
    show(
      record,
      circuitState({ state: record.circuit, until: record.circuitUntil, probeUntil: null }, clock.now()),
    );

  async function read(id: string): Promise<ProviderRecord> {
    const [found] = await findProviderRecords(db, id);
    if (!found) throw noResultFound();
    return found;
  }

  const withId =
    (answer: (id: string, request: WithId) => Promise<unknown>) =>
    async (request: WithId, reply: FastifyReply) =>
      sendJson(reply, await answer(request.params.provider_details_id.toLowerCase(), request));

  app.get(
    '/provider-details',
    { config: { handler: 'provider_details.get_providers', describe: listDescription } },
    async (_request, reply) =>
      sendJson(reply, { provider_details: (await findProviderRecords(db, null)).map(showNow) }),
  );
  app.get(
    byId,
    { config: { handler: 'provider_details.get_provider_by_id', describe: readDescription } },
    withId(async (id) => ({ provider_details: showNow(await read(id)) })),
  );
  app.get(
    `${byId}/versions`,
    { config: { handler: 'provider_details.get_provider_versions', describe: versionsDescription } },
    withId(async (id) => {
      await read(id);
      return { data: (await findProviderVersions(db, id)).map((version) => show(version)) };
    }),
  );
  app.post(
    byId,
    { config: { handler: 'provider_details.update_provider_details', describe: changeDescription } },
    withId(async (id, request) => {
      await read(id);
      const { createdBy, ...change } = readChange(readAdminFields(request));
      const userId = typeof createdBy === 'string' ? parseUuid(createdBy) : null;
      if (createdBy !== undefined && (userId === null || !(await isUser(db, userId)))) throw noResultFound();
      const now = new Date(clock.now());
      await db.transaction().execute((trx) => changeProvider(trx, id, { ...change, createdBy: userId }, now));
      return { provider_details: showNow(await read(id)) };
    }),
  );
}
