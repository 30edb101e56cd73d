import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Db, Trx } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { createIdSource, parseUuid } from '../../ground/id.ts';
import { badRequest, invalid, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors, plainError, plainErrors } from '../../http/server/error-format.ts';
import { readJson } from '../../http/server/request.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import { userIn } from '../user/named.ts';
import { findMembersOf } from '../user/store.ts';
import { showUser, userSchema } from '../user/user.ts';
import { type ServiceRecord, serviceSchema, showService } from './record.ts';
import { findServiceRecord, lockService } from './store-admin.ts';
import {
  addMember,
  findGuests,
  findMembers,
  removeMember,
  replaceGuests,
  setMemberPermissions,
} from './store-members.ts';
import { permissionsFault, readPermissions, removalFault } from './team.ts';

export type MemberRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  isEmailAddress: (text: string) => boolean;
  isPhoneNumber: (text: string) => boolean;
}>;

const serviceId = uuid('The service.');
const ofService = Type.Object({ service_id: serviceId });
// Any text: one that is no UUID is an unknown user (spec 04, section 0.2).
const ofMember = Type.Object({ service_id: serviceId, user_id: Type.String() });
const common = { tag: 'Administration', authentication: 'admin', permission: 'manage_users' } as const;
const base = `/service/${uuidPart('service_id')}`;
const notFound = { description: 'There is no such service or user.' };
const permissionsBody = {
  schema: Type.Unknown({
    description:
      '`{"permissions": [{"permission": "send_texts"}], "folder_permissions": []}`, or the list of permissions alone.',
  }),
};
const example = { permissions: [{ permission: 'send_texts' }] };

const list = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: `${base}/users`,
  handlerName: 'service.get_users_for_service',
  summary: 'List the members of a service',
  params: ofService,
  answers: {
    200: {
      description: 'In the order in which they joined.',
      schema: Type.Object({ data: Type.Array(userSchema) }),
    },
    404: notFound,
  },
  async handler({ db, clock }: MemberRouteDeps, { params }) {
    if (!(await findServiceRecord(db, params.service_id))) throw noResultFound();
    return { data: (await findMembersOf(db, params.service_id, new Date(clock.now()))).map(showUser) };
  },
});

const add = defineRoute({
  ...common,
  method: 'POST',
  path: `${base}/users/:user_id`,
  handlerName: 'service.add_user_to_service',
  summary: 'Add a member to a service',
  params: ofMember,
  errors: adminSchemaErrors,
  rawBody: permissionsBody,
  example,
  answers: {
    201: { description: 'The service.', schema: Type.Object({ data: serviceSchema }) },
    400: { description: 'The body is invalid, or the user is a member already.' },
    404: notFound,
  },
  async handler(deps: MemberRouteDeps, { params, body, actorId }, reply) {
    const { service_id: id, user_id: given } = params;
    const userId = await knownUser(deps.db, id, given);
    const permissions = permissionsIn(body, reply);
    if (permissions === null) return;
    return await inService(deps, id, async (trx, service, at) => {
      if (!(await addMember(trx, id, userId, permissions, at)))
        throw badRequest(`User id: ${userId} already part of service id: ${id}`);
      const event = {
        type: 'add_user_to_service',
        serviceId: id,
        userId: actorId,
        subjectId: userId,
        data: { before: null, after: { permissions } },
      };
      await recordEvent(trx, event, at);
      return { data: showService((await findServiceRecord(trx, service.id))!) };
    });
  },
});

const remove = defineRoute({
  ...common,
  method: 'DELETE',
  path: `${base}/users/:user_id`,
  handlerName: 'service.remove_user_from_service',
  summary: 'Remove a member from a service',
  description: 'Somebody active, and somebody who can manage the team, has to remain.',
  params: ofMember,
  answers: {
    204: { description: 'Removed.' },
    400: { description: 'Nobody would be left who can manage the team.' },
    404: { description: 'There is no such service, or the user is no member of it.' },
  },
  async handler(deps: MemberRouteDeps, { params: { service_id: id, user_id: given }, actorId }) {
    await inService(deps, id, async (trx, _service, at) => {
      const team = await findMembers(trx, id);
      const userId = parseUuid(given);
      const member = team.find((one) => one.userId === userId);
      if (!member) throw noResultFound('User not found');
      const fault = removalFault(team, member.userId);
      if (fault !== null) throw badRequest(fault);
      await removeMember(trx, id, member.userId);
      const event = {
        type: 'remove_user_from_service',
        serviceId: id,
        userId: actorId,
        subjectId: member.userId,
        data: { before: { permissions: member.permissions }, after: null },
      };
      await recordEvent(trx, event, at);
    });
  },
});

