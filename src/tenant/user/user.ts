import { type Static, Type } from 'typebox';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';

/** A person as the admin API shows them (spec 04, section 3.1). */
export type User = Readonly<{
  id: string;
  name: string;
  emailAddress: string;
  mobileNumber: string | null;
  state: 'pending' | 'active' | 'inactive';
  isOperator: boolean;
  createdAt: Date;
  /** By service; only active ones. */
  permissions: Readonly<Record<string, readonly string[]>>;
}>;

export const userSchema = Type.Object(
  {
    id: uuid(),
    name: Type.String(),
    email_address: Type.String(),
    mobile_number: orNull(Type.String()),
    state: oneOf(['pending', 'active', 'inactive']),
    platform_admin: Type.Boolean({ description: 'Whether the person is an operator of the platform.' }),
    created_at: time,
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
    platform_admin: user.isOperator,
    created_at: isoMicroseconds(user.createdAt),
    permissions: user.permissions,
    services: Object.keys(user.permissions),
  };
}
