import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import { parseDatetime } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
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
  refuseEmptyPassword,
  refuseUnknown,
  unknownUser,
  userPath,
  userState,
} from './fields.ts';
import { example, one, type UserRouteDeps, userListRoutes } from './list-routes.ts';
import { tellOfChange } from './notice.ts';
import { hashPassword } from './password.ts';
import { archiveUser, changeUser, findUser, isUser, registerUser, type UserChange } from './store.ts';
import { endSessions } from './store-sign-in.ts';
import { showUser, type User } from './user.ts';

const invalidUser = {
  400: { description: 'A field is missing or invalid, or another user has the address.' },
};
const missing = 'Missing data for required field.';
const needsMobile = 'Mobile number must be set if auth_type is set to sms_auth';
const toldOfChanges =
  'If somebody else changes the email address or the mobile number, the person is told at the old one.';
export const taken = () => invalidFields({ email_address: ['Email address already in use'] });

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
  refine: (_deps: UserRouteDeps, { auth_type: type = 'sms_auth', mobile_number: mobile }) =>
    mobile == null && type === 'sms_auth' ? [{ field: 'mobile_number', text: missing }] : [],
  example: { ...example, email_address: 'kim@example.com', password: 'a sentence that only Kim knows' },
  answers: { 201: one, ...invalidUser },
  async handler(deps: UserRouteDeps, { body, actorId }) {
    const { auth_type: type = 'sms_auth', mobile_number: mobile = null } = body;
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

const replace = defineRoute({
  ...common,
  permission: 'operator',
  params: ofUser,
  method: 'PUT',
  path: userPath,
  handlerName: 'user.update_user',
  summary: 'Replace what is known of a person',
  description: `Fields of a user that are not listed are ignored. ${toldOfChanges}`,
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
    const user = await changeAndTell(deps, params.user_id, actorId, {
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
  description: `${toldOfChanges} \`updated_by\` is ignored if the client acts for a person.`,
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
    if (author !== null && !(await isUser(deps.db, author))) throw noResultFound();
    const validated = timeOf(body.email_access_validated_at);
    const user = await changeAndTell(deps, id, author, {
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
export const userRoutes = [...userListRoutes, create, replace, update, activate, archive];

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
  deps: PersonDeps,
  id: string,
  author: string | null,
  wanted: UserChange,
  options: ChangeOptions = {},
): Promise<User> {
  return (await changeUserOf(deps, id, author, wanted, options)).after;
}

/** Like `change`; then tells the person what somebody else has changed (spec 04, section 3.2). */
async function changeAndTell(
  deps: UserRouteDeps,
  id: string,
  author: string | null,
  wanted: UserChange,
): Promise<User> {
  const { before, after } = await changeUserOf(deps, id, author, wanted, {});
  if (author !== null && author !== id) await tellOfChange(deps, before, after, author);
  return after;
}

async function changeUserOf(
  { db, clock }: PersonDeps,
  id: string,
  author: string | null,
  wanted: UserChange,
  { check, keepSession = null }: ChangeOptions,
): Promise<Readonly<{ before: User; after: User }>> {
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
    return { before, after };
  });
}

/**
 * Makes somebody an operator of the platform, or ends that. Not over HTTP: only commands on the installation's own
 * machine do this (spec 04, section 3.2). Throws a Problem if there is no such person, or only an archived one.
 */
export async function setOperator(deps: PersonDeps, id: string, isOperator: boolean): Promise<void> {
  await change(
    deps,
    id,
    null,
    { isOperator },
    {
      check({ state }) {
        if (isOperator && state === 'inactive') throw badRequest('An archived person cannot be an operator');
      },
    },
  );
}

/** What an event says of a user; nothing secret. */
export function shown(user: User) {
  const { permissions, services, failed_login_count, current_session_id, logged_in_at, ...others } =
    showUser(user);
  return others;
}

function timeOf(text: string | null | undefined): Date | null | undefined {
  return text == null ? text : parseDatetime(text);
}