const setPermissions = defineRoute({
  ...common,
  method: 'POST',
  path: `/user/:user_id/service/${uuidPart('service_id')}/permission`,
  handlerName: 'user.set_permissions',
  summary: 'Set what a member may do in a service',
  description:
    'Replaces all permissions. Somebody active has to remain with `manage_users`, and somebody with `manage_settings`.',
  params: ofMember,
  errors: adminSchemaErrors,
  rawBody: permissionsBody,
  example,
  answers: {
    204: { description: 'Changed.' },
    400: { description: 'The body is invalid, or too few members would have a permission.' },
    404: { description: 'There is no such service or user, or the user is no member of it.' },
  },
  async handler(deps: MemberRouteDeps, { params, body, actorId }, reply) {
    const { service_id: id, user_id: given } = params;
    const userId = await knownUser(deps.db, id, given);
    const permissions = permissionsIn(body, reply);
    if (permissions === null) return;
    await inService(deps, id, async (trx, _service, at) => {
      const team = await findMembers(trx, id);
      const member = team.find((one) => one.userId === userId);
      if (!member) throw noResultFound();
      const fault = permissionsFault(team, userId, permissions);
      if (fault !== null) throw badRequest(fault);
      await setMemberPermissions(trx, id, userId, permissions);
      const event = {
        type: 'set_user_permissions',
        serviceId: id,
        userId: actorId,
        subjectId: userId,
        data: { before: { permissions: member.permissions }, after: { permissions } },
      };
      await recordEvent(trx, event, at);
    });
    reply.code(204).send();
  },
});

/** Far more than anybody needs: every process keeps the list in memory. */
const mostGuests = 1000;

/** Both names of the list, with the words of their errors (spec 04, section 1.9). */
const guestLists = (
  [
    ['guest-list', 'guest list'],
    ['whitelist', 'whitelist'],
  ] as const
).flatMap(([path, words]) => guestListRoutes(`${base}/${path}`, words, path.replace('-', '_')));

/** Members, what they may do, and guests (spec 04, sections 1.8, 1.9 and 3.6). */
export const memberRoutes = [list, add, remove, setPermissions, ...guestLists];

function guestListRoutes(path: string, words: string, name: string) {
  const guests = Type.Object({
    email_addresses: Type.Array(Type.String()),
    phone_numbers: Type.Array(Type.String()),
  });
  const here = { ...common, permission: 'manage_settings', path, params: ofService } as const;
  const get = defineRoute({
    ...here,
    permission: 'member',
    method: 'GET',
    handlerName: `service.get_${name}`,
    summary: `Read the ${words} of a service`,
    description: 'Whom a service in trial mode or a team key may send to, besides its members.',
    answers: { 200: { description: 'As it was entered.', schema: guests }, 404: notFound },
    async handler({ db }: MemberRouteDeps, { params }) {
      if (!(await findServiceRecord(db, params.service_id))) throw noResultFound();
      const all = await findGuests(db, params.service_id);
      const isAddress = (text: string) => text.includes('@');
      return {
        email_addresses: all.filter(isAddress),
        phone_numbers: all.filter((text) => !isAddress(text)),
      };
    },
  });
  const put = defineRoute({
    ...here,
    method: 'PUT',
    handlerName: `service.update_${name}`,
    summary: `Replace the ${words} of a service`,
    description: `At most ${mostGuests} entries.`,
    body: guests,
    example: { email_addresses: ['rowan@example.com'], phone_numbers: ['07900 900123'] },
    answers: {
      204: { description: 'Replaced.' },
      400: { description: 'An entry is invalid; nothing has changed.' },
      404: notFound,
    },
    async handler(deps: MemberRouteDeps, { params: { service_id: id }, body, actorId }) {
      const { email_addresses: addresses, phone_numbers: numbers } = body;
      const wrong =
        addresses.find((text) => !deps.isEmailAddress(text)) ??
        numbers.find((text) => !deps.isPhoneNumber(text));
      const recipients = [...addresses, ...numbers];
      await inService(deps, id, async (trx, _service, at) => {
        if (recipients.length > mostGuests)
          throw badRequest(`Invalid ${words}: at most ${mostGuests} entries are allowed`);
        if (wrong !== undefined)
          throw badRequest(`Invalid ${words}: "${wrong}" is not a valid email address or phone number`);
        const before = (await findGuests(trx, id)).length;
        const newId = createIdSource(deps.clock);
        await replaceGuests(trx, id, recipients, recipients.map(newId), at);
        // Whom it names is nobody's business here.
        const data = { before: { entries: before }, after: { entries: recipients.length } };
        const event = { type: 'replace_guest_list', serviceId: id, userId: actorId, subjectId: id, data };
        await recordEvent(trx, event, at);
      });
    },
  });
  return [get, put];
}

/** Runs `work` under the lock of the service. Throws a Problem (404) if there is none. */
async function inService<Value>(
  { db, clock }: MemberRouteDeps,
  id: string,
  work: (trx: Trx, service: ServiceRecord, at: Date) => Promise<Value>,
): Promise<Value> {
  return await db.transaction().execute(async (trx) => {
    const service = await lockService(trx, id);
    if (!service) throw noResultFound();
    return await work(trx, service, new Date(clock.now()));
  });
}

/** The id of a user, where the service exists too. Throws a Problem (404). */
async function knownUser(db: Db, serviceId: string, given: string): Promise<string> {
  if (!(await findServiceRecord(db, serviceId))) throw noResultFound();
  return await userIn(db, given);
}

/** Returns null after answering what is wrong with single permissions. Throws a Problem for another fault. */
function permissionsIn(body: unknown, reply: FastifyReply): readonly string[] | null {
  const isEmptyList = Buffer.isBuffer(body) && /^\s*\[\s*\]\s*$/.test(body.subarray(0, 100).toString());
  const given = readPermissions(isEmptyList ? [] : readJson(body, plainErrors.malformedJson));
  if (given.ok) return given.permissions;
  if ('texts' in given) throw invalid(given.texts);
  reply.code(400).type('application/json').send(plainError(given.places));
  return null;
}
