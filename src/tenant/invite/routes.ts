import { Type } from 'typebox';
import type { Db, Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { type IdSource, parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { userPermissions } from '../../http/server/permission.ts';
import { linksOf } from '../../http/server/request.ts';
import type { Formats } from '../../http/validate/check.ts';
import { orNull, pageLinksSchema, pageSize, relatedId, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import type { ServiceRecord } from '../service/record.ts';
import { findServiceRecord, lockService } from '../service/store-admin.ts';
import { authType, emailAddress, emailText } from '../user/fields.ts';
import {
  type PreparedMessage,
  type PreparePlatformMessage,
  platformTemplateIds,
} from '../user/platform-message.ts';
import { findUser, platformUserId } from '../user/store.ts';
import {
  endOf,
  type Invite,
  type InviteStatus,
  invitationPath,
  inviteSchema,
  inviteStatuses,
  makeInviteToken,
  originOf,
  resendFault,
  showInvite,
  statusFault,
  statusOf,
} from './invite.ts';
import {
  addInvite,
  findInvite,
  findInvites,
  isMemberAddress,
  type NewInvite,
  renewInvite,
  setInviteStatus,
} from './store.ts';

export type InviteRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  newId: IdSource;
  /** INVITATION_EXPIRATION_DAYS. */
  invitationDays: number;
  adminBaseUrl: string;
  publicUrl: string | null;
  /** An email address as it is stored; null if it is none. */
  parseEmail: (text: string) => string | null;
  preparePlatformMessage: PreparePlatformMessage;
}>;

const common = { tag: 'Administration', authentication: 'admin', permission: 'manage_users' } as const;
// Any text: one that is no UUID is an unknown service or invite (spec 04, section 0.2).
const ofService = Type.Object({ service_id: Type.String() });
const withId = Type.Object({ service_id: Type.String(), invite_id: Type.String() });
const base = '/service/:service_id/invite';
const byId = `${base}/:invite_id`;
export const one = { description: 'The invite.', schema: Type.Object({ data: inviteSchema }) };
const notFound = { 404: { description: 'There is no such service or invite.' } };
/** Far more than anybody needs; it bounds the lists in a body. */
const bodyLimit = 64 * 1024;

const linkHost = Type.Optional(
  orNull(
    Type.String({
      format: 'origin',
      maxLength: 255,
      description:
        'The scheme and host of the link, in place of `ADMIN_BASE_URL`; ignored if the client acts for a person who is no operator.',
    }),
  ),
);

function formatsOf({ parseEmail }: InviteRouteDeps): Formats {
  const isPermission = (name: string) => (userPermissions as readonly string[]).includes(name);
  return {
    email_address: (text) => (parseEmail(text) === null ? emailText : null),
    user_permissions: (text) => (permissionsIn(text).every(isPermission) ? null : 'Not a valid choice.'),
    origin: (text) => (originOf(text) === null ? 'Not a valid URL.' : null),
  };
}

function permissionsIn(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ''))];
}

