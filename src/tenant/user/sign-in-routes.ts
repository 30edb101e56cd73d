import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Cipher } from '../../ground/cipher.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { badRequest, invalid, invalidFields, noResultFound, Problem } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import { type CodeType, newCode } from './code.ts';
import {
  common,
  ofPerson,
  ofUser,
  type PersonDeps,
  password,
  personOf,
  type RecipientChecks,
  refuseEmptyPassword,
  refuseUnknown,
  unknownUser,
  userPath,
} from './fields.ts';
import { hashPassword, isPassword } from './password.ts';
import { type PreparePlatformMessage, platformTemplateIds } from './platform-message.ts';
import { change } from './routes.ts';
import { findPasswordHash } from './store.ts';
import {
  addCode,
  beginSession,
  endSessions,
  findSessions,
  forgiveTries,
  type Session,
  type TryVerdict,
  takeCode,
  takeTry,
} from './store-sign-in.ts';
import { networkOf } from './tries.ts';
import { showUser, type User, userSchema } from './user.ts';

export type SignInRouteDeps = PersonDeps &
  RecipientChecks &
  Readonly<{ cipher: Cipher; log: Log; preparePlatformMessage: PreparePlatformMessage }>;

/** What the admin client says of its own client: the address, and the browser. */
const addressHeader = 'x-notify-client-address';
const browserHeader = 'x-notify-client-browser';
const longestBrowser = 500;
const clientHeaders = {
  'X-Notify-Client-Address': Type.Optional(
    Type.String({
      description:
        'The IP address of the person’s client: too many wrong tries from its network have to wait.',
    }),
  ),
  'X-Notify-Client-Browser': Type.Optional(
    Type.String({ description: 'The person’s browser, for the list of sessions.' }),
  ),
};
const waiting = {
  429: {
    description:
      'Nothing was looked at, because too many tries failed: `Retry-After` says in how many seconds to try again.',
  },
};
const one = { description: 'The user.', schema: Type.Object({ data: userSchema }) };
const mostListed = 250;

const verifyPassword = defineRoute({
  ...ofPerson,
  method: 'POST',
  path: `${userPath}/verify/password`,
  handlerName: 'user.verify_user_password',
  summary: 'Check a person’s password',
  description:
    'After 2 wrong tries each next one has to wait, and after 10 the person is locked for an hour: then every password is wrong.',
  headers: clientHeaders,
  body: Type.Object({ password: Type.Optional(password) }),
  example: { password: 'a sentence that only Rowan knows' },
  answers: {
    204: { description: 'It is right.' },
    400: { description: 'It is wrong, or missing.' },
    ...unknownUser,
    ...waiting,
  },
  async handler(deps: SignInRouteDeps, request) {
    const user = await personOf(deps, request);
    const { password: given } = request.body;
    if (given === undefined) throw invalidFields({ password: ['Required field missing data'] });
    const wrong = () => invalidFields({ password: ['Incorrect password'] });
    if (!(await mayTry(deps, request, user))) throw wrong();
    if (!(await isPassword(given, await findPasswordHash(deps.db, user.id)))) throw wrong();
    await deps.db
      .transaction()
      .execute((trx) => forgiveTries(trx, { userId: user.id, network: networkOfClient(request) }));
  },
});

const updatePassword = defineRoute({
  ...ofPerson,
  method: 'POST',
  path: `${userPath}/update-password`,
  handlerName: 'user.update_password',
  summary: 'Change a person’s password',
  description:
    'Ends all sessions but the one in `X-Notify-Session-Id`, and every link to reset the password.',
  body: Type.Object({ _password: Type.Optional(password) }),
  example: { _password: 'another sentence that only Rowan knows' },
  answers: { 200: one, 400: { description: '`_password` is missing or empty.' }, ...unknownUser },
  async handler(deps: SignInRouteDeps, request) {
    const { body, actorId, sessionId: keepSession } = request;
    const { id } = await personOf(deps, request);
    refuseUnknown(body, ['_password']);
    if (body._password === undefined)
      throw invalidFields({ _password: ['Missing data for required field.'] });
    refuseEmptyPassword('_password', body._password);
    const passwordHash = await hashPassword(body._password);
    return { data: showUser(await change(deps, id, actorId, { passwordHash }, { keepSession })) };
  },
});

const resetCount = defineRoute({
  ...common,
  permission: 'operator',
  params: ofUser,
  method: 'POST',
  path: `${userPath}/reset-failed-login-count`,
  handlerName: 'user.user_reset_failed_login_count',
  summary: 'Unlock a person',
  answers: { 200: one, ...unknownUser },
  handler: async (deps: SignInRouteDeps, { params, actorId }) => ({
    data: showUser(await change(deps, params.user_id, actorId, { failedLoginCount: 0 })),
  }),
});

