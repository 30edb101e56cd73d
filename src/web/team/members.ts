import { type Html, html } from '../../ground/html.ts';
import type { ServiceVisit } from '../frame/page.ts';

export type Member = Readonly<{
  id: string;
  name: string;
  email_address: string;
  state: string;
  permissions: Readonly<Record<string, readonly string[]>>;
}>;

export type Invite = Readonly<{
  id: string;
  email_address: string;
  from_user_name: string;
  permissions: string;
  status: 'pending' | 'accepted' | 'cancelled' | 'expired';
  created_at: string;
  expires_at: string;
}>;

export async function readMembers({ api, service }: ServiceVisit): Promise<readonly Member[]> {
  return (await api.get<{ data: readonly Member[] }>(`/service/${service.id}/users`)).data;
}

export async function readInvites({ api, service }: ServiceVisit): Promise<readonly Invite[]> {
  return (await api.get<{ data: readonly Invite[] }>(`/service/${service.id}/invite`)).data;
}

/** What a member may do here. */
export function permissionsIn({ permissions }: Member, serviceId: string): readonly string[] {
  return permissions[serviceId] ?? [];
}

export const nameOf = (text: string): Html => html`<span dir="auto">${text}</span>`;
