/** What a person may do in a service (spec 04, section 3.6). The owner of a new service gets all of them. */
export const userPermissions = [
  'manage_users',
  'manage_templates',
  'manage_settings',
  'send_texts',
  'send_emails',
  'send_letters',
  'manage_api_keys',
  'view_activity',
] as const;
export type UserPermission = (typeof userPermissions)[number];

/** The person for whom the admin client acts. */
export type Person = Readonly<{
  id: string;
  isActive: boolean;
  /** May do everything. */
  isOperator: boolean;
  /** In the service of the request: null if the person is no member of it, or the request is about no service. */
  permissions: readonly string[] | null;
}>;

/**
 * Who may use a route of the admin API, if it is used for a person: anybody who is signed in (`person`; the handler
 * looks after what is theirs), a member of the service in the path, a member with a permission there, or an operator.
 */
export type RoutePermission = UserPermission | 'person' | 'member' | 'operator';

/** Why the person may not use a route; null if they may. Pure. */
export function refusal(person: Person | null, needed: RoutePermission): string | null {
  if (!person) return 'The acting user does not exist';
  if (!person.isActive) return 'The acting user is not active';
  if (person.isOperator || needed === 'person') return null;
  if (needed === 'operator') return 'Only operators of the platform may do this';
  if (!person.permissions) return 'The acting user is not a member of this service';
  if (needed === 'member' || person.permissions.includes(needed)) return null;
  return `The acting user does not have the permission ${needed} in this service`;
}
