import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Trx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { invalidFields, noResultFound, type Problem } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import {
  common,
  emailAddress,
  fieldFormats,
  longestToken,
  ofPerson,
  ofUser,
  type PersonDeps,
  personOf,
  type RecipientChecks,
  unknownUser,
  userPath,
} from './fields.ts';
import {
  type Link,
  type LinkPurpose,
  linkPaths,
  linkPurposes,
  linkTexts,
  makeToken,
  readToken,
} from './link.ts';
import { platformTemplateIds, type SendPlatformMessage } from './platform-message.ts';
import { changeUser, findUser, findUserByEmail } from './store.ts';
import { beginSession, isLinkUsed, useLink } from './store-sign-in.ts';
import { spacedTime, type User } from './user.ts';

export type LinkRouteDeps = PersonDeps &
  RecipientChecks &
  Readonly<{ cipher: Cipher; adminBaseUrl: string; sendPlatformMessage: SendPlatformMessage }>;

const sent = { 204: { description: 'Accepted for delivery.' } };
const invalidEmail = { 400: { description: '`email` is missing or invalid.' } };
const withEmail = {
  body: Type.Object({ email: emailAddress }),
  formats: fieldFormats,
  example: { email: 'rowan@example.com' },
} as const;

function urlOf(deps: LinkRouteDeps, purpose: LinkPurpose, userId: string, email: string): string {
  return `${deps.adminBaseUrl}${linkPaths[purpose]}${makeToken(deps.cipher, purpose, { userId, email }, deps.clock.now())}`;
}

const verifyEmail = defineRoute({
  ...ofPerson,
  method: 'POST',
  path: `${userPath}/email-verification`,
  handlerName: 'user.send_user_confirm_new_email',
  summary: 'Send a person a link that proves the address',
  description: 'The link can be used for an hour.',
  answers: { ...sent, ...unknownUser },
  async handler(deps: LinkRouteDeps, request) {
    const { id, name, emailAddress: email } = await personOf(deps, request);
    await deps.sendPlatformMessage({
      templateId: platformTemplateIds.emailVerification,
      recipient: email,
      personalisation: { name, url: urlOf(deps, 'verify-email', id, email) },
    });
  },
});

const alreadyRegistered = defineRoute({
  ...common,
  permission: 'person',
  params: ofUser,
  ...withEmail,
  method: 'POST',
  path: `${userPath}/email-already-registered`,
  handlerName: 'user.send_already_registered_email',
  summary: 'Tell somebody that the address has an account',
  description: 'To the address in the body.',
  answers: { ...sent, ...invalidEmail },
  async handler({ adminBaseUrl, sendPlatformMessage }: LinkRouteDeps, { body }) {
    await sendPlatformMessage({
      templateId: platformTemplateIds.alreadyRegistered,
      recipient: body.email,
      personalisation: {
        signin_url: `${adminBaseUrl}/sign-in`,
        forgot_password_url: `${adminBaseUrl}/forgot-password`,
        feedback_url: `${adminBaseUrl}/feedback`,
      },
    });
  },
});

const changeEmail = defineRoute({
  ...ofPerson,
  ...withEmail,
  method: 'POST',
  path: `${userPath}/change-email-verification`,
  handlerName: 'user.send_user_confirm_new_email',
  summary: 'Send a link to a person’s new address',
  description:
    'To the address in the body. The link can be used for an hour; the address is then changed by another call.',
  answers: { ...sent, ...invalidEmail, ...unknownUser },
  async handler(deps: LinkRouteDeps, request) {
    const { id, name } = await personOf(deps, request);
    const email = request.body.email.trim();
    await deps.sendPlatformMessage({
      templateId: platformTemplateIds.changeOfEmail,
      recipient: email,
      personalisation: {
        ...{ name, url: urlOf(deps, 'change-email', id, email) },
        feedback_url: `${deps.adminBaseUrl}/feedback`,
      },
    });
  },
});

const resetPassword = defineRoute({
  ...common,
  permission: 'person',
  ...withEmail,
  method: 'POST',
  path: '/user/reset-password',
  handlerName: 'user.send_user_reset_password',
  summary: 'Send a person a link to choose a new password',
  description: 'The link can be used for an hour, unless the password is changed before.',
  answers: { ...sent, ...invalidEmail, ...unknownUser },
  async handler(deps: LinkRouteDeps, { body }) {
    const user = await findUserByEmail(deps.db, body.email.trim(), new Date(deps.clock.now()));
    if (!user) throw noResultFound();
    const { id, name, emailAddress: email } = user;
    await deps.sendPlatformMessage({
      templateId: platformTemplateIds.passwordReset,
      recipient: email,
      personalisation: { user_name: name, url: urlOf(deps, 'reset-password', id, email) },
    });
  },
});

