import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Trx } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { plainErrors } from '../../http/server/error-format.ts';
import { userPermissions } from '../../http/server/permission.ts';
import { readJson, sendStale } from '../../http/server/request.ts';
import { isObject } from '../../http/validate/check.ts';
import { orNull, relatedId, staleAnswer, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import { brandingFields, brandingIn } from '../organisation/branding.ts';
import { userIn } from '../user/named.ts';
import { platformUserId } from '../user/store.ts';
import {
  byId,
  common,
  notFound,
  ofService,
  one,
  type ServiceListDeps,
  serviceListRoutes,
} from './list-routes.ts';
import { type LiveMessageDeps, tellLive } from './live-message.ts';
import { differences, type ServiceRecord, type ShownService, serviceSchema, showService } from './record.ts';
import {
  defaultPermissions,
  isLocalPart,
  normalisedName,
  type Permission,
  platformServiceId,
  servicePermissions,
} from './service.ts';
import { addService } from './store.ts';
import {
  changeService,
  findServiceRecord,
  lockService,
  type ServiceChange,
  setDefaultReplyTo,
  setDefaultSmsSender,
  takenConstraint,
} from './store-admin.ts';
import { addMember } from './store-members.ts';

export type ServiceRouteDeps = ServiceListDeps &
  LiveMessageDeps &
  Readonly<{
    clock: Clock;
    /** Sender of texts where a service has none of its own. */
    fromNumber: string;
    isEmailAddress: (text: string) => boolean;
    /** Whether it can be shown to recipients as a contact. */
    isContact: (text: string) => boolean;
  }>;

const limit = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });
const fields = {
  name: Type.String({ maxLength: 255, format: 'service_name' }),
  message_limit: limit,
  restricted: Type.Boolean(),
  email_from: Type.String({
    format: 'local_part',
    description: 'Local part of the address that emails are sent from. Default: made from the name.',
  }),
  created_by: relatedId('The id of the user who does it.'),
};
const optional = {
  sms_message_limit: Type.Optional(limit),
  email_message_limit: Type.Optional(limit),
  letter_message_limit: Type.Optional(limit),
  international_sms_message_limit: Type.Optional(limit),
  rate_limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })),
  prefix_sms: Type.Optional(Type.Boolean()),
  permissions: Type.Optional(
    Type.Array(Type.String(), {
      description: `Replaces the set: ${servicePermissions.map((one) => `\`${one}\``).join(', ')}.`,
    }),
  ),
  sms_sender: Type.Optional(
    orNull(
      Type.String({ maxLength: 11, format: 'sms_sender' }),
      'The default sender of texts; null for the platform’s own.',
    ),
  ),
  reply_to_email_address: Type.Optional(
    orNull(Type.String({ format: 'email_address' }), 'The default address for replies; null for none.'),
  ),
  contact_link: Type.Optional(
    orNull(
      Type.String({ maxLength: 255, format: 'contact' }),
      'A web address, email address or phone number for recipients of files.',
    ),
  ),
  ...brandingFields,
};
const createRequest = Type.Object({
  user_id: relatedId('The owner, who gets every permission.'),
  ...fields,
  email_from: Type.Optional(fields.email_from),
  ...optional,
  id: Type.Optional(uuid('For installers; must not be in use.')),
});
const updateRequest = Type.Object({
  name: Type.Optional(fields.name),
  message_limit: Type.Optional(fields.message_limit),
  restricted: Type.Optional(fields.restricted),
  email_from: Type.Optional(fields.email_from),
  created_by: Type.Optional(fields.created_by),
  active: Type.Optional(Type.Boolean()),
  research_mode: Type.Optional(Type.Boolean()),
  ...optional,
  version: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2 ** 31 - 1,
      description: 'The version that is changed; 409 if there is a newer one.',
    }),
  ),
});
type Update = Static<typeof updateRequest>;

const formats = ({ isEmailAddress, isContact }: ServiceRouteDeps) => ({
  service_name: (text: string) =>
    text.includes('\0')
      ? 'Not a valid string.'
      : normalisedName(text) === ''
        ? 'Must contain a letter or a number.'
        : null,
  local_part: (text: string) =>
    isLocalPart(text) ? null : 'Must be at most 64 letters, numbers, dots and hyphens, as before the @.',
  sms_sender: (text: string) =>
    text === '' || (/^[a-zA-Z0-9\s]+$/.test(text) && text.trim() !== '')
      ? null
      : 'Only alphanumeric characters allowed',
  email_address: (text: string) => (isEmailAddress(text) ? null : 'Not a valid email address'),
  contact: (text: string) =>
    isContact(text)
      ? null
      : 'Must be a web address that begins with http, an email address or a phone number.',
});

function refine(_deps: ServiceRouteDeps, { permissions }: Readonly<Record<string, unknown>>) {
  if (!Array.isArray(permissions) || !permissions.every((one) => typeof one === 'string')) return [];
  const unknown = permissions.find((one) => !(servicePermissions as readonly string[]).includes(one));
  if (unknown !== undefined)
    return [{ field: 'permissions', text: `Invalid Service Permission: '${unknown}'` }];
  const twice = permissions.filter((one, index) => permissions.indexOf(one) < index);
  const names = [...new Set(twice)].map((one) => `'${one}'`).join(', ');
  return twice.length === 0
    ? []
    : [{ field: 'permissions', text: `Duplicate Service Permission: [${names}]` }];
}

const create = defineRoute({
  ...common,
  permission: 'person',
  method: 'POST',
  path: '/service',
  handlerName: 'service.create_service',
  summary: 'Create a service',
  description:
    'The owner becomes its first member, with every permission. It gets the default permissions and sender of texts. Whoever is no operator creates services in trial mode, for themselves.',
  body: createRequest,
  formats,
  refine,
  example: {
    ...{ user_id: platformUserId, name: 'Street parking', message_limit: 50, restricted: true },
    ...{ email_from: 'street.parking', created_by: platformUserId },
  },
  answers: {
    201: one,
    400: { description: 'A field is missing or invalid, or the name, sender or `id` is taken.' },
    404: notFound,
  },
  async before(_deps, { body }) {
    const document = readJson(body, plainErrors.malformedJson);
    if (isObject(document) && (document['user_id'] ?? '') === '')
      throw invalidFields({ user_id: ['Missing data for required field.'] });
  },
  async handler(deps: ServiceRouteDeps, { body, actorId, mayDoForOthers }) {
    const owner = await userIn(deps.db, body.user_id);
    const author = actorId ?? (await userIn(deps.db, body.created_by));
    if (!mayDoForOthers) {
      if (owner !== actorId) throw authProblem(403, 'Only operators of the platform may name another owner');
      if (!body.restricted) throw onlyOperators('restricted');
      if ((body.rate_limit ?? 3000) !== 3000) throw onlyOperators('rate_limit');
      if ((body.branding ?? 'govuk') !== 'govuk') throw onlyOperators('branding');
      if ((body.organisation ?? null) !== null) throw onlyOperators('organisation');
    }
    const emailFrom = body.email_from ?? normalisedName(body.name);
    if (!isLocalPart(emailFrom)) throw invalidFields({ email_from: ['Missing data for required field.'] });
    const id = body.id === undefined ? randomUUID() : parseUuid(body.id)!;
    const made = await refusingTaken(body, () =>
      deps.db.transaction().execute((trx) => insert(deps, trx, { ...body, id, emailFrom, owner, author })),
    );
    return { data: showService(made) };
  },
});

const update = defineRoute({
  ...common,
  permission: 'manage_settings',
  method: 'POST',
  path: byId,
  handlerName: 'service.update_service',
  summary: 'Change a service',
  description:
    'What is left out stays as it is. `message_limit` sets the limits of texts, emails and letters. `active`, `restricted`, `research_mode`, `branding`, `organisation` and the limits are changed by operators only. When the service goes live, its active members are told.',
  params: ofService,
  body: updateRequest,
  formats,
  refine,
  example: { contact_link: 'https://parking.example/contact' },
  answers: {
    200: one,
    400: { description: 'A field is invalid, or the name or sender is taken.' },
    404: notFound,
    409: staleAnswer('service', serviceSchema),
  },
  async handler(deps: ServiceRouteDeps, { params, body, actorId, mayDoForOthers }, reply) {
    const author = actorId ?? (body.created_by === undefined ? null : await userIn(deps.db, body.created_by));
    const { service, isStale, isLive } = await refusingTaken(body, () =>
      deps.db
        .transaction()
        .execute((trx) => change(deps, trx, params.service_id, body, { author, mayDoForOthers })),
    );
    const data = showService(service);
    if (isLive) await tellLive(deps, data, new Date(deps.clock.now()));
    return isStale ? sendStale(reply, 'service', data) : { data };
  },
});

const ofRequest = { ...common, permission: 'manage_settings', path: `${byId}/go-live-request` } as const;

const requestLive = defineRoute({
  ...ofRequest,
  method: 'POST',
  params: ofService,
  handlerName: 'service.request_go_live',
  summary: 'Ask for a service to go live',
  description:
    'Operators find it with `GET /service?go_live_requested=True`, and answer it by changing `restricted`. Asking again changes nothing.',
  bodyOptional: true,
  body: Type.Object({ created_by: Type.Optional(fields.created_by) }),
  answers: {
    201: one,
    400: { description: 'The service is live already, or it is not active.' },
    404: notFound,
  },
  async handler(deps: ServiceRouteDeps, { params, body, actorId }) {
    const author = actorId ?? (body.created_by === undefined ? null : await userIn(deps.db, body.created_by));
    return await setRequest(deps, params.service_id, author, true);
  },
});

const withdrawLive = defineRoute({
  ...ofRequest,
  method: 'DELETE',
  params: ofService,
  handlerName: 'service.withdraw_go_live_request',
  summary: 'Withdraw or decline the request to go live',
  answers: { 204: { description: 'There is no open request.' }, 404: notFound },
  async handler(deps: ServiceRouteDeps, { params, actorId }) {
    await setRequest(deps, params.service_id, actorId, false);
  },
});

/** Services (spec 04, sections 1.1 to 1.6 and 1.11). */
export const serviceRoutes = [...serviceListRoutes, create, update, requestLive, withdrawLive];

const onlyOperators = (field: string) =>
  authProblem(403, `Only operators of the platform may change ${field}`);

/** The unique constraints of the database decide; a breach becomes the text of spec 04, section 1.2. */
async function refusingTaken<Value>(
  { name, email_from }: Pick<Update, 'name' | 'email_from'>,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (takenConstraint(error) === null) throw error;
    throw invalidFields({ name: [`Duplicate service name '${name ?? email_from}'`] });
  }
}

type Creation = Static<typeof createRequest> &
  Readonly<{ id: string; emailFrom: string; owner: string; author: string }>;

async function insert(
  { clock, fromNumber }: ServiceRouteDeps,
  trx: Trx,
  { id, emailFrom, owner, author, ...body }: Creation,
): Promise<ServiceRecord> {
  const at = new Date(clock.now());
  const isAdded = await addService(trx, {
    ...{ id, name: body.name, restricted: body.restricted, emailFrom, createdBy: author },
    prefixSms: body.prefix_sms ?? true,
    permissions: (body.permissions as Permission[] | undefined) ?? defaultPermissions,
    ...(body.contact_link && { contactLink: body.contact_link }),
    ...(body.rate_limit !== undefined && { rateLimit: body.rate_limit }),
    limits: limitsIn(body),
    ...(await brandingIn(trx, body)),
  });
  if (!isAdded) throw invalidFields({ id: ['Already in use'] });
  await addMember(trx, id, owner, userPermissions, at);
  await setDefaultSmsSender(trx, id, body.sms_sender || fromNumber, at);
  if (body.reply_to_email_address) await setDefaultReplyTo(trx, id, body.reply_to_email_address, at);
  const service = (await findServiceRecord(trx, id))!;
  await recordEvent(
    trx,
    {
      ...{ type: 'create_service', serviceId: id, userId: author, subjectId: id },
      data: { before: null, after: showService(service) },
    },
    at,
  );
  return service;
}

/** `message_limit` stands for those that are not given themselves (spec 04, section 1.1). */
function limitsIn(body: Update): NonNullable<ServiceChange['limits']> {
  const all = body.message_limit;
  const given = {
    sms: body.sms_message_limit ?? all,
    email: body.email_message_limit ?? all,
    letter: body.letter_message_limit ?? all,
    international_sms: body.international_sms_message_limit,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** What only operators may change: it decides how much is sent, to whom, and in whose name. */
const operatorFields = [
  'active',
  'restricted',
  'research_mode',
  'message_limit',
  'sms_message_limit',
  'email_message_limit',
  'letter_message_limit',
  'international_sms_message_limit',
  'rate_limit',
  'branding',
  'organisation',
] as const;

/**
 * Lays the body over the service. `isStale`: nothing was changed, because the body is about an earlier version. `isLive`:
 * the service has gone live.
 */
async function change(
  { clock, fromNumber }: ServiceRouteDeps,
  trx: Trx,
  id: string,
  body: Update,
  { author, mayDoForOthers }: Readonly<{ author: string | null; mayDoForOthers: boolean }>,
): Promise<Readonly<{ service: ServiceRecord; isStale: boolean; isLive: boolean }>> {
  const current = await lockService(trx, id);
  if (!current) throw noResultFound();
  if (body.version !== undefined && body.version !== current.version)
    return { service: current, isStale: true, isLive: false };
  if (!mayDoForOthers) refuseMember(showService(current), body);
  refuseActive(current, body);
  const at = new Date(clock.now());
  const by = author ?? platformUserId;
  if (
    body.sms_sender !== undefined &&
    !(await setDefaultSmsSender(trx, id, body.sms_sender || fromNumber, at))
  )
    throw badRequest(`You can not change the inbound number for service ${id}`);
  if (body.reply_to_email_address !== undefined)
    await setDefaultReplyTo(trx, id, body.reply_to_email_address, at);
  const branding = await brandingIn(trx, body);
  await changeService(trx, id, { ...changeIn(current, body, by, at), ...branding }, by, at);
  const service = (await findServiceRecord(trx, id))!;
  await recordEvent(
    trx,
    {
      ...{ type: 'update_service', serviceId: id, userId: author, subjectId: id },
      data: differences(showService(current), showService(service)),
    },
    at,
  );
  return { service, isStale: false, isLive: current.restricted && !service.restricted };
}

function changeIn(current: ServiceRecord, body: Update, by: string, at: Date): ServiceChange {
  const { restricted } = body;
  const isLive = restricted === false && current.restricted;
  const { permissions } = body;
  const kept = current.permissions.filter((one) => one === 'suppress_failed_recipients');
  return {
    ...(body.name !== undefined && { name: body.name }),
    ...(body.email_from !== undefined && { emailFrom: body.email_from }),
    ...(body.active !== undefined && { active: body.active }),
    ...(restricted !== undefined && { restricted }),
    ...(body.research_mode !== undefined && { researchMode: body.research_mode }),
    ...(body.prefix_sms !== undefined && { prefixSms: body.prefix_sms }),
    ...(permissions && { permissions: [...(permissions as Permission[]), ...kept] }),
    ...(body.contact_link !== undefined && { contactLink: body.contact_link }),
    ...(body.rate_limit !== undefined && { rateLimit: body.rate_limit }),
    limits: limitsIn(body),
    ...(isLive && { wentLive: { at, by }, liveRequest: null }),
    ...(restricted === true && { wentLive: null }),
  };
}

function refuseMember(current: ShownService, body: Update): void {
  for (const field of operatorFields)
    if (body[field] !== undefined && body[field] !== current[field]) throw onlyOperators(field);
}

function refuseActive({ id, archivedAt }: ServiceRecord, { active }: Update): void {
  if (active && archivedAt) throw badRequest('An archived service cannot be made active again');
  if (active === false && id === platformServiceId)
    throw badRequest('The platform’s own service cannot be made inactive');
}

async function setRequest(
  { db, clock }: ServiceRouteDeps,
  id: string,
  author: string | null,
  isOpen: boolean,
): Promise<{ data: ShownService }> {
  return await db.transaction().execute(async (trx) => {
    const current = await lockService(trx, id);
    if (!current) throw noResultFound();
    if (isOpen && !current.active) throw badRequest('The service is not active');
    if (isOpen && !current.restricted) throw badRequest('The service is live already');
    if (isOpen === (current.liveRequestedAt !== null)) return { data: showService(current) };
    const at = new Date(clock.now());
    const liveRequest = isOpen ? { at, by: author } : null;
    await changeService(trx, id, { liveRequest }, author ?? platformUserId, at);
    const data = showService((await findServiceRecord(trx, id))!);
    const type = isOpen ? 'request_go_live' : 'withdraw_go_live_request';
    const event = { type, serviceId: id, userId: author, subjectId: id };
    await recordEvent(trx, { ...event, data: differences(showService(current), data) }, at);
    return { data };
  });
}