const codeTo = {
  ...ofPerson,
  errors: adminSchemaErrors,
  method: 'POST',
  bodyOptional: true,
  body: Type.Object(
    {
      to: Type.Optional(
        orNull(Type.String({ maxLength: 500, description: 'Another number or address of the person.' })),
      ),
      email_auth_link_host: Type.Optional(orNull(Type.String())),
      next: Type.Optional(orNull(Type.String())),
    },
    { additionalProperties: false },
  ),
  example: {},
  answers: {
    204: { description: 'Sent, or there were five.' },
    400: { description: 'The body is invalid, or the person has no number.' },
    ...unknownUser,
  },
} as const;
const ofCode =
  'Five digits, for 30 minutes. If a person has five codes that could still be used, none is made or sent.';

const textCode = defineRoute({
  ...codeTo,
  path: `${userPath}/sms-code`,
  handlerName: 'user.send_user_2fa_code',
  summary: 'Send a person a code by text',
  description: ofCode,
  handler: async (deps: SignInRouteDeps, request) =>
    sendCode(deps, 'sms', await personOf(deps, request), request.body.to ?? null),
});

const emailCode = defineRoute({
  ...codeTo,
  path: `${userPath}/email-code`,
  handlerName: 'user.send_user_2fa_code',
  summary: 'Send a person a code by email',
  description: ofCode,
  handler: async (deps: SignInRouteDeps, request) =>
    sendCode(deps, 'email', await personOf(deps, request), request.body.to ?? null),
});

/** `to`: null for the person's own number or address. */
async function sendCode(deps: SignInRouteDeps, type: CodeType, user: User, to: string | null): Promise<void> {
  const { db, clock, cipher, log, preparePlatformMessage } = deps;
  const recipient = recipientOf(deps, type, to, user);
  const code = newCode();
  const added = { id: randomUUID(), userId: user.id, type, code };
  const message = await preparePlatformMessage({
    templateId: type === 'sms' ? platformTemplateIds.smsCode : platformTemplateIds.emailCode,
    recipient,
    personalisation: { verify_code: code, name: user.name },
  });
  // Together: a code that is not sent must not count as one of the few that may be open.
  const isAdded = await db.transaction().execute(async (trx) => {
    const isAdded = await addCode(trx, cipher, added, new Date(clock.now()));
    if (isAdded) await message.store(trx);
    return isAdded;
  });
  if (isAdded) message.announce();
  else log.warn({ userId: user.id, type }, 'The person has too many open codes: none was sent');
}

/** Throws a Problem if the code cannot be sent there. */
function recipientOf(
  { phoneFault, isEmailAddress }: RecipientChecks,
  type: CodeType,
  to: string | null,
  user: User,
): string {
  if (type === 'email') {
    if (to !== null && !isEmailAddress(to)) throw invalid(['to Not a valid email address']);
    return to ?? user.emailAddress;
  }
  const fault = to === null ? null : phoneFault(to);
  if (fault !== null) throw invalid([`to Invalid phone number: ${fault}`]);
  const number = to ?? user.mobileNumber;
  if (number === null) throw badRequest('The user has no mobile number: send the code by email');
  return number;
}

const verifyCode = defineRoute({
  ...ofPerson,
  errors: adminSchemaErrors,
  method: 'POST',
  path: `${userPath}/verify/code`,
  handlerName: 'user.verify_user_code',
  summary: 'Check a code, and begin a session',
  description:
    'The header `X-Notify-Session-Id` of the answer is the new session; it is also the `current_session_id` of the user. A client that acts for a person in a session stays in that. After 2 wrong tries each next one has to wait, and after 10 the person is locked for an hour: then no code is found.',
  headers: clientHeaders,
  body: Type.Object(
    { code: Type.String({ maxLength: 100 }), code_type: oneOf(['sms', 'email']) },
    { additionalProperties: false },
  ),
  example: { code: '40916', code_type: 'sms' },
  answers: {
    204: { description: 'It is right, and now used.' },
    400: { description: 'The body is invalid, or the code has expired or been used.' },
    404: { description: 'There is no such user or code, or the person is locked.' },
    ...waiting,
  },
  async handler(deps: SignInRouteDeps, request, reply) {
    const { code, code_type: type } = request.body;
    const { id: userId } = await personOf(deps, request);
    if (!(await mayTry(deps, request, { id: userId }))) throw noResultFound('Code not found');
    const at = new Date(deps.clock.now());
    const sessionId = request.sessionId ?? randomUUID();
    const outcome = await deps.db.transaction().execute(async (trx) => {
      const taken = await takeCode(trx, deps.cipher, { userId, type: type as CodeType, code }, at);
      if (taken !== 'right') return taken;
      await forgiveTries(trx, { userId, network: networkOfClient(request) });
      if (type === 'email')
        await trx
          .updateTable('users')
          .set({ email_access_validated_at: at })
          .where('id', '=', userId)
          .execute();
      if (request.sessionId === null)
        await beginSession(trx, userId, { id: sessionId, ...clientOf(request) }, at);
      return taken;
    });
    if (outcome === 'unknown') throw noResultFound('Code not found');
    if (outcome === 'expired') throw badRequest('Code has expired');
    reply.header('X-Notify-Session-Id', sessionId);
  },
});

const session = Type.Object(
  {
    id: uuid(),
    created_at: time,
    seen_at: { ...time, description: 'When it was last used, to the minute.' },
    browser: orNull(Type.String()),
    address: orNull(Type.String()),
    ended_at: orNull(time, 'null while it has not ended.'),
    is_current: Type.Boolean({ description: 'Whether it is the one in `X-Notify-Session-Id`.' }),
  },
  { $id: 'Session' },
);

