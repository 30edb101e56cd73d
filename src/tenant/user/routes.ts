import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { parseDatetime } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { linksOf, queryParameters } from '../../http/server/request.ts';
import { orNull, pageLinksSchema, pageSize, uuid } from '../../http/validate/shapes.ts';
import { changesOf, recordEvent } from '../event/store.ts';
import {
  authType,
  common,
  datetime,
  emailAddress,
  failedCount,
  fieldFormats,
  mobileNumber,
  ofPerson,
  ofUser,
  type PersonDeps,
  password,
  personName,
  personOf,
  type RecipientChecks,
  refuseEmptyPassword,
  refuseUnknown,
  unknownUser,
  userPath,
  userState,
} from './fields.ts';
import { hashPassword } from './password.ts';
import {
  archiveUser,
  changeUser,
  findUser,
  findUserByEmail,
  findUsers,
  registerUser,
  type UserChange,
} from './store.ts';
import { endSessions } from './store-sign-in.ts';
import { showUser, type User, userSchema } from './user.ts';

export type UserRouteDeps = PersonDeps & RecipientChecks & Readonly<{ publicUrl: string | null }>;

const one = { description: 'The user.', schema: Type.Object({ data: userSchema }) };
const invalidUser = {
  400: { description: 'A field is missing or invalid, or another user has the address.' },
};
const example = {
  name: 'Rowan Reed',
  email_address: 'rowan@example.com',
  mobile_number: '07700 900123',
};
const missing = 'Missing data for required field.';
const needsMobile = 'Mobile number must be set if auth_type is set to sms_auth';
const taken = () => invalidFields({ email_address: ['Email address already in use'] });

const create = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path: '/user',
  handlerName: 'user.create_user',
  summary: 'Add a person',
  description:
    'The person is `pending` until `state` is changed. `mobile_number` may be left out if `auth_type` is `email_auth`. `platform_admin` is ignored.',
  body: Type.Object({
    name: personName,
    email_address: emailAddress,
    mobile_number: Type.Optional(orNull(mobileNumber)),
    password: Type.Optional(password),
    auth_type: Type.Optional(authType),
    state: Type.Optional(userState),
    failed_login_count: Type.Optional(failedCount),
    logged_in_at: Type.Optional(orNull(datetime)),
  }),
  formats: fieldFormats,
  example: { ...example, email_address: 'kim@example.com', password: 'a sentence that only Kim knows' },
  answers: { 201: one, ...invalidUser },
  async handler(deps: UserRouteDeps, { body, actorId }) {
    const { auth_type: type = 'sms_auth', mobile_number: mobile = null } = body;
    if (mobile === null && type === 'sms_auth') throw invalidFields({ mobile_number: [missing] });
    // Reported alone, after the others (spec 04, section 3.2).
    if (body.password === undefined) throw invalidFields({ password: [missing] });
    refuseEmptyPassword('password', body.password);
    const id = randomUUID();
    const passwordHash = await hashPassword(body.password);
    const at = new Date(deps.clock.now());
    const user = await deps.db.transaction().execute(async (trx) => {
      const added = await registerUser(
        trx,
        {
          ...{ id, name: body.name, emailAddress: body.email_address.trim(), mobileNumber: mobile },
          ...{
            authType: type,
            state: body.state ?? 'pending',
            failedLoginCount: body.failed_login_count ?? 0,
          },
          ...{ loggedInAt: timeOf(body.logged_in_at) ?? null, passwordHash },
        },
        at,
      );
      if (!added) throw taken();
      const found = (await findUser(trx, id, at))!;
      const data = { after: shown(found) };
      await recordEvent(
        trx,
        { ...{ type: 'create_user', serviceId: null, userId: actorId }, subjectId: id, data },
        at,
      );
      return found;
    });
    return { data: showUser(user) };
  },
});

const read = defineRoute({
  ...ofPerson,
  method: 'GET',
  path: userPath,
  handlerName: 'user.get_user',
  summary: 'Read a person',
  answers: { 200: one, ...unknownUser },
  handler: async (deps: UserRouteDeps, request) => ({ data: showUser(await personOf(deps, request)) }),
});

