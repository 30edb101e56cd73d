import { type Static, Type } from 'typebox';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';

export const authTypes = ['sms_auth', 'email_auth'] as const;
/** Where a person's sign-in codes go. */
export type AuthType = (typeof authTypes)[number];

export const userStates = ['pending', 'active', 'inactive'] as const;
export type UserState = (typeof userStates)[number];

/** A person as the admin API shows them (spec 04, section 3.1). */
export type User = Readonly<{
  id: string;
  name: string;
  emailAddress: string;
  mobileNumber: string | null;
  state: UserState;
  authType: AuthType;
  isOperator: boolean;
  createdAt: Date;
  /** Tries to sign in that failed and still count. */
  failedLoginCount: number;
  loggedInAt: Date | null;
  passwordChangedAt: Date;
  currentSessionId: string | null;
  emailValidatedAt: Date | null;
  /** By service; only active ones. */
  permissions: Readonly<Record<string, readonly string[]>>;
}>;

export const userSchema = Type.Object(
  {
    id: uuid(),
    name: Type.String(),
    email_address: Type.String(),
    mobile_number: orNull(Type.String()),
    state: oneOf(userStates),
    auth_type: oneOf(authTypes, 'Whether sign-in codes go to the mobile number or the email address.'),
    platform_admin: Type.Boolean({ description: 'Whether the person is an operator of the platform.' }),
    created_at: time,
    failed_login_count: Type.Integer({
      description:
        'Tries to sign in that failed; at 10 the person is locked. An hour after the last it is 0.',
    }),
    logged_in_at: orNull(time),
    password_changed_at: Type.String({ examples: ['2017-03-02 08:15:00.000000'] }),
    current_session_id: orNull(uuid(), 'The last session that began, unless it has been ended.'),
    email_access_validated_at: orNull(time, 'When the person last proved to read the address.'),
    permissions: Type.Unsafe<Readonly<Record<string, readonly string[]>>>({
      type: 'object',
      description: 'What the person may do, by the id of the service; only active services.',
      additionalProperties: { type: 'array', items: { type: 'string' } },
    }),
    services: Type.Array(uuid()),
  },
  { $id: 'User' },
);

export function showUser(user: User): Static<typeof userSchema> {
  return {
    id: user.id,
    name: user.name,
    email_address: user.emailAddress,
    mobile_number: user.mobileNumber,
    state: user.state,
    auth_type: user.authType,
    platform_admin: user.isOperator,
    created_at: isoMicroseconds(user.createdAt),
    failed_login_count: user.failedLoginCount,
    logged_in_at: user.loggedInAt && isoMicroseconds(user.loggedInAt),
    password_changed_at: spacedTime(user.passwordChangedAt),
    current_session_id: user.currentSessionId,
    email_access_validated_at: user.emailValidatedAt && isoMicroseconds(user.emailValidatedAt),
    permissions: user.permissions,
    services: Object.keys(user.permissions),
  };
}

/** `2017-03-02 08:15:00.000000`, in UTC (spec 04, section 0.2). */
export function spacedTime(at: Date): string {
  return isoMicroseconds(at).replace('T', ' ').slice(0, -1);
}
