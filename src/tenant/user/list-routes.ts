import { Type } from 'typebox';
import type { Log } from '../../ground/log.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { linksOf, queryParameters } from '../../http/server/request.ts';
import { orNull, pageLinksSchema, pageSize, uuid } from '../../http/validate/shapes.ts';
import {
  common,
  emailAddress,
  fieldFormats,
  ofPerson,
  type PersonDeps,
  personOf,
  type RecipientChecks,
  unknownUser,
  userPath,
} from './fields.ts';
import type { SendPlatformMessage } from './platform-message.ts';
import { findUserByEmail, findUsers } from './store.ts';
import { showUser, userSchema } from './user.ts';

export type UserRouteDeps = PersonDeps &
  RecipientChecks &
  Readonly<{ publicUrl: string | null; log: Log; sendPlatformMessage: SendPlatformMessage }>;

export const one = { description: 'The user.', schema: Type.Object({ data: userSchema }) };
export const example = {
  name: 'Rowan Reed',
  email_address: 'rowan@example.com',
  mobile_number: '07700 900123',
};

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

/** Reading and finding people (spec 04, section 3.2). */
export const userListRoutes = [read, list, readByEmail, findByEmail, findPart];
