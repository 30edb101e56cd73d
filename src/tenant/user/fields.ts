import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, parseDatetime } from '../../ground/clock.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { authProblem } from '../../http/auth/tokens.ts';
import { uuidPart } from '../../http/server/define-route.ts';
import type { Formats } from '../../http/validate/check.ts';
import { uuid } from '../../http/validate/shapes.ts';
import { findUser } from './store.ts';
import { authTypes, type User, type UserState, userStates } from './user.ts';

/** What the routes about people share: fields of bodies with their checks, and whose account it is. */

export type PersonDeps = Readonly<{ db: Db; clock: Clock }>;

/** How recipients are checked; in a district that comes later. */
export type RecipientChecks = Readonly<{
  isEmailAddress: (text: string) => boolean;
  /** Why texts cannot be sent to this number; null if they can. */
  phoneFault: (text: string) => string | null;
}>;

export const emailText = 'Not a valid email address';
/** The longest address and name. */
const longest = 255;
const longestPassword = 4096;
export const longestToken = 4096;

export const personName = Type.String({ format: 'person_name', maxLength: longest });
export const emailAddress = Type.String({ format: 'email_address', maxLength: longest });
export const mobileNumber = Type.String({ format: 'mobile_number', maxLength: longest });
export const password = Type.String({ maxLength: longestPassword });
// No `type`, so that a value of any JSON type gets the enum's error.
export const authType = Type.Unsafe<(typeof authTypes)[number]>({ enum: [...authTypes] });
export const userState = Type.Unsafe<UserState>({ enum: [...userStates] });
export const datetime = Type.String({ format: 'datetime' });
/** A count that the database can hold. */
export const failedCount = Type.Integer({ minimum: 0, maximum: 1_000_000 });

/** The formats of these fields, with the texts of spec 04, section 3.2. */
export function fieldFormats({ isEmailAddress, phoneFault }: RecipientChecks): Formats {
  return {
    person_name: (text) => (text.trim() === '' || text.includes('\0') ? 'Invalid name' : null),
    email_address: (text) => (isEmailAddress(text) ? null : emailText),
    mobile_number(text) {
      const fault = phoneFault(text);
      return fault === null ? null : `Invalid phone number: ${fault}`;
    },
    datetime: (text) => (parseDatetime(text) ? null : 'Not a valid datetime.'),
  };
}

export const userPath = `/user/${uuidPart('user_id')}`;
export const ofUser = Type.Object({ user_id: uuid() });
export const common = { tag: 'Administration', authentication: 'admin' } as const;
/** For what only the person or an operator may do; `personOf` makes sure of it. */
export const ofPerson = { ...common, permission: 'person', params: ofUser } as const;
export const unknownUser = { 404: { description: 'There is no such user.' } };

type Asked = Readonly<{
  params: { user_id: string };
  actorId: string | null;
  mayDoForOthers: boolean;
}>;

/**
 * The user whom the path names. Throws a Problem: 404 if there is none, 403 if the client acts for another person who is
 * no operator.
 */
export async function personOf(
  { db, clock }: PersonDeps,
  { params, actorId, mayDoForOthers }: Asked,
): Promise<User> {
  const user = await findUser(db, params.user_id, new Date(clock.now()));
  if (!user) throw noResultFound();
  if (actorId !== user.id && !mayDoForOthers)
    throw authProblem(403, 'Only the person or an operator of the platform may do this');
  return user;
}

/** Throws a Problem for a field that the route does not know, where it does not ignore it. */
export function refuseUnknown(body: object, known: readonly string[]): void {
  const unknown = Object.keys(body).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw invalidFields({ _schema: unknown.map((name) => `Unknown field name ${name}`) });
}

/** Throws a Problem for a password that nobody can have meant. */
export function refuseEmptyPassword(field: string, text: string): void {
  if (text === '') throw invalidFields({ [field]: ['Invalid data for field'] });
}