const create = defineRoute({
  ...common,
  method: 'POST',
  path: base,
  bodyLimit,
  handlerName: 'invite.create_invited_user',
  summary: 'Invite somebody to a service',
  description:
    'Sends an email with a link, `ADMIN_BASE_URL/invitation/<token>`, that can be used for `INVITATION_EXPIRATION_DAYS`. One invite of a service to an address is open at a time.',
  params: ofService,
  body: Type.Object({
    email_address: emailAddress,
    from_user: relatedId('The id of the user who invites; the acting user if there is one.'),
    permissions: Type.String({
      format: 'user_permissions',
      description: `What the person may do once a member, separated by commas: of ${userPermissions.map((name) => `\`${name}\``).join(', ')}.`,
      examples: ['send_texts,view_activity'],
    }),
    auth_type: Type.Optional(authType),
    folder_permissions: Type.Optional(
      Type.Array(uuid(), { description: 'Template folders; those that the service lacks are ignored.' }),
    ),
    invite_link_host: linkHost,
  }),
  formats: formatsOf,
  example: {
    email_address: 'ash@example.com',
    from_user: platformUserId,
    permissions: 'send_texts,view_activity',
  },
  answers: {
    201: one,
    400: { description: 'The body is invalid, or the person is a member or has an open invite.' },
    404: { description: 'There is no such service or user.' },
  },
  async handler(deps: InviteRouteDeps, request) {
    const { body, actorId } = request;
    const { id: serviceId, name: serviceName } = await serviceIn(deps.db, request.params.service_id);
    const at = new Date(deps.clock.now());
    const inviter = await personIn(deps.db, actorId ?? body.from_user, at);
    const invite: NewInvite = {
      id: deps.newId(),
      serviceId,
      emailAddress: deps.parseEmail(body.email_address)!,
      fromUser: inviter.id,
      permissions: permissionsIn(body.permissions),
      folderPermissions: [...new Set((body.folder_permissions ?? []).map((id) => parseUuid(id)!))],
      authType: body.auth_type ?? 'sms_auth',
      createdAt: at,
    };
    const sender = { userName: inviter.name, serviceName, host: linkHostOf(request) };
    const message = await prepareEmail(deps, invite, sender, at);
    await deps.db.transaction().execute(async (trx) => {
      await lockService(trx, serviceId);
      await refuseMember(trx, invite);
      if (!(await addInvite(trx, invite, expiredAt(deps, at)))) throw isInvited(invite);
      const { permissions, folderPermissions, authType } = invite;
      const after = { permissions, folder_permissions: folderPermissions, auth_type: authType };
      const event = { type: 'create_invite', serviceId, userId: inviter.id, subjectId: invite.id };
      await recordEvent(trx, { ...event, data: { before: null, after } }, at);
      await message.store(trx);
    });
    message.announce();
    return { data: show(deps, { ...invite, fromUserName: inviter.name, status: 'pending' }) };
  },
});

const list = defineRoute({
  ...common,
  method: 'GET',
  path: base,
  handlerName: 'invite.get_invited_users_by_service',
  summary: 'List the invites of a service',
  description: `Of every status, the newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty. Invites are deleted 30 days after they were last sent.`,
  params: ofService,
  query: Type.Object(
    { older_than: Type.Optional(uuid('Only invites made before the one with this `id`.')) },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'A page of invites.',
      schema: Type.Object({ data: Type.Array(inviteSchema), links: pageLinksSchema }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
    ...notFound,
  },
  async handler(deps: InviteRouteDeps, request) {
    const { id } = await serviceIn(deps.db, request.params.service_id);
    const invites = await findInvites(deps.db, id, request.query.older_than ?? null, pageSize);
    return {
      data: invites.map((invite) => show(deps, invite)),
      links: linksOf(request, deps.publicUrl, `/service/${id}/invite`, invites.at(-1)?.id),
    };
  },
});

const read = defineRoute({
  ...common,
  method: 'GET',
  path: byId,
  handlerName: 'invite.get_invited_user_by_service_and_id',
  summary: 'Read an invite',
  params: withId,
  answers: { 200: one, ...notFound },
  handler: async (deps: InviteRouteDeps, { params }) => ({
    data: show(deps, await inviteIn(deps.db, params)),
  }),
});

const update = defineRoute({
  ...common,
  method: 'POST',
  path: byId,
  handlerName: 'invite.update_invited_user',
  summary: 'Cancel an invite, or note that it was accepted',
  description:
    'Accepted and cancelled are final. `accepted` adds nobody to the service: `POST /invite/{token}/accept` does both.',
  params: withId,
  body: Type.Object({
    // No `type`, so that a value of any JSON type gets the enum's error.
    status: Type.Optional(Type.Unsafe<InviteStatus>({ enum: [...inviteStatuses] })),
  }),
  example: { status: 'cancelled' },
  answers: {
    200: one,
    400: { description: 'The body is invalid, or the invite can no longer get this status.' },
    ...notFound,
  },
  async handler(deps: InviteRouteDeps, { params, body: { status }, actorId }) {
    const { serviceId } = await inviteIn(deps.db, params);
    const at = new Date(deps.clock.now());
    const changed = await deps.db.transaction().execute(async (trx) => {
      await lockService(trx, serviceId);
      const invite = await inviteIn(trx, params);
      const from = statusOf(invite, deps.invitationDays, at.getTime());
      if (status === undefined || status === from) return invite;
      const fault = statusFault(from, status);
      if (fault !== null) throw invalidFields({ status: [fault] });
      await setInviteStatus(trx, invite.id, status);
      const type = status === 'cancelled' ? 'cancel_invite' : 'accept_invite';
      const data = { before: { status: from }, after: { status } };
      await recordEvent(trx, { type, serviceId, userId: actorId, subjectId: invite.id, data }, at);
      return { ...invite, status };
    });
    return { data: show(deps, changed) };
  },
});

const resend = defineRoute({
  ...common,
  method: 'POST',
  path: `${byId}/resend`,
  bodyLimit,
  handlerName: 'invite.resend_invited_user',
  summary: 'Send an invite again',
  description:
    'With a new link and a new life, also when it has expired; the acting user is who invites from then on. A link that was sent before lives as long as it would have.',
  params: withId,
  body: Type.Object({ invite_link_host: linkHost }),
  bodyOptional: true,
  formats: formatsOf,
  example: {},
  answers: {
    200: one,
    400: { description: 'The invite is accepted or cancelled, or the person is a member or has another.' },
    ...notFound,
  },
  async handler(deps: InviteRouteDeps, request) {
    const { params, actorId } = request;
    const before = await inviteIn(deps.db, params);
    const { name: serviceName } = await serviceIn(deps.db, before.serviceId);
    const at = new Date(deps.clock.now());
    const inviter = await personIn(deps.db, actorId ?? before.fromUser, at);
    const sender = { userName: inviter.name, serviceName, host: linkHostOf(request) };
    const message = await prepareEmail(deps, before, sender, at);
    const renewed = await deps.db.transaction().execute(async (trx) => {
      await lockService(trx, before.serviceId);
      const invite = await inviteIn(trx, params);
      const fault = resendFault(statusOf(invite, deps.invitationDays, at.getTime()));
      if (fault !== null) throw badRequest(fault);
      await refuseMember(trx, invite);
      if (!(await renewInvite(trx, invite, inviter.id, at, expiredAt(deps, at)))) throw isInvited(invite);
      const sent = (time: Date, userId: string) => ({ created_at: isoMicroseconds(time), from_user: userId });
      const data = { before: sent(invite.createdAt, invite.fromUser), after: sent(at, inviter.id) };
      const event = { type: 'resend_invite', serviceId: invite.serviceId, userId: actorId };
      await recordEvent(trx, { ...event, subjectId: invite.id, data }, at);
      await message.store(trx);
      return await inviteIn(trx, params);
    });
    message.announce();
    return { data: show(deps, renewed) };
  },
});

/** Inviting people to a service (spec 04, section 4.3). */
export const inviteRoutes = [create, list, read, update, resend];

export function show(
  { invitationDays, clock }: Pick<InviteRouteDeps, 'invitationDays' | 'clock'>,
  invite: Invite,
) {
  return showInvite(invite, invitationDays, clock.now());
}

/** What was sent at this time or before has expired. */
function expiredAt({ invitationDays }: InviteRouteDeps, at: Date): Date {
  return endOf(at, -invitationDays);
}

/** Throws a Problem (404) if there is none. */
async function serviceIn(db: Db, given: string): Promise<ServiceRecord> {
  const id = parseUuid(given);
  const service = id === null ? null : await findServiceRecord(db, id);
  if (!service) throw noResultFound();
  return service;
}

/** The invite that a path names. Throws a Problem (404) if the service has no such invite. */
async function inviteIn(
  db: Db | Trx,
  { service_id, invite_id }: Readonly<{ service_id: string; invite_id: string }>,
): Promise<Invite> {
  const [serviceId, id] = [parseUuid(service_id), parseUuid(invite_id)];
  const invite = serviceId === null || id === null ? null : await findInvite(db, id, serviceId);
  if (!invite) throw noResultFound();
  return invite;
}

/** Throws a Problem (404) if there is no such user. */
async function personIn(db: Db, given: unknown, at: Date): Promise<Readonly<{ id: string; name: string }>> {
  const id = parseUuid(given);
  const user = id === null ? null : await findUser(db, id, at);
  if (!user) throw noResultFound();
  return user;
}

async function refuseMember(
  trx: Trx,
  { serviceId, emailAddress }: Pick<Invite, 'serviceId' | 'emailAddress'>,
): Promise<void> {
  if (await isMemberAddress(trx, serviceId, emailAddress))
    throw invalidFields({ email_address: [`${emailAddress} is a member of this service already`] });
}

function isInvited({ emailAddress }: Pick<Invite, 'emailAddress'>) {
  const text = `${emailAddress} has been invited already: resend that invite, or cancel it and invite them again`;
  return invalidFields({ email_address: [text] });
}

/**
 * The host for the link that the client gives, where it may: whoever is no operator could lead strangers to pages of
 * their own with an email of the platform.
 */
function linkHostOf({
  body,
  mayDoForOthers,
}: Readonly<{ body: { invite_link_host?: string | null }; mayDoForOthers: boolean }>): string | null {
  const { invite_link_host: given } = body;
  return given == null || !mayDoForOthers ? null : originOf(given);
}

/** The email for an invite that is sent at `at`. Throws a Problem if it cannot be sent. */
function prepareEmail(
  { cipher, adminBaseUrl, invitationDays, preparePlatformMessage }: InviteRouteDeps,
  { id, emailAddress }: Pick<Invite, 'id' | 'emailAddress'>,
  { userName, serviceName, host }: Readonly<{ userName: string; serviceName: string; host: string | null }>,
  at: Date,
): Promise<PreparedMessage> {
  return preparePlatformMessage({
    templateId: platformTemplateIds.invitation,
    recipient: emailAddress,
    personalisation: {
      user_name: userName,
      service_name: serviceName,
      url: `${host ?? adminBaseUrl}${invitationPath}${makeInviteToken(cipher, id, at)}`,
      life: invitationDays === 1 ? 'one day' : `${invitationDays} days`,
    },
  });
}
