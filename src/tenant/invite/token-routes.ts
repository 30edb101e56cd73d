import { Type } from 'typebox';
import type { Db, Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalidFields, noResultFound, type Problem } from '../../ground/problem.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { relatedId, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import { lockService } from '../service/store-admin.ts';
import { addMember } from '../service/store-members.ts';
import { findUser } from '../user/store.ts';
import type { User } from '../user/user.ts';
import { endOf, type Invite, inviteSchema, linkTexts, readInviteToken, statusOf } from './invite.ts';
import { one, show } from './routes.ts';
import { findInvite, setInviteStatus } from './store.ts';

export type InviteTokenRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  /** INVITATION_EXPIRATION_DAYS. */
  invitationDays: number;
  /** Lets a member use folders of templates, which belong to a later district; those the service lacks are ignored. */
  addToFolders: (trx: Trx, serviceId: string, userId: string, folderIds: readonly string[]) => Promise<void>;
}>;

const common = { tag: 'Administration', authentication: 'admin', permission: 'person' } as const;
const withToken = Type.Object({ token: Type.String() });
const badLink = { description: 'The link has expired or been changed: the text is for the person.' };
const gone = { 404: { description: 'There is no such invite any more.' } };

const check = ['/invite/:token', '/invite/service/check/:token'].map((path, index) =>
  defineRoute({
    ...common,
    method: 'GET',
    path,
    handlerName: 'accept_invite.validate_invitation_token',
    summary: `Read the invite of a link${index === 0 ? '' : ' (another path)'}`,
    description: 'Its `status` says what became of it.',
    params: withToken,
    answers: { 200: one, 400: badLink, ...gone },
    handler: async (deps: InviteTokenRouteDeps, { params }) => ({
      data: show(deps, await invitedBy(deps, params.token)),
    }),
  }),
);

const readOne = defineRoute({
  ...common,
  method: 'GET',
  path: `/invite/service/${uuidPart('invite_id')}`,
  handlerName: 'accept_invite.get_invited_user',
  summary: 'Read an invite by its id',
  description: 'For the invited person and operators, if the client acts for a person.',
  params: Type.Object({ invite_id: uuid() }),
  answers: { 200: one, ...gone },
  async handler(deps: InviteTokenRouteDeps, { params, actorId, mayDoForOthers }) {
    const invite = await findInvite(deps.db, params.invite_id, null);
    if (!invite) throw noResultFound();
    const actor = mayDoForOthers ? null : await findUser(deps.db, actorId!, new Date(deps.clock.now()));
    if (!mayDoForOthers && !(actor && isFor(invite, actor)))
      throw authProblem(403, 'Only the invited person or an operator of the platform may do this');
    return { data: show(deps, invite) };
  },
});

const accept = defineRoute({
  ...common,
  method: 'POST',
  path: '/invite/:token/accept',
  handlerName: 'accept_invite.accept_invitation',
  summary: 'Accept an invitation',
  description:
    'Makes the person a member with what the invite says, and the invite accepted. The address of the person must be the invited one, in any case.',
  params: withToken,
  body: Type.Object({
    user_id: Type.Optional(relatedId('Who accepts; without it, the acting user.')),
  }),
  bodyOptional: true,
  example: { user_id: '{user_id}' },
  answers: {
    201: {
      description: 'The invite is accepted, and the person is a member.',
      schema: Type.Object({
        data: inviteSchema,
        already_member: Type.Boolean({
          description: 'The person was a member before: their permissions stay as they were.',
        }),
      }),
    },
    400: {
      description:
        'The link has expired or been changed, the invite is accepted or cancelled, or it is for another address: the text is for the person.',
    },
    404: { description: 'There is no such invite any more, or no such user.' },
  },
  async handler(deps: InviteTokenRouteDeps, request) {
    const { id, serviceId } = await invitedBy(deps, request.params.token);
    const at = new Date(deps.clock.now());
    const user = await whoAccepts(deps, request, at);
    return await deps.db.transaction().execute(async (trx) => {
      // Whoever changes the team or the invites of a service holds its lock.
      await lockService(trx, serviceId);
      const invite = await findInvite(trx, id, serviceId);
      if (!invite) throw noResultFound();
      if (!isFor(invite, user)) throw invalidFields({ user_id: [linkTexts.otherAddress] });
      const status = statusOf(invite, deps.invitationDays, at.getTime());
      if (status !== 'pending') throw refused(linkTexts[status]);
      await setInviteStatus(trx, id, 'accepted');
      const { permissions, folderPermissions } = invite;
      const isNew = await addMember(trx, serviceId, user.id, permissions, at);
      const by = { serviceId, userId: request.actorId ?? user.id };
      const data = { before: { status }, after: { status: 'accepted' } };
      await recordEvent(trx, { ...by, type: 'accept_invite', subjectId: id, data }, at);
      if (isNew) {
        await deps.addToFolders(trx, serviceId, user.id, folderPermissions);
        const joined = { before: null, after: { permissions } };
        await recordEvent(trx, { ...by, type: 'add_user_to_service', subjectId: user.id, data: joined }, at);
      }
      return { data: show(deps, { ...invite, status: 'accepted' }), already_member: !isNew };
    });
  },
});

/** Links to invites, for the people invited (spec 04, section 4.3). */
export const inviteTokenRoutes = [...check, readOne, accept];

/** The invite of a link, whatever its status. Throws a Problem: 400 for a link that is no good, 404 if it is gone. */
async function invitedBy(
  { db, clock, cipher, invitationDays }: InviteTokenRouteDeps,
  token: string,
): Promise<Invite> {
  const link = readInviteToken(cipher, token);
  if (!link) throw refused(linkTexts.unreadable);
  if (endOf(link.sentAt, invitationDays).getTime() <= clock.now()) throw refused(linkTexts.expired);
  const invite = await findInvite(db, link.inviteId, null);
  if (!invite) throw noResultFound();
  return invite;
}

type Asked = Readonly<{
  body: { user_id?: unknown };
  actorId: string | null;
  mayDoForOthers: boolean;
}>;

/** Throws a Problem if nobody is named, nobody is known by that id, or it is somebody else than who acts. */
async function whoAccepts(
  { db }: InviteTokenRouteDeps,
  { body, actorId, mayDoForOthers }: Asked,
  at: Date,
): Promise<User> {
  const given = body.user_id ?? actorId;
  if (given === null) throw invalidFields({ user_id: ['Missing data for required field.'] });
  const id = parseUuid(given);
  if (id !== actorId && !mayDoForOthers)
    throw authProblem(403, 'Only the person or an operator of the platform may do this');
  const user = id === null ? null : await findUser(db, id, at);
  if (!user) throw noResultFound();
  return user;
}

function isFor({ emailAddress }: Invite, user: User): boolean {
  return emailAddress.toLowerCase() === user.emailAddress.toLowerCase();
}

function refused(text: string): Problem {
  return invalidFields({ invitation: [text] });
}
