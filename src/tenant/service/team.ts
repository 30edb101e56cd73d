import { userPermissions } from '../../http/server/permission.ts';
import { isObject } from '../../http/validate/check.ts';

/** A person in the team of a service. */
export type Member = Readonly<{ userId: string; isActive: boolean; permissions: readonly string[] }>;

/** Why a member may not be removed; null if they may (spec 04, section 1.8). Pure. */
export function removalFault(team: readonly Member[], userId: string): string | null {
  const rest = team.filter((one) => one.userId !== userId);
  if (!rest.some(({ isActive }) => isActive)) return 'You cannot remove the only user for a service';
  return lost(team, rest, 'manage_users')
    ? 'You cannot remove the last user who can manage the team: give somebody else manage_users first'
    : null;
}

/** Why a member may not have these permissions instead of their own; null if they may (spec 04, section 3.6). Pure. */
export function permissionsFault(
  team: readonly Member[],
  userId: string,
  permissions: readonly string[],
): string | null {
  const then = team.map((one) => (one.userId === userId ? { ...one, permissions } : one));
  const short = (['manage_settings', 'manage_users'] as const).find((one) => lost(team, then, one));
  return short === undefined
    ? null
    : `Cannot change user permissions - service would have too few users with ${short}`;
}

/** Whether the last active member with a permission would be gone. */
function lost(before: readonly Member[], after: readonly Member[], permission: string): boolean {
  const has = (team: readonly Member[]) =>
    team.some(({ isActive, permissions }) => isActive && permissions.includes(permission));
  return has(before) && !has(after);
}

/** Permissions that a body names, in both of its forms; or what is wrong with it, as texts or by place. */
export type GivenPermissions =
  | Readonly<{ ok: true; permissions: readonly string[] }>
  | Readonly<{ ok: false; texts: readonly string[] }>
  | Readonly<{ ok: false; places: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> }>;

/** Reads `[{"permission":"send_texts"}]` or `{"permissions":[…],"folder_permissions":[…]}` (spec 04, section 1.8). */
export function readPermissions(document: unknown): GivenPermissions {
  const texts = Array.isArray(document) ? [] : objectFaults(document);
  if (texts.length > 0) return { ok: false, texts };
  const list = Array.isArray(document) ? document : (document as { permissions: unknown[] }).permissions;
  const permissions: string[] = [];
  const places: Record<string, Record<string, string[]>> = {};
  list.forEach((item: unknown, index) => {
    const given = isObject(item) ? item['permission'] : undefined;
    if (!isObject(item)) places[index] = { _schema: ['Invalid input type.'] };
    else if (given === undefined) places[index] = { permission: ['Missing data for required field.'] };
    else if (given === null) places[index] = { permission: ['Field may not be null.'] };
    else if ((userPermissions as readonly unknown[]).includes(given)) permissions.push(given as string);
    else places[index] = { permission: ['Not a valid choice.'] };
  });
  if (Object.keys(places).length > 0) return { ok: false, places };
  return { ok: true, permissions: [...new Set(permissions)] };
}

/** The texts of section 10.3 for the object form. */
function objectFaults(document: unknown): readonly string[] {
  if (!isObject(document)) return ['The body is not an object or a list'];
  const { permissions, folder_permissions: folders, ...others } = document;
  // Clients add the acting person to most bodies.
  const unknown = Object.keys(others).filter((name) => name !== 'created_by');
  const isListOfTexts = Array.isArray(folders) && folders.every((one) => typeof one === 'string');
  return [
    ...(permissions === undefined
      ? ['permissions is a required property']
      : Array.isArray(permissions)
        ? []
        : ['permissions is not of type array']),
    ...(folders === undefined || isListOfTexts ? [] : ['folder_permissions is not a list of ids']),
    ...(unknown.length === 0
      ? []
      : [
          `Additional properties are not allowed (${unknown.join(', ')} ${unknown.length === 1 ? 'was' : 'were'} unexpected)`,
        ]),
  ];
}
