import { type Static, Type } from 'typebox';
import type { Cipher } from '../../ground/cipher.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, time, uuid } from '../../http/validate/shapes.ts';
import { openToken, sealToken } from '../user/link.ts';
import { type AuthType, authTypes } from '../user/user.ts';

export const inviteStatuses = ['pending', 'accepted', 'cancelled'] as const;
/** What a caller may set. */
export type InviteStatus = (typeof inviteStatuses)[number];
/** A pending one expires with its age. */
export type ShownStatus = InviteStatus | 'expired';

/** An invitation to join the team of a service (spec 04, section 4.3). */
export type Invite = Readonly<{
  id: string;
  serviceId: string;
  /** As it was typed. */
  emailAddress: string;
  /** Who sent it last. */
  fromUser: string;
  fromUserName: string;
  /** What the person may do once a member, and the ids of the template folders that they may use. */
  permissions: readonly string[];
  folderPermissions: readonly string[];
  authType: AuthType;
  /** As stored: `expired` only where another took its place. */
  status: ShownStatus;
  /** When it was sent last. */
  createdAt: Date;
}>;

const day = 86_400_000;

/** When an invite, or a link, of this time ends. `days`: INVITATION_EXPIRATION_DAYS. */
export function endOf(createdAt: Date, days: number): Date {
  return new Date(createdAt.getTime() + days * day);
}

export function statusOf({ status, createdAt }: Invite, days: number, now: number): ShownStatus {
  return status === 'pending' && endOf(createdAt, days).getTime() <= now ? 'expired' : status;
}

/** Why an invite may not get this status; null if it may (spec 04, section 4.3). Pure. */
export function statusFault(from: ShownStatus, to: InviteStatus): string | null {
  if (from === to) return null;
  if (from === 'accepted') return 'This invite has been accepted, and stays so';
  if (from === 'cancelled') return 'This invite has been cancelled, and stays so: invite the person again';
  if (from === 'expired' && to !== 'cancelled') return 'This invite has expired: resend it';
  return null;
}

/** Why an invite may not be sent again; null if it may. Pure. */
export function resendFault(from: ShownStatus): string | null {
  return from === 'accepted' || from === 'cancelled' ? statusFault(from, 'pending') : null;
}

/** The name of the product in texts for people. */
const product = 'Despatch';
const askAgain = 'Please ask the person that invited you to send you another one';

/** What people read whose link does not let them in (spec 04, section 4.3). */
export const linkTexts = {
  unreadable: 'Something’s wrong with this link. Make sure you’ve copied the whole thing.',
  expired: `Your invitation to ${product} has expired. ${askAgain}`,
  cancelled: `Your invitation to ${product} has been cancelled. ${askAgain}`,
  accepted: `Your invitation to ${product} has been accepted already.`,
  otherAddress: `This invitation is for another email address. Sign in with the address that it was sent to`,
} as const;

const purpose = 'invitation';
/** The page that opens the links, below ADMIN_BASE_URL. */
export const invitationPath = '/invitation/';

/** The token of a link to an invite, made when it is sent. */
export function makeInviteToken(cipher: Cipher, inviteId: string, sentAt: Date): string {
  return sealToken(cipher, purpose, [inviteId, sentAt.getTime()]);
}

/** null if the token was not made by this installation for an invite, or was changed. The link may have ended. */
export function readInviteToken(
  cipher: Cipher,
  token: string,
): Readonly<{ inviteId: string; sentAt: Date }> | null {
  const values = openToken(cipher, purpose, token) as [string, number] | null;
  return values && { inviteId: values[0], sentAt: new Date(values[1]) };
}

/**
 * The scheme and host that a body gives for links, without a slash at its end; null if it is no web address or has more
 * than that.
 */
export function originOf(text: string): string | null {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return null;
  return url.href === `${url.origin}/` ? url.origin : null;
}

export const inviteSchema = Type.Object(
  {
    id: uuid(),
    service: uuid(),
    email_address: Type.String(),
    from_user: uuid('Who sent it last.'),
    from_user_name: Type.String(),
    permissions: Type.String({
      description: 'What the person may do once a member, separated by commas.',
      examples: ['send_texts,view_activity'],
    }),
    folder_permissions: Type.Array(uuid(), { description: 'The template folders that the person may use.' }),
    auth_type: oneOf(authTypes),
    status: oneOf([...inviteStatuses, 'expired']),
    created_at: { ...time, description: 'When it was sent last.' },
    expires_at: { ...time, description: 'Until when it can be accepted, if it is pending.' },
  },
  { $id: 'Invite' },
);

export function showInvite(invite: Invite, days: number, now: number): Static<typeof inviteSchema> {
  return {
    id: invite.id,
    service: invite.serviceId,
    email_address: invite.emailAddress,
    from_user: invite.fromUser,
    from_user_name: invite.fromUserName,
    permissions: invite.permissions.join(','),
    folder_permissions: [...invite.folderPermissions],
    auth_type: invite.authType,
    status: statusOf(invite, days, now),
    created_at: isoMicroseconds(invite.createdAt),
    expires_at: isoMicroseconds(endOf(invite.createdAt, days)),
  };
}