const signInLink = defineRoute({
  ...common,
  permission: 'operator',
  params: ofUser,
  method: 'POST',
  path: `${userPath}/sign-in-link`,
  handlerName: 'user.make_sign_in_link',
  summary: 'Make a link that signs a person in',
  description:
    'For whoever cannot sign in otherwise, such as the first operator. It can be used for 15 minutes.',
  answers: {
    201: {
      description: 'The link; it is not sent to anybody.',
      schema: Type.Object({ data: Type.Object({ url: Type.String() }) }),
    },
    ...unknownUser,
  },
  async handler(deps: LinkRouteDeps, { params, actorId }) {
    const at = new Date(deps.clock.now());
    const user = await findUser(deps.db, params.user_id, at);
    if (!user) throw noResultFound();
    const event = {
      type: 'make_sign_in_link',
      serviceId: null,
      userId: actorId,
      subjectId: user.id,
      data: {},
    };
    await recordEvent(deps.db, event, at);
    return { data: { url: urlOf(deps, 'sign-in', user.id, user.emailAddress) } };
  },
});

const checked = Type.Object({
  user_id: uuid(),
  email: Type.String({ description: 'The address that the link was sent to.' }),
  created_at: Type.String({ examples: ['2017-03-02 08:15:00.000000'] }),
  session_id: orNull(uuid(), 'The session that a link to sign in began; null for the others.'),
});

const checkToken = defineRoute({
  ...common,
  permission: 'person',
  method: 'POST',
  path: '/user/check-token',
  handlerName: 'user.check_token',
  summary: 'Check the token of a link, and use it up',
  description:
    'A token can be used once, for what it was made for, until it expires or what it is about has changed. With `use` false it is only checked: so the page of a link can have a button, which mail scanners do not press. A used `verify-email` token sets `email_access_validated_at`.',
  body: Type.Object({
    token: Type.String({ maxLength: longestToken }),
    // No `type`, so that a value of any JSON type gets the enum's error.
    purpose: Type.Unsafe<LinkPurpose>({ enum: [...linkPurposes] }),
    use: Type.Optional(Type.Boolean({ default: true })),
  }),
  answers: {
    200: { description: 'The token is good.', schema: Type.Object({ data: checked }) },
    400: { description: 'The token is no good, or the body is invalid: the text is for the person.' },
  },
  async handler(deps: LinkRouteDeps, { body }) {
    const { purpose, use = true } = body;
    const link = readToken(deps.cipher, purpose, body.token);
    if (!link) throw badToken(linkTexts.unreadable);
    const at = new Date(deps.clock.now());
    if (link.expiresAt <= at) throw badToken(linkTexts.expired);
    const data = { user_id: link.userId, email: link.email, created_at: spacedTime(link.createdAt) };
    return await deps.db.transaction().execute(async (trx) => {
      const isUnused = use ? await useLink(trx, link.id, link.expiresAt) : !(await isLinkUsed(trx, link.id));
      if (!isUnused) throw badToken(linkTexts.used);
      const user = await findUser(trx, link.userId, at);
      if (!user || isOutdated(purpose, link, user)) throw badToken(linkTexts.outdated);
      if (use && purpose === 'verify-email') await changeUser(trx, user.id, { emailValidatedAt: at }, at);
      const sessionId = use && purpose === 'sign-in' ? await signIn(trx, user.id, at) : null;
      return { data: { ...data, session_id: sessionId } };
    });
  },
});

/** What a link is about must still be so. */
function isOutdated(purpose: LinkPurpose, { email, createdAt }: Link, user: User): boolean {
  if (user.state === 'inactive') return true;
  if (purpose !== 'change-email' && email !== user.emailAddress) return true;
  return purpose === 'reset-password' && user.passwordChangedAt > createdAt;
}

/** Begins a session by a link, and returns its id. */
export async function signIn(trx: Trx, userId: string, at: Date): Promise<string> {
  const id = randomUUID();
  await beginSession(trx, userId, { id, browser: null, address: null }, at);
  return id;
}

export function badToken(text: string): Problem {
  return invalidFields({ token: [text] });
}

/** Links in messages (spec 04, section 3.5). */
export const linkRoutes = [
  verifyEmail,
  alreadyRegistered,
  changeEmail,
  resetPassword,
  signInLink,
  checkToken,
];
