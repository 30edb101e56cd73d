import { type Static, type TSchema, Type } from 'typebox';
import type { Db, DbOrTrx, Trx } from '../database/connection.ts';
import { type Clock, isoMicroseconds } from '../ground/clock.ts';
import { parseUuid } from '../ground/id.ts';
import { noResultFound } from '../ground/problem.ts';
import { defineRoute, uuidPart } from '../http/server/define-route.ts';
import { relatedId } from '../http/validate/shapes.ts';
import { changesOf, recordEvent } from '../tenant/event/store.ts';
import { userIn } from '../tenant/user/named.ts';
import { circuitState } from './state.ts';
import {
  changeProvider,
  findProviderRecords,
  findProviderVersions,
  lockProvider,
  type ProviderChange,
  type ProviderRecord,
} from './store.ts';

export type ProviderRouteDeps = Readonly<{ db: Db; clock: Clock }>;

const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const priority = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'The provider with the lowest number is tried first. With `SMS_PROVIDER_STRATEGY=weighted`, the weight by which texts are shared out.',
});
const rateLimit = orNull(
  Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    description: 'Messages per second across all workers; null means no limit.',
  }),
);
export const reason = orNull(
  Type.String({ format: 'text', maxLength: 255, description: 'The reason for this version.' }),
);

const fields = {
  id: Type.String(),
  display_name: Type.String(),
  identifier: Type.String({ description: 'Its name in metrics and timelines.' }),
  priority,
  notification_type: Type.Union([Type.Literal('sms'), Type.Literal('email')]),
  active: Type.Boolean({ description: 'Whether the provider is used.' }),
  version: Type.Integer({ description: 'Starts at 1 and increases with each change.' }),
  updated_at: orNull(Type.String({ description: 'When this version was made; null for the first one.' })),
  created_by: orNull(
    Type.Object(
      { id: Type.String(), name: Type.String(), email_address: Type.String() },
      { description: 'The author of this version.' },
    ),
  ),
  supports_international: Type.Boolean({ description: 'Whether it sends texts abroad.' }),
  reason,
  rate_limit: rateLimit,
  circuit: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')], {
    description:
      '`closed`: in use. `open`: it failed too often, or an operator opened it, and it is not used until `circuit_until`. `half-open`: it is tried with one message at a time.',
  }),
  circuit_until: orNull(Type.String({ description: 'null while `open`: until an operator closes it.' })),
};
const provider = Type.Object(fields, { $id: 'Provider' });

/** What the admin client may change of a provider (spec 04, section 8.1); what is absent stays as it is. */
export const changeRequest = Type.Object(
  {
    priority: Type.Optional(priority),
    active: Type.Optional(fields.active),
    rate_limit: Type.Optional(rateLimit),
    reason: Type.Optional(reason),
    created_by: Type.Optional(relatedId('The id of the user who changes it.')),
  },
  { additionalProperties: false },
);

export const common = { tag: 'Administration', authentication: 'admin', permission: 'operator' } as const;
export const byId = `/provider-details/${uuidPart('provider_details_id')}`;
export const params = Type.Object({
  provider_details_id: Type.String({ format: 'uuid', description: 'The `id` of the provider.' }),
});
export const notFound = { description: 'There is no such provider.' };
export const one = { description: 'The provider.', schema: Type.Object({ provider_details: provider }) };

const readAll = defineRoute({
  ...common,
  method: 'GET',
  path: '/provider-details',
  handlerName: 'provider_details.get_providers',
  summary: 'Read all providers',
  description: 'Sorted by priority, then by type.',
  answers: {
    200: {
      description: 'The providers.',
      schema: Type.Object({ provider_details: Type.Array(provider) }),
    },
  },
  async handler({ db, clock }: ProviderRouteDeps) {
    const found = await findProviderRecords(db, null);
    return { provider_details: found.map((record) => showNow(record, clock)) };
  },
});

const readOne = defineRoute({
  ...common,
  method: 'GET',
  path: byId,
  handlerName: 'provider_details.get_provider_by_id',
  summary: 'Read a provider',
  params,
  answers: { 200: one, 404: notFound },
  async handler({ db, clock }: ProviderRouteDeps, { params: { provider_details_id: id } }) {
    return { provider_details: showNow(await read(db, id), clock) };
  },
});

