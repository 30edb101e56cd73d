import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { parseEmailAddress } from '../../content/recipient/email-address.ts';
import type { Rates } from '../../content/recipient/international-rates.ts';
import { longestPhoneNumber, parsePhoneNumber } from '../../content/recipient/phone-number.ts';
import type { Db, Trx } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, invalid, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { linksOf } from '../../http/server/request.ts';
import { oneOf, orNull, pageLinksSchema, pageSize, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { findService, grantPermission, withdrawPermission } from '../../tenant/service/store.ts';
import { hasService } from '../callback/store-log.ts';
import { addSuppression, findSuppressions, removeSuppression } from './store.ts';
import { type Suppression, suppressionReasons } from './suppression.ts';

export type SuppressionRouteDeps = Readonly<{ db: Db; clock: Clock; rates: Rates; publicUrl: string | null }>;

const suppression = Type.Object(
  {
    id: uuid(),
    notification_type: oneOf(['sms', 'email'], 'The messages that it is about.'),
    recipient: Type.String({ description: 'An email address in lower case, or a phone number in digits.' }),
    reason: oneOf(
      suppressionReasons,
      '`unsubscribed` and `complaint` stop emails that have an unsubscribe link; `permanent-failure` stops everything except priority templates, if the service has chosen that; `manual` stops everything.',
    ),
    notification_id: orNull(uuid(), 'The message that led to it; null if it was added by hand.'),
    created_at: time,
    expires_at: orNull(time, 'When messages go again; null: never.'),
  },
  { $id: 'Suppression' },
);
type Shown = Static<typeof suppression>;

const listQuery = Type.Object(
  {
    recipient: Type.Optional(Type.String({ description: 'An email address or phone number.' })),
    reason: Type.Optional(Type.Array(oneOf(suppressionReasons))),
    older_than: Type.Optional(uuid('Only entries added before the one with this `id`.')),
  },
  { additionalProperties: false },
);

const list = {
  method: 'GET',
  summary: 'List suppressed recipients',
  description: `Recipients whom the service sends less or nothing, with the reason. Those added last come first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  query: listQuery,
} as const;
const page = {
  description: 'A page of suppressed recipients.',
  schema: Type.Object({ suppressions: Type.Array(suppression), links: pageLinksSchema }),
};
const remove = {
  method: 'DELETE',
  summary: 'Remove a suppression',
  description:
    'Messages go to the recipient again. Other entries for the same recipient stay. Only remove an `unsubscribed` entry if the recipient asks for it.',
} as const;
const removed = { description: 'Removed.' };

const readOwn = defineRoute({
  ...list,
  path: '/v2/suppressions',
  authentication: 'service key',
  handlerName: 'v2_suppressions.get_suppressions',
  tag: 'Suppressions',
  answers: { 200: page, 400: { description: 'A parameter is unknown, or its value is invalid.' } },
  handler: (deps: SuppressionRouteDeps, request) =>
    readPage(deps, request.caller.service.id, request.query, request, '/v2/suppressions'),
});

const removeOwn = defineRoute({
  ...remove,
  path: '/v2/suppressions/:suppression_id',
  authentication: 'service key',
  handlerName: 'v2_suppressions.delete_suppression',
  tag: 'Suppressions',
  params: Type.Object({ suppression_id: uuid() }),
  answers: {
    204: removed,
    400: { description: '`suppression_id` is not a UUID, or the key is a test key.' },
    404: { description: 'The service has no such entry.' },
  },
  async handler({ db }: SuppressionRouteDeps, { params, caller }) {
    // What a test key does has no effect on live messages.
    if (caller.key.keyType === 'test') throw badRequest('Cannot remove suppressions with a test api key');
    if (!(await removeSuppression(db, caller.service.id, params.suppression_id))) throw noResultFound();
  },
});

/** Suppressed recipients, for the service itself. */
export const suppressionRoutes = [readOwn, removeOwn];

const ofService = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_settings',
  async before({ db }: SuppressionRouteDeps, { params }: { params: { service_id: string } }) {
    if (!(await hasService(db, params.service_id))) throw noResultFound();
  },
} as const;
const service = { service_id: uuid('The service.') };
const adminPath = `/service/${uuidPart('service_id')}/suppressions`;
const refusals = {
  400: { description: 'The query or body is invalid.' },
  404: { description: 'There is no such service or entry.' },
};

const readAny = defineRoute({
  ...list,
  ...ofService,
  path: adminPath,
  params: Type.Object(service),
  handlerName: 'service_suppression.get_suppressions',
  answers: { 200: page, ...refusals },
  handler(deps: SuppressionRouteDeps, request) {
    const { service_id: id } = request.params;
    return readPage(deps, id, request.query, request, `/service/${id}/suppressions`);
  },
});

const add = defineRoute({
  ...ofService,
  method: 'POST',
  path: adminPath,
  params: Type.Object(service),
  handlerName: 'service_suppression.add_suppression',
  summary: 'Suppress a recipient by hand',
  description:
    '`manual` stops every message of the service to the recipient. `unsubscribed` is for lists that come from elsewhere: it stops emails that have an unsubscribe link. An existing entry stays as it is.',
  body: Type.Object(
    {
      recipient: Type.String({ description: 'An email address or phone number.' }),
      reason: Type.Optional(
        oneOf(['manual', 'unsubscribed'], 'The default is `manual`; `unsubscribed` is for email addresses.'),
      ),
    },
    { additionalProperties: false },
  ),
  example: { recipient: 'rowan@example.com', reason: 'unsubscribed' },
  answers: { 201: { description: 'The entry.', schema: Type.Object({ data: suppression }) }, ...refusals },
  async handler(deps: SuppressionRouteDeps, { params, body, actorId }) {
    const { type, normalised } = recipientOf(deps, body.recipient);
    const reason = body.reason === 'unsubscribed' ? 'unsubscribed' : 'manual';
    if (reason === 'unsubscribed' && type === 'sms')
      throw invalid(['reason unsubscribed is for email addresses only: use manual']);
    const { service_id: serviceId } = params;
    const given = { serviceId, type, recipient: normalised, reason, notificationId: null } as const;
    const at = new Date(deps.clock.now());
    const added = await deps.db.transaction().execute(async (trx) => {
      const { entry, isNew } = await addSuppression(trx, given, at);
      const by = { serviceId, userId: actorId };
      if (isNew) await recordChange(trx, 'create_suppression', by, entry, at);
      return entry;
    });
    return { data: show(added) };
  },
});

const removeAny = defineRoute({
  ...remove,
  ...ofService,
  path: `${adminPath}/${uuidPart('suppression_id')}`,
  params: Type.Object({ ...service, suppression_id: uuid() }),
  handlerName: 'service_suppression.delete_suppression',
  answers: { 204: removed, 404: refusals[404] },
  async handler({ db, clock }: SuppressionRouteDeps, { params, actorId }) {
    const { service_id: serviceId, suppression_id: id } = params;
    await db.transaction().execute(async (trx) => {
      const entry = await removeSuppression(trx, serviceId, id);
      if (entry === null) throw noResultFound();
      const by = { serviceId, userId: actorId };
      await recordChange(trx, 'delete_suppression', by, entry, new Date(clock.now()));
    });
  },
});

const failed = 'suppress_failed_recipients';
const settings = Type.Object(
  {
    [failed]: Type.Boolean({
      description:
        'Whether a recipient that failed permanently gets nothing for 14 days, except from priority templates.',
    }),
  },
  { additionalProperties: false },
);
const ofSettings = { ...ofService, path: `${adminPath}/settings`, params: Type.Object(service) } as const;

const readSettings = defineRoute({
  ...ofSettings,
  method: 'GET',
  handlerName: 'service_suppression.get_settings',
  summary: 'Read what a service suppresses',
  answers: { 200: { description: 'The settings.', schema: settings }, 404: refusals[404] },
  async handler({ db }: SuppressionRouteDeps, { params }) {
    const found = await findService(db, params.service_id);
    return { [failed]: found?.permissions.has(failed) ?? false };
  },
});

const changeSettings = defineRoute({
  ...ofSettings,
  method: 'POST',
  handlerName: 'service_suppression.change_settings',
  summary: 'Change what a service suppresses',
  description: 'Off by default. Failures count from when it is switched on.',
  body: settings,
  example: { suppress_failed_recipients: true },
  answers: { 200: { description: 'The settings.', schema: settings }, ...refusals },
  async handler({ db, clock }: SuppressionRouteDeps, { params: { service_id: id }, body, actorId }) {
    const is = body[failed];
    const change = is ? grantPermission : withdrawPermission;
    const data = { before: { [failed]: !is }, after: { [failed]: is } };
    const event = { type: 'update_service', serviceId: id, userId: actorId, subjectId: id, data };
    await db.transaction().execute(async (trx) => {
      if (await change(trx, id, failed)) await recordEvent(trx, event, new Date(clock.now()));
    });
    return { [failed]: is };
  },
});

/** Suppressed recipients of any service, for the admin client. */
export const adminSuppressionRoutes = [readAny, add, removeAny, readSettings, changeSettings];

async function readPage(
  deps: SuppressionRouteDeps,
  serviceId: string,
  query: Static<typeof listQuery>,
  request: FastifyRequest,
  path: string,
) {
  const recipient = query.recipient === undefined ? null : recipientOf(deps, query.recipient);
  const { reason: reasons = null, older_than: olderThan = null } = query;
  const filter = { serviceId, recipient, reasons, olderThan };
  const found = await findSuppressions(deps.db, filter, new Date(deps.clock.now()), pageSize);
  return {
    suppressions: found.map(show),
    links: linksOf(request, deps.publicUrl, path, found.at(-1)?.id),
  };
}

/** Whom an entry is about is nobody's business in the record of changes. */
async function recordChange(
  trx: Trx,
  type: 'create_suppression' | 'delete_suppression',
  by: Readonly<{ serviceId: string; userId: string | null }>,
  entry: Suppression,
  at: Date,
): Promise<void> {
  const told = { reason: entry.reason };
  const isNew = type === 'create_suppression';
  const data = {
    notification_type: entry.type,
    before: isNew ? null : told,
    after: isNew ? told : null,
  };
  await recordEvent(trx, { ...by, type, subjectId: entry.id, data }, at);
}

/** A recipient as messages to it are stored. Throws a Problem if it is neither an address nor a number. */
function recipientOf(
  { rates }: SuppressionRouteDeps,
  text: string,
): Readonly<{ type: NotificationType; normalised: string }> {
  if (text.includes('@')) {
    const email = parseEmailAddress(text);
    if (email.ok) return { type: 'email', normalised: email.emailAddress.normalised };
  } else {
    const phone = parsePhoneNumber(text.slice(0, longestPhoneNumber), rates);
    if (phone.ok) return { type: 'sms', normalised: phone.phoneNumber.normalised };
  }
  throw invalid(['recipient is not an email address or phone number']);
}

function show({ id, type, recipient, reason, notificationId, createdAt, expiresAt }: Suppression): Shown {
  return {
    id,
    notification_type: type,
    recipient,
    reason,
    notification_id: notificationId,
    created_at: isoMicroseconds(createdAt),
    expires_at: expiresAt && isoMicroseconds(expiresAt),
  };
}