const list = defineRoute({
  ...common,
  permission: 'operator',
  method: 'GET',
  path: '/user',
  handlerName: 'user.get_users',
  summary: 'List people',
  description: `Those added last come first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  query: Type.Object(
    {
      search: Type.Optional(
        Type.String({ format: 'text', description: 'A part of the name or the address, in any case.' }),
      ),
      older_than: Type.Optional(uuid('Only people added before the one with this `id`.')),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'A page of people.',
      schema: Type.Object({ data: Type.Array(userSchema), links: pageLinksSchema }),
    },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ db, clock, publicUrl }: UserRouteDeps, request) {
    const { search = null, older_than: olderThan = null } = request.query;
    const users = await findUsers(db, { search, olderThan }, pageSize, new Date(clock.now()));
    return {
      data: users.map(showUser),
      links: linksOf(request, publicUrl, '/user', users.at(-1)?.id),
    };
  },
});

const lookUp = {
  ...common,
  permission: 'operator',
  path: '/user/email',
  handlerName: 'user.get_by_email',
  summary: 'Find a person by address',
  description: 'In any case.',
} as const;

const readByEmail = defineRoute({
  ...lookUp,
  method: 'GET',
  // Its absence has a text of its own.
  rawQuery: Type.Object({ email: Type.String({ examples: [example.email_address] }) }),
  answers: { 200: one, 400: { description: 'There is no `email`.' }, ...unknownUser },
  handler(deps: UserRouteDeps, { url }) {
    const email = queryParameters(url).get('email')?.replaceAll('\0', '');
    if (!email) throw badRequest('Invalid request. Email query string param required');
    return byEmail(deps, email);
  },
});

const findByEmail = defineRoute({
  ...lookUp,
  method: 'POST',
  description: 'In any case; the address stays out of logs.',
  body: Type.Object({ email: emailAddress }),
  formats: fieldFormats,
  example: { email: example.email_address },
  answers: { 200: one, 400: { description: '`email` is missing or invalid.' }, ...unknownUser },
  handler: (deps: UserRouteDeps, { body }) => byEmail(deps, body.email),
});

async function byEmail({ db, clock }: UserRouteDeps, email: string) {
  const user = await findUserByEmail(db, email.trim(), new Date(clock.now()));
  if (!user) throw noResultFound();
  return { data: showUser(user) };
}

const findPart = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path: '/user/find-users-by-email',
  handlerName: 'user.find_users_by_email',
  summary: 'Find people by a part of the address',
  description: `At most ${pageSize}, those added last first.`,
  body: Type.Object({ email: Type.String({ format: 'text', maxLength: 255 }) }),
  example: { email: 'rowan' },
  answers: {
    200: {
      description: 'The people.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({
            id: uuid(),
            name: Type.String(),
            email_address: Type.String(),
            mobile_number: orNull(Type.String()),
          }),
        ),
      }),
    },
    400: { description: '`email` is missing or invalid.' },
  },
  async handler({ db, clock }: UserRouteDeps, { body }) {
    const users = await findUsers(
      db,
      { search: body.email, olderThan: null },
      pageSize,
      new Date(clock.now()),
    );
    const part = body.email.toLowerCase();
    return {
      data: users
        .filter((user) => user.emailAddress.toLowerCase().includes(part))
        .map(({ id, name, emailAddress: address, mobileNumber: mobile }) => ({
          ...{ id, name, email_address: address, mobile_number: mobile },
        })),
    };
  },
});

const replace = defineRoute({
  ...common,
  permission: 'operator',
  params: ofUser,
  method: 'PUT',
  path: userPath,
  handlerName: 'user.update_user',
  summary: 'Replace what is known of a person',
  description: 'Fields of a user that are not listed are ignored.',
  body: Type.Object({
    name: personName,
    email_address: emailAddress,
    mobile_number: orNull(mobileNumber),
    auth_type: Type.Optional(authType),
    state: Type.Optional(userState),
    logged_in_at: Type.Optional(orNull(datetime)),
    failed_login_count: Type.Optional(failedCount),
    platform_admin: Type.Optional(Type.Boolean()),
    current_session_id: Type.Optional(orNull(uuid())),
    password: Type.Optional(password),
  }),
  formats: fieldFormats,
  example: { ...example, email_address: 'rowan.reed@example.com', state: 'active' },
  answers: { 200: one, ...invalidUser, ...unknownUser },
  async handler(deps: UserRouteDeps, { params, body, actorId }) {
    if (body.password !== undefined) refuseEmptyPassword('password', body.password);
    const user = await change(deps, params.user_id, actorId, {
      ...changeOf(body),
      ...(body.state !== undefined && { state: body.state }),
      ...(body.logged_in_at !== undefined && { loggedInAt: timeOf(body.logged_in_at)! }),
      ...(body.failed_login_count !== undefined && { failedLoginCount: body.failed_login_count }),
      ...(body.password !== undefined && {
        passwordHash: await hashPassword(body.password),
        failedLoginCount: 0,
      }),
    });
    return { data: showUser(user) };
  },
});

const changeable = [
  'name',
  'email_address',
  'mobile_number',
  'current_session_id',
  'auth_type',
  'email_access_validated_at',
  'platform_admin',
  'updated_by',
] as const;

const update = defineRoute({
  ...ofPerson,
  method: 'POST',
  path: userPath,
  handlerName: 'user.update_user_attribute',
  summary: 'Change what is known of a person',
  body: Type.Object({
    name: Type.Optional(personName),
    email_address: Type.Optional(emailAddress),
    mobile_number: Type.Optional(orNull(mobileNumber)),
    current_session_id: Type.Optional(orNull(uuid())),
    auth_type: Type.Optional(authType),
    email_access_validated_at: Type.Optional(orNull(datetime)),
    platform_admin: Type.Optional(Type.Boolean()),
    updated_by: Type.Optional(orNull(uuid('The author of the change, if the client acts by itself.'))),
  }),
  formats: fieldFormats,
  example: { name: 'Rowan Reed' },
  answers: { 200: one, ...invalidUser, ...unknownUser },
  async handler(deps: UserRouteDeps, request) {
    const { body, actorId } = request;
    const { id } = await personOf(deps, request);
    refuseUnknown(body, changeable);
    const author = actorId ?? (body.updated_by ? parseUuid(body.updated_by) : null);
    const validated = timeOf(body.email_access_validated_at);
    const user = await change(deps, id, author, {
      ...changeOf(body),
      ...(validated !== undefined && { emailValidatedAt: validated }),
    });
    return { data: showUser(user) };
  },
});

const activate = defineRoute({
  ...common,
  permission: 'operator',
  params: ofUser,
  method: 'POST',
  path: `${userPath}/activate`,
  handlerName: 'user.activate_user',
  summary: 'Activate a person',
  answers: { 200: one, 400: { description: 'The person is active already.' }, ...unknownUser },
  async handler(deps: UserRouteDeps, { params, actorId }) {
    const user = await change(
      deps,
      params.user_id,
      actorId,
      { state: 'active' },
      {
        check(before) {
          if (before.state === 'active') throw badRequest('User already active');
        },
      },
    );
    return { data: showUser(user) };
  },
});

const archive = defineRoute({
  ...common,
  permission: 'operator',
  params: ofUser,
  method: 'POST',
  path: `${userPath}/archive`,
  handlerName: 'user.archive_user',
  summary: 'Archive a person',
  description: 'The person leaves every team and can never sign in again.',
  answers: {
    204: { description: 'Archived.' },
    400: { description: 'A service would be left without anybody.' },
    ...unknownUser,
  },
  async handler({ db, clock }: UserRouteDeps, { params: { user_id: id }, actorId }) {
    const at = new Date(clock.now());
    await db.transaction().execute(async (trx) => {
      const before = await findUser(trx, id, at);
      if (!before) throw noResultFound();
      if (!(await archiveUser(trx, before, at))) throw badRequest('User cannot be removed from a service');
      await endSessions(trx, id, { except: null }, at);
      const data = { before: shown(before), after: shown((await findUser(trx, id, at))!) };
      await recordEvent(
        trx,
        { ...{ type: 'archive_user', serviceId: null, userId: actorId }, subjectId: id, data },
        at,
      );
    });
  },
});

/** People (spec 04, section 3.2). */
export const userRoutes = [
  create,
  read,
  list,
  readByEmail,
  findByEmail,
  findPart,
  replace,
  update,
  activate,
  archive,
];

type Given = Readonly<{
  name?: string;
  email_address?: string;
  mobile_number?: string | null;
  auth_type?: User['authType'];
  current_session_id?: string | null;
  platform_admin?: boolean;
}>;

function changeOf(body: Given): UserChange {
  if (body.platform_admin) throw invalidFields({ platform_admin: ['Cannot set platform_admin to True'] });
  const { current_session_id: session } = body;
  return {
    ...(body.name !== undefined && { name: body.name }),
    ...(body.email_address !== undefined && { emailAddress: body.email_address.trim() }),
    ...(body.mobile_number !== undefined && { mobileNumber: body.mobile_number }),
    ...(body.auth_type !== undefined && { authType: body.auth_type }),
    ...(session !== undefined && { currentSessionId: session }),
    ...(body.platform_admin === false && { isOperator: false }),
  };
}

type ChangeOptions = Readonly<{
  /** Throws a Problem if the change is not possible. */
  check?: (before: User) => void;
  /** The session that does not end with the old password. */
  keepSession?: string | null;
}>;

/** Changes a user and records it. A new password ends all sessions. Throws a Problem. */
export async function change(
  { db, clock }: PersonDeps,
  id: string,
  author: string | null,
  wanted: UserChange,
  { check, keepSession = null }: ChangeOptions = {},
): Promise<User> {
  const at = new Date(clock.now());
  return await db.transaction().execute(async (trx) => {
    const changed = await changeUser(trx, id, wanted, at);
    if (changed === null) throw noResultFound();
    if (changed === 'taken') throw taken();
    const { before, after } = changed;
    check?.(before);
    const isUntouched = wanted.mobileNumber === undefined && wanted.authType === undefined;
    if (!isUntouched && after.mobileNumber === null && after.authType === 'sms_auth')
      throw badRequest(needsMobile);
    if (wanted.passwordHash !== undefined) await endSessions(trx, id, { except: keepSession }, at);
    const data = changesOf(shown(before), shown(after));
    await recordEvent(
      trx,
      { ...{ type: 'update_user', serviceId: null, userId: author }, subjectId: id, data },
      at,
    );
    return after;
  });
}

/** What an event says of a user; nothing secret. */
function shown(user: User) {
  const { permissions, services, failed_login_count, current_session_id, logged_in_at, ...others } =
    showUser(user);
  return others;
}

function timeOf(text: string | null | undefined): Date | null | undefined {
  return text == null ? text : parseDatetime(text);
}