const readVersions = defineRoute({
  ...common,
  method: 'GET',
  path: `${byId}/versions`,
  handlerName: 'provider_details.get_provider_versions',
  summary: 'Read the versions of a provider',
  description: 'The last 100 changes, made by a person or automatically, with their reasons, newest first.',
  params,
  answers: {
    200: { description: 'The versions.', schema: Type.Object({ data: Type.Array(provider) }) },
    404: notFound,
  },
  async handler({ db }: ProviderRouteDeps, { params: { provider_details_id: id } }) {
    await read(db, id);
    return { data: (await findProviderVersions(db, id)).map((version) => show(version)) };
  },
});

const change = defineRoute({
  ...common,
  method: 'POST',
  path: byId,
  handlerName: 'provider_details.update_provider_details',
  summary: 'Change a provider',
  description: 'Absent fields stay as they are. The priorities of other providers do not change.',
  params,
  body: changeRequest,
  example: { priority: 20, rate_limit: 100, reason: 'Maintenance on Sunday' },
  answers: {
    200: one,
    400: { description: 'The body is invalid.' },
    404: { description: 'There is no such provider, or no such user.' },
  },
  async before({ db }: ProviderRouteDeps, { params }) {
    await read(db, params.provider_details_id);
  },
  async handler(deps: ProviderRouteDeps, { params: { provider_details_id: id }, body, actorId }) {
    const createdBy = await authorOf(deps.db, actorId, body);
    return await changeWith(deps, id, { type: 'update_provider', userId: createdBy }, async (trx, at) => {
      await changeProvider(trx, id, { ...changeOf(body), createdBy }, at);
    });
  },
});

/** Providers in the admin API (spec 04, section 8.1). */
export const providerRoutes = [readAll, readOne, readVersions, change];

/** The change that a body asks for. `createdBy`: null also for a malformed id. */
export function changeOf(body: Static<typeof changeRequest>): ProviderChange {
  const { priority, active, reason = null, rate_limit: rateLimit, created_by: createdBy } = body;
  return {
    ...(priority !== undefined && { priority }),
    ...(active !== undefined && { active }),
    ...(rateLimit !== undefined && { rateLimit }),
    reason,
    createdBy: parseUuid(createdBy),
  };
}

/** The id of who does it; null if nobody says. Throws a Problem (404) for a user that does not exist. */
export async function authorOf(
  db: Db,
  actorId: string | null,
  body: Readonly<{ created_by?: unknown }>,
): Promise<string | null> {
  if (body.created_by === undefined) return actorId;
  const createdBy = await userIn(db, body.created_by);
  return actorId ?? createdBy;
}

/** Changes a provider, with the event that tells of it, and shows what it is now. */
export async function changeWith(
  { db, clock }: ProviderRouteDeps,
  id: string,
  { type, userId }: Readonly<{ type: string; userId: string | null }>,
  change: (trx: Trx, at: Date, before: ProviderRecord) => Promise<void>,
) {
  const at = new Date(clock.now());
  return await db.transaction().execute(async (trx) => {
    await lockProvider(trx, id);
    const before = await read(trx, id);
    await change(trx, at, before);
    const after = await read(trx, id);
    if (after.version !== before.version) {
      const data = changesOf(show(before), show(after), ['version', 'updated_at', 'created_by']);
      await recordEvent(trx, { type, serviceId: null, userId, subjectId: id, data }, at);
    }
    return { provider_details: showNow(after, clock) };
  });
}

/** Throws a Problem if there is no such provider. */
export async function read(db: DbOrTrx, id: string): Promise<ProviderRecord> {
  const [found] = await findProviderRecords(db, id);
  if (!found) throw noResultFound();
  return found;
}

function showNow(record: ProviderRecord, clock: Clock) {
  const circuit = { state: record.circuit, until: record.circuitUntil, probeUntil: null };
  return show(record, circuitState(circuit, clock.now()));
}

function show(record: ProviderRecord, circuit: string = record.circuit) {
  return {
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
  };
}
