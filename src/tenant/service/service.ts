import { decomposed } from '../../ground/text.ts';
import type { Organisation } from '../organisation/store.ts';

/** A tenant: an organisation that sends messages under its own name. */
export type Service = Readonly<{
  id: string;
  name: string;
  active: boolean;
  /** In trial mode: may send only to its team and guest list (spec 01, section 5.3). */
  restricted: boolean;
  researchMode: boolean;
  /** Local part of the address that its emails are sent from. */
  emailFrom: string;
  /** Whether its name is put in front of its texts. */
  prefixSms: boolean;
  permissions: ReadonlySet<Permission>;
  /** Requests per minute and key type (spec 01, section 4.1). */
  rateLimit: number;
  /** Messages per day (spec 01, section 4.2). */
  limits: Readonly<Record<DailyLimit, number>>;
  /** Recipients of its team and its guest list, as entered (content/recipient/allow-list.ts compares). */
  allowed: readonly string[];
  smsSenders: readonly Sender[];
  emailReplyTos: readonly Sender[];
  /** Contact for recipients of its files: a URL, email address or phone number; null if it may not send files. */
  contactLink: string | null;
  /** Whose look its emails have; null: they have none. */
  organisation: Organisation | null;
}>;

/** The names of the daily limits in errors and headers. */
export type DailyLimit = 'sms' | 'email' | 'letter' | 'international_sms';

export type Permission =
  | 'sms'
  | 'email'
  | 'letter'
  | 'international_sms'
  | 'sms_to_uk_landlines'
  | 'inbound_sms'
  | 'email_auth'
  | 'edit_folder_permissions'
  | 'international_letters'
  /** `scheduled_for` is honoured. */
  | 'schedule'
  /** Recipients that failed permanently get nothing for a while (docs/decisions/0017). */
  | 'suppress_failed_recipients';

/** What `permissions` of a service may name (spec 04, section 1.11); the others are set in other ways. */
export const servicePermissions: readonly Permission[] = [
  'email',
  'sms',
  'letter',
  'international_sms',
  'inbound_sms',
  'email_auth',
  'edit_folder_permissions',
  'international_letters',
  'sms_to_uk_landlines',
  'schedule',
];

/** Of a new service (spec 04, section 1.2). */
export const defaultPermissions: readonly Permission[] = [
  'sms',
  'email',
  'letter',
  'international_sms',
  'international_letters',
];

/**
 * A name without accents, case and punctuation, words separated by dots: no two services have the same (spec 04, section
 * 1.2). Empty if the name has neither letters nor digits.
 */
export function normalisedName(name: string): string {
  const letters = decomposed(name, 'NFD').replace(/\p{M}/gu, '').trim().toLowerCase().replace(/\s+/g, '.');
  return letters
    .replace(/[^\p{L}\p{N}.]/gu, '')
    .replace(/\.+/g, '.')
    .replace(/^\.|\.$/g, '');
}

/** Whether it can stand before the @ of the address that emails are sent from. */
export function isLocalPart(text: string): boolean {
  const atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+";
  return text.length <= 64 && new RegExp(`^${atom}(?:\\.${atom})*$`).test(text);
}

/** An SMS sender or a reply-to address of a service. */
export type Sender = Readonly<{ id: string; text: string; isDefault: boolean }>;

/** The platform's own service: sign-in codes, invitations (spec 06, section 6.2). */
export const platformServiceId = 'd6aa2c68-a2d9-4437-ab19-3ae8eb202553';

export function defaultSender(senders: readonly Sender[]): Sender | undefined {
  return senders.find(({ isDefault }) => isDefault);
}
