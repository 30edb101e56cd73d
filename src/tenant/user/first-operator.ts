import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { DbOrTrx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import {
  common,
  emailAddress,
  fieldFormats,
  longestToken,
  type PersonDeps,
  password,
  personName,
  type RecipientChecks,
  refuseEmptyPassword,
} from './fields.ts';
import { type Link, linkTexts, readFirstOperatorToken } from './link.ts';
import { badToken, signIn } from './link-routes.ts';
import { hashPassword } from './password.ts';
import { shown, taken } from './routes.ts';
import { changeUser, findUser, hasOperator, lockFirstOperator, registerUser } from './store.ts';
import { isLinkUsed, useLink } from './store-sign-in.ts';

export type FirstOperatorDeps = PersonDeps & RecipientChecks & Readonly<{ cipher: Cipher }>;

const token = Type.String({ maxLength: longestToken });
/** The client by itself, before anybody has signed in. */
const route = { ...common, permission: 'operator', method: 'POST' } as const;
const badLink =
  'The link is no good, or the platform has an operator, or the body is invalid: the text is for the person.';

const check = defineRoute({
  ...route,
  path: '/user/first-operator/check',
  handlerName: 'user.check_first_operator',
  summary: 'Check the link that makes the first operator',
  description: 'Without using it up. The link is printed when the product starts and nobody operates it yet.',
  body: Type.Object({ token }),
  example: { token: '{token}' },
  answers: { 204: { description: 'The link is good.' }, 400: { description: badLink } },
  async handler(deps: FirstOperatorDeps, { body }) {
    const link = readLink(deps, body.token);
    if (await isLinkUsed(deps.db, link.id)) throw badToken(linkTexts.used);
    await refuseSecond(deps.db);
  },
});

const create = defineRoute({
  ...route,
  path: '/user/first-operator',
  handlerName: 'user.create_first_operator',
  summary: 'Make the first operator',
  description:
    'Whoever has the link had the terminal, which stands for the second step: the person is active, an operator, gets codes by email, and is signed in. The link can be used once, within an hour, and not at all once the platform has an operator.',
  body: Type.Object({ token, name: personName, email_address: emailAddress, password }),
  formats: fieldFormats,
  example: {
    ...{ token: '{token}', name: 'Ola Operator', email_address: 'ola@example.com' },
    password: 'a sentence that only Ola knows',
  },
  answers: {
    201: {
      description: 'The person, and the session that began.',
      schema: Type.Object({ data: Type.Object({ user_id: uuid(), session_id: uuid() }) }),
    },
    400: { description: `${badLink} So is that another person has the address.` },
  },
  async handler(deps: FirstOperatorDeps, { body }) {
    const link = readLink(deps, body.token);
    refuseEmptyPassword('password', body.password);
    const passwordHash = await hashPassword(body.password);
    const at = new Date(deps.clock.now());
    const id = randomUUID();
    return await deps.db.transaction().execute(async (trx) => {
      await lockFirstOperator(trx);
      await refuseSecond(trx);
      if (!(await useLink(trx, link.id, link.expiresAt))) throw badToken(linkTexts.used);
      const added = await registerUser(
        trx,
        {
          ...{ id, name: body.name, emailAddress: body.email_address.trim(), mobileNumber: null },
          ...{ authType: 'email_auth', state: 'active', failedLoginCount: 0, loggedInAt: null, passwordHash },
        },
        at,
      );
      if (!added) throw taken();
      await changeUser(trx, id, { isOperator: true }, at);
      const data = { after: shown((await findUser(trx, id, at))!) };
      const event = { type: 'create_user', serviceId: null, userId: null, subjectId: id, data };
      await recordEvent(trx, event, at);
      return { data: { user_id: id, session_id: await signIn(trx, id, at) } };
    });
  },
});

/** The first operator of an installation without the demo (spec 07, section 4). */
export const firstOperatorRoutes = [check, create];

function readLink({ cipher, clock }: FirstOperatorDeps, given: string): Pick<Link, 'id' | 'expiresAt'> {
  const link = readFirstOperatorToken(cipher, given);
  if (!link) throw badToken(linkTexts.unreadable);
  if (link.expiresAt.getTime() <= clock.now()) throw badToken(linkTexts.expired);
  return link;
}

async function refuseSecond(db: DbOrTrx): Promise<void> {
  if (await hasOperator(db))
    throw badToken('This installation has an operator already. Ask them to let you in.');
}
