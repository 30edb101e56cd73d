import { type Static, Type } from 'typebox';
import type { ServiceBranding } from '../../database/tables.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { changesOf } from '../event/store.ts';
import type { DailyLimit, Permission } from './service.ts';

/** A version of a key of a service. */
export type KeyVersion = Readonly<{
  id: string;
  name: string;
  createdAt: Date;
  updatedAt: Date | null;
  endedAt: Date | null;
  createdBy: string;
}>;

/** A service as the admin API shows it (spec 04, section 1.1). */
export type ServiceRecord = Readonly<{
  id: string;
  name: string;
  active: boolean;
  restricted: boolean;
  researchMode: boolean;
  emailFrom: string;
  prefixSms: boolean;
  permissions: readonly Permission[];
  contactLink: string | null;
  branding: ServiceBranding;
  organisation: string | null;
  rateLimit: number;
  limits: Readonly<Record<DailyLimit, number>>;
  /** Default entries; null if there is none. */
  smsSender: string | null;
  replyTo: string | null;
  /** Author of this version. */
  createdBy: string;
  createdAt: Date;
  updatedAt: Date | null;
  version: number;
  archivedAt: Date | null;
  wentLiveAt: Date | null;
  wentLiveBy: string | null;
  /** The open request to go live. */
  liveRequestedAt: Date | null;
  liveRequestedBy: string | null;
  users: readonly string[];
  callbacks: readonly Readonly<{ callback_id: string; callback_type: string }>[];
}>;

const limit = (of: string) => Type.Integer({ description: `${of} a day.` });

export const serviceSchema = Type.Object(
  {
    id: uuid(),
    name: Type.String(),
    active: Type.Boolean(),
    restricted: Type.Boolean({ description: 'In trial mode: sends only to its team and guest list.' }),
    research_mode: Type.Boolean({ description: 'Whether messages are only simulated.' }),
    email_from: Type.String({ description: 'Local part of the address that its emails are sent from.' }),
    prefix_sms: Type.Boolean({ description: 'Whether its texts begin with its name.' }),
    permissions: Type.Array(Type.String()),
    can_send_letters: Type.Boolean(),
    can_send_international_sms: Type.Boolean(),
    message_limit: limit('The highest of the limits of texts, emails and letters'),
    sms_message_limit: limit('Texts'),
    email_message_limit: limit('Emails'),
    letter_message_limit: limit('Letters'),
    international_sms_message_limit: limit('Texts abroad'),
    rate_limit: Type.Integer({ description: 'Requests a minute for each type of key.' }),
    sms_sender: orNull(Type.String(), 'The default sender of texts.'),
    reply_to_email_address: orNull(Type.String(), 'The default address for replies.'),
    contact_link: orNull(Type.String(), 'Shown to recipients of its files.'),
    branding: oneOf(['govuk', 'org', 'both'], 'Whether its emails show the organisation: `org`, `both`.'),
    organisation: orNull(uuid()),
    created_by: uuid('The author of this version.'),
    created_at: time,
    updated_at: orNull(time),
    version: Type.Integer(),
    users: Type.Array(uuid()),
    service_callback_api: Type.Array(Type.Object({ callback_id: uuid(), callback_type: Type.String() })),
    go_live_at: orNull(Type.String()),
    go_live_user: orNull(uuid()),
    has_active_go_live_request: Type.Boolean(),
    go_live_requested_at: orNull(time),
    go_live_requested_by: orNull(uuid()),
  },
  { $id: 'Service' },
);
export type ShownService = Static<typeof serviceSchema>;

export function showService(service: ServiceRecord): ShownService {
  const { limits, permissions, wentLiveAt, liveRequestedAt } = service;
  return {
    id: service.id,
    name: service.name,
    active: service.active,
    restricted: service.restricted,
    research_mode: service.researchMode,
    email_from: service.emailFrom,
    prefix_sms: service.prefixSms,
    // It has a route of its own (spec 04, section 1.14).
    permissions: permissions.filter((one) => one !== 'suppress_failed_recipients'),
    can_send_letters: permissions.includes('letter'),
    can_send_international_sms: permissions.includes('international_sms'),
    message_limit: Math.max(limits.sms, limits.email, limits.letter),
    sms_message_limit: limits.sms,
    email_message_limit: limits.email,
    letter_message_limit: limits.letter,
    international_sms_message_limit: limits.international_sms,
    rate_limit: service.rateLimit,
    sms_sender: service.smsSender,
    reply_to_email_address: service.replyTo,
    contact_link: service.contactLink,
    branding: service.branding,
    organisation: service.organisation,
    created_by: service.createdBy,
    created_at: isoMicroseconds(service.createdAt),
    updated_at: service.updatedAt && isoMicroseconds(service.updatedAt),
    version: service.version,
    users: [...service.users],
    service_callback_api: [...service.callbacks],
    // This one field has the form of 2017 (spec 04, section 1.1).
    go_live_at: wentLiveAt && isoMicroseconds(wentLiveAt).replace('T', ' ').replace('Z', ''),
    go_live_user: service.wentLiveBy,
    has_active_go_live_request: liveRequestedAt !== null,
    go_live_requested_at: liveRequestedAt && isoMicroseconds(liveRequestedAt),
    go_live_requested_by: service.liveRequestedBy,
  };
}

/** What an event tells of a change. */
export function differences(before: ShownService, after: ShownService) {
  return changesOf(before, after, ['version', 'updated_at', 'created_by']);
}