const sessionsPath = `${userPath}/sessions`;

const listSessions = defineRoute({
  ...ofPerson,
  method: 'GET',
  path: sessionsPath,
  handlerName: 'user.get_sessions',
  summary: 'List a person’s sessions',
  description: `Those that have not ended, the last seen first, at most ${mostListed}.`,
  query: Type.Object(
    { ended: Type.Optional(oneOf(['True', 'False'], '`True`: also those that have ended.')) },
    { additionalProperties: false },
  ),
  answers: {
    200: { description: 'The sessions.', schema: Type.Object({ data: Type.Array(session) }) },
    400: { description: 'A parameter is unknown or invalid.' },
    ...unknownUser,
  },
  async handler(deps: SignInRouteDeps, request) {
    const { id } = await personOf(deps, request);
    const ended = request.query.ended === 'True';
    const sessions = await findSessions(deps.db, id, { ended }, mostListed);
    return { data: sessions.map((one) => showSession(one, request.sessionId)) };
  },
});

function showSession({ id, createdAt, seenAt, browser, address, endedAt }: Session, current: string | null) {
  return {
    ...{ id, created_at: isoMicroseconds(createdAt), seen_at: isoMicroseconds(seenAt), browser, address },
    ...{ ended_at: endedAt && isoMicroseconds(endedAt), is_current: id === current },
  };
}

const endSession = defineRoute({
  ...ofPerson,
  method: 'DELETE',
  path: `${sessionsPath}/${uuidPart('session_id')}`,
  handlerName: 'user.end_session',
  summary: 'End a session',
  params: Type.Object({ ...ofUser.properties, session_id: uuid() }),
  answers: { 204: { description: 'Ended.' }, 404: { description: 'The person has no such session.' } },
  async handler(deps: SignInRouteDeps, request) {
    const { id } = await personOf(deps, request);
    const ended = await end(deps, request, id, { only: request.params.session_id });
    if (ended === 0) throw noResultFound();
  },
});

const endOthers = defineRoute({
  ...ofPerson,
  method: 'DELETE',
  path: sessionsPath,
  handlerName: 'user.end_sessions',
  summary: 'End a person’s sessions',
  description: 'All but the one in `X-Notify-Session-Id`.',
  answers: { 204: { description: 'Ended.' }, ...unknownUser },
  async handler(deps: SignInRouteDeps, request) {
    const { id } = await personOf(deps, request);
    await end(deps, request, id, { except: request.sessionId });
  },
});

/** Passwords, codes and sessions (spec 04, sections 3.3 and 3.4). */
export const signInRoutes = [
  ...[verifyPassword, updatePassword, resetCount, textCode, emailCode, verifyCode],
  ...[listSessions, endSession, endOthers],
];

/** Ends sessions and records it; returns how many. */
function end(
  { db, clock }: PersonDeps,
  { actorId }: Readonly<{ actorId: string | null }>,
  userId: string,
  which: Parameters<typeof endSessions>[2],
): Promise<number> {
  const at = new Date(clock.now());
  return db.transaction().execute(async (trx) => {
    const ended = await endSessions(trx, userId, which, at);
    const event = { type: 'end_session', serviceId: null, userId: actorId, subjectId: userId };
    if (ended.length > 0) await recordEvent(trx, { ...event, data: { sessions: ended } }, at);
    return ended.length;
  });
}

type Headed = Pick<FastifyRequest, 'headers'>;

/**
 * Takes a try to prove who one is. Returns false for a person who is locked. Throws a Problem (429) if the person or the
 * network has to wait.
 */
async function mayTry(
  { db, clock, log }: SignInRouteDeps,
  request: Headed,
  { id }: Pick<User, 'id'>,
): Promise<boolean> {
  const at = new Date(clock.now());
  const trier = { userId: id, network: networkOfClient(request) };
  const taken: TryVerdict = await db.transaction().execute((trx) => takeTry(trx, trier, at));
  if (taken.verdict === 'wait') {
    const seconds = Math.ceil(taken.waitMilliseconds / 1000);
    const message = `Too many wrong tries: try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}`;
    throw new Problem(429, [{ error: 'TooManyRequestsError', message }], { 'Retry-After': String(seconds) });
  }
  if (taken.verdict === 'allowed' && taken.isLast)
    log.warn({ userId: id }, 'The person is locked for an hour unless this try is right');
  return taken.verdict === 'allowed';
}

function networkOfClient({ headers }: Headed): string | null {
  const given = headers[addressHeader];
  return given === undefined ? null : networkOf(String(given).trim());
}

/** Of the header only what is an address: it is stored. */
function clientOf({ headers }: Headed): Pick<Session, 'browser' | 'address'> {
  const browser = headers[browserHeader];
  const address = String(headers[addressHeader] ?? '').trim();
  return {
    browser: browser === undefined ? null : String(browser).slice(0, longestBrowser),
    address: networkOf(address) === null ? null : address.slice(0, 100),
  };
}
