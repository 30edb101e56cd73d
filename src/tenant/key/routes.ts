import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { KeyType } from '../../database/tables.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, dayAfter, dayOf, isoMicroseconds, parseDatetime } from '../../ground/clock.ts';
import { invalid, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, type Refinement, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import type { Formats } from '../../http/validate/check.ts';
import { oneOf, orNull, relatedId, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import { areServices } from '../service/store.ts';
import { userIn } from '../user/named.ts';
import { platformUserId } from '../user/store.ts';
import { stillCounts } from './authenticate.ts';
import { addKey, endKey, findKeyRecords, type KeyRecord, useDays } from './store.ts';

export type KeyRouteDeps = Readonly<{ db: Db; clock: Clock; cipher: Cipher }>;

const keyTypes = ['normal', 'team', 'test'] as const;
const longestName = 255;

const key = Type.Object(
  {
    id: uuid(),
    name: Type.String(),
    key_type: oneOf(
      keyTypes,
      '`team` sends only to the team and the guest list; what `test` sends, nobody gets.',
    ),
    expiry_date: orNull(time, 'When it ended or will end; null: it does not end.'),
    created_at: time,
    updated_at: orNull(time),
    created_by: uuid('Who made it.'),
    version: Type.Integer(),
    last_used_at: orNull(time, 'A few seconds behind; null: never used.'),
    last_client: orNull(
      Type.String(),
      'The client that used it last: the name of its user agent, without the version.',
    ),
    calls_by_day: Type.Array(
      Type.Object({
        day: Type.String({ format: 'date', description: 'In London.' }),
        calls: Type.Integer(),
        clients: Type.Unsafe<Readonly<Record<string, number>>>({
          type: 'object',
          additionalProperties: { type: 'integer' },
          description: 'Calls by client. Those of more than 20 clients a day count together, as `other`.',
        }),
      }),
      {
        description: `Authorised calls of the last ${useDays} days, newest first; days without any are left out.`,
      },
    ),
  },
  { $id: 'ApiKey' },
);

const end = (description: string) => ({
  expires_at: Type.Optional(Type.String({ format: 'datetime', description })),
  expiry_date: Type.Optional(
    Type.String({ format: 'datetime', description: 'Another name of `expires_at`.' }),
  ),
});

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_api_keys',
  async before({ db }: KeyRouteDeps, { params }: { params: { service_id: string } }) {
    const [isKnown] = await areServices(db, [params.service_id]);
    if (!isKnown) throw noResultFound();
  },
} as const;
const ofService = `/service/${uuidPart('service_id')}`;
const service = { service_id: uuid() };
const withId = Type.Object({ ...service, key_id: uuid() });
const keysAnswer = Type.Object({ apiKeys: Type.Array(key) });

const create = defineRoute({
  ...common,
  method: 'POST',
  path: `${ofService}/api-key`,
  handlerName: 'service.create_api_key',
  summary: 'Make an API key',
  description:
    'The answer is the secret, which is shown this once. Clients take `<name>-<service id>-<secret>`. Names are unique among the keys of the service that have no end: give the old key an end first, and its successor can have its name.',
  params: Type.Object(service),
  body: Type.Object({
    name: Type.String({ format: 'text', maxLength: longestName }),
    // No `type`, so that a value of any JSON type gets the enum's error (spec 04, section 2).
    key_type: Type.Unsafe<KeyType>({ enum: [...keyTypes] }),
    created_by: relatedId('The id of the user who makes it; the acting user if there is one.'),
    ...end('When it ends; without it, it does not.'),
  }),
  example: { name: 'harbour live', key_type: 'normal', created_by: platformUserId },
  answers: {
    201: { description: 'The secret.', schema: Type.Object({ data: uuid() }) },
    400: { description: 'The body is invalid, or the name is taken.' },
    404: { description: 'There is no such service or user.' },
  },
  formats: ({ clock }) => endFormat(clock, 'Not a valid datetime.', 'Must be in the future.'),
  refine: (_deps, body) => endTwice(body),
  async handler({ db, cipher, clock }: KeyRouteDeps, { params, body, actorId }) {
    const createdBy = actorId ?? (await userIn(db, body.created_by));
    const { service_id: serviceId } = params;
    const { name, key_type: keyType } = body;
    const made = { id: randomUUID(), serviceId, name, keyType, createdBy, expiresAt: endIn(body) };
    const secret = randomUUID();
    const createdAt = new Date(clock.now());
    await db.transaction().execute(async (trx) => {
      if (!(await addKey(trx, cipher, { ...made, secret, createdAt })))
        throw invalidFields({ name: ['A key with this name already exists'] });
      const after = { name, key_type: keyType, expiry_date: shownEnd(made.expiresAt) };
      await recordEvent(
        trx,
        {
          ...{ type: 'create_api_key', serviceId, userId: createdBy, subjectId: made.id },
          data: { before: null, after },
        },
        createdAt,
      );
    });
    return { data: secret };
  },
});

const list = defineRoute({
  ...common,
  method: 'GET',
  path: `${ofService}/api-keys`,
  handlerName: 'service.get_api_keys',
  summary: 'List API keys',
  description: 'Those that have not ended, and those that ended within the last week; oldest first.',
  params: Type.Object(service),
  answers: { 200: { description: 'The keys.', schema: keysAnswer } },
  async handler({ db, clock }: KeyRouteDeps, { params }) {
    const now = clock.now();
    const endedAfter = new Date(now - 8 * 86_400_000);
    const found = await findKeyRecords(db, {
      ...{ serviceId: params.service_id, id: null, endedAfter, since: firstDay(now) },
    });
    return { apiKeys: found.filter((one) => stillCounts(one, now)).map(show) };
  },
});

const readOne = defineRoute({
  ...common,
  method: 'GET',
  path: `${ofService}/api-keys/${uuidPart('key_id')}`,
  handlerName: 'service.get_api_key',
  summary: 'Read an API key',
  params: withId,
  answers: {
    200: { description: 'A list of this one.', schema: keysAnswer },
    404: { description: 'The service has no such key, or it has ended.' },
  },
  async handler({ db, clock }: KeyRouteDeps, { params: { service_id: serviceId, key_id: id } }) {
    const now = clock.now();
    const filter = { serviceId, id, endedAfter: new Date(now), since: firstDay(now) };
    const found = await findKeyRecords(db, filter);
    if (found.length === 0) throw noResultFound(`API key not found for id: ${serviceId}`);
    return { apiKeys: found.map(show) };
  },
});

const revoke = defineRoute({
  ...common,
  errors: adminSchemaErrors,
  method: 'POST',
  path: `${ofService}/api-key/revoke/${uuidPart('key_id')}`,
  handlerName: 'service.revoke_api_key',
  summary: 'End an API key',
  description:
    'At once, or at `expires_at`: until then the key works, so that it can be changed without a gap. Another call moves the end of a key that has not ended yet. An ended key never works again.',
  params: withId,
  body: Type.Object(
    {
      created_by: Type.Optional(uuid('The id of the user who ends it; the acting user if there is one.')),
      ...end('When it ends; without it, at once.'),
    },
    { additionalProperties: false },
  ),
  bodyOptional: true,
  answers: {
    202: { description: 'It ends.', schema: Type.Object({}, { additionalProperties: false }) },
    400: { description: 'The body is invalid, or the key has ended already and would end later.' },
    404: { description: 'The service has no such key, or there is no such user.' },
  },
  formats: ({ clock }) => endFormat(clock, 'is not a valid datetime', 'must be in the future'),
  refine: (_deps, body) => endTwice(body),
  async handler({ db, clock }: KeyRouteDeps, { params, body, actorId }) {
    const by =
      actorId ?? (body.created_by === undefined ? platformUserId : await userIn(db, body.created_by));
    const { service_id: serviceId, key_id: id } = params;
    const now = new Date(clock.now());
    const expiresAt = endIn(body) ?? now;
    await db.transaction().execute(async (trx) => {
      const outcome = await endKey(trx, { serviceId, id, expiresAt, by, now });
      if (outcome === 'no such key') throw noResultFound();
      if (outcome === 'has ended')
        throw invalid(['expires_at cannot be set: the key has ended. Make a new key']);
      const data = {
        before: { expiry_date: shownEnd(outcome.before) },
        after: { expiry_date: shownEnd(expiresAt) },
      };
      const event = { type: 'revoke_api_key', serviceId, userId: by, subjectId: id, data };
      await recordEvent(trx, event, now);
    });
    return {};
  },
});

/** A service's API keys (spec 04, section 2). */
export const keyRoutes = [create, list, readOne, revoke];

/** The furthest end: beyond it a time is a slip, and some are more than the database takes. */
const longestLife = 100 * 366 * 86_400_000;

/** The check of an end in a body, with the texts of the route's error format. */
function endFormat(clock: Clock, malformed: string, over: string): Formats {
  const check = (text: string) => {
    const now = clock.now();
    const at = parseDatetime(text)?.getTime();
    if (at === undefined || at > now + longestLife) return malformed;
    return at <= now ? over : null;
  };
  return { datetime: check };
}

type End = Readonly<{ expires_at?: unknown; expiry_date?: unknown }>;

function endTwice({ expires_at, expiry_date }: End): readonly Refinement[] {
  if (expires_at === undefined || expiry_date === undefined) return [];
  return [{ field: 'expiry_date', text: 'is another name of expires_at: leave one of them out' }];
}

function endIn({ expires_at, expiry_date }: End): Date | null {
  const given = expires_at ?? expiry_date;
  return typeof given === 'string' ? parseDatetime(given) : null;
}

function shownEnd(at: Date | null): string | null {
  return at && isoMicroseconds(at);
}

/** The first of the days whose calls are shown. */
function firstDay(now: number): string {
  return dayAfter(dayOf(now), 1 - useDays);
}

function show(record: KeyRecord) {
  return {
    id: record.id,
    name: record.name,
    key_type: record.keyType,
    expiry_date: shownEnd(record.expiresAt),
    created_at: isoMicroseconds(record.createdAt),
    updated_at: shownEnd(record.updatedAt),
    created_by: record.createdBy,
    version: record.version,
    last_used_at: shownEnd(record.lastUsedAt),
    last_client: record.lastClient,
    calls_by_day: record.callsByDay,
  };
}
