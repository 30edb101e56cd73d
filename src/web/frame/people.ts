import type { Clock } from '../../ground/clock.ts';
import { type Acting, type Api, NotAllowed, NotFound } from './api.ts';
import type { Needs, Person, Service } from './page.ts';

/** What the API says of a person (spec 04, section 3.1). */
type ApiUser = Readonly<{
  id: string;
  name: string;
  email_address: string;
  mobile_number: string | null;
  platform_admin: boolean;
  state: string;
  permissions: Readonly<Record<string, readonly string[]>>;
}>;

type ApiService = Readonly<{
  id: string;
  name: string;
  active: boolean;
  restricted: boolean;
  sms_message_limit: number;
  email_message_limit: number;
  prefix_sms: boolean;
}>;

/** How long what is known of a person or service is used again: an ended session or membership counts within it. */
const keptMilliseconds = 1000;
const mostKept = 10_000;

/** Who is signed in and which service is meant, each read once a second at most. */
export type People = Readonly<{
  /** null: the session has ended, or the person is gone. */
  person: (api: Api, acting: NonNullable<Acting>) => Promise<Person | null>;
  /** Throws NotFound. */
  service: (api: Api, acting: NonNullable<Acting>, id: string) => Promise<Service>;
  /** What is known of a person is read anew: they have just changed something. */
  forget: (acting: NonNullable<Acting>) => void;
}>;

export function createPeople(clock: Clock): People {
  const kept = new Map<string, { at: number; value: Promise<unknown> }>();
  function keep<T>(key: string, read: () => Promise<T>): Promise<T> {
    const now = clock.now();
    const known = kept.get(key);
    if (known && Math.abs(now - known.at) < keptMilliseconds) return known.value as Promise<T>;
    const value = read();
    kept.delete(key);
    kept.set(key, { at: now, value });
    value.catch(() => kept.delete(key));
    if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
    return value;
  }
  return {
    async person(api, { userId, sessionId }) {
      try {
        return await keep(`person ${userId} ${sessionId}`, async () => {
          const { data } = await api.get<{ data: ApiUser }>(`/user/${userId}`);
          return personOf(data);
        });
      } catch (error) {
        if (error instanceof NotAllowed || error instanceof NotFound) return null;
        throw error;
      }
    },
    service(api, { sessionId }, id) {
      return keep(`service ${sessionId} ${id}`, async () => {
        const { data } = await api.get<{ data: ApiService }>(`/service/${id}`);
        const { name, active, restricted } = data;
        const limits = { sms: data.sms_message_limit, email: data.email_message_limit };
        return { id: data.id, name, active, restricted, limits, prefixesTexts: data.prefix_sms };
      });
    },
    forget({ userId, sessionId }) {
      kept.delete(`person ${userId} ${sessionId}`);
      for (const key of kept.keys()) if (key.startsWith(`service ${sessionId} `)) kept.delete(key);
    },
  };
}

function personOf(user: ApiUser): Person {
  return {
    id: user.id,
    name: user.name,
    email: user.email_address,
    mobile: user.mobile_number,
    isOperator: user.platform_admin,
    permissions: user.permissions,
  };
}

/** Permissions as pages call them (spec 07, section 5). */
export const permissionNames: Readonly<Record<string, string>> = {
  view_activity: 'See messages and figures',
  send_texts: 'Send',
  send_emails: 'Send',
  manage_templates: 'Write templates',
  manage_settings: 'Manage settings and usage',
  manage_users: 'Manage the team',
  manage_api_keys: 'Manage keys and callbacks',
};

/** What a person lacks for a page, as a sentence; null: nothing. Somebody who is no member gets 'missing'. */
export function lackFor(needs: Needs, person: Person, serviceId: string | null): string | null {
  if (needs === 'nothing' || needs === 'signed in') return null;
  if (person.isOperator) return null;
  if (needs === 'operator') return 'This page is for the operators of the platform.';
  const own = (serviceId === null ? undefined : person.permissions[serviceId]) ?? null;
  if (own === null) return 'missing';
  if (needs === 'member') return null;
  const wanted = typeof needs === 'string' ? [needs] : needs;
  if (wanted.some((permission) => own.includes(permission))) return null;
  const names = [...new Set(wanted.map((permission) => permissionNames[permission] ?? permission))];
  return `It needs the permission “${names.join('” or “')}” in this service.`;
}
