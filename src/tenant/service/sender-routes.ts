import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { smsSender } from '../../config/delivery.ts';
import type { Db, Trx } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, noResultFound, Problem } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors, plainErrors } from '../../http/server/error-format.ts';
import type { Formats } from '../../http/validate/check.ts';
import { orNull, time, uuid } from '../../http/validate/shapes.ts';
import { changesOf, hasEvent, recordEvent } from '../event/store.ts';
import { platformTemplateIds, type SendPlatformMessage } from '../user/platform-message.ts';
import { areServices } from './store.ts';
import {
  addSender,
  archiveSender,
  changeSender,
  findSenders,
  isTaken,
  lockSenders,
  type SenderKind,
  type SenderRecord,
} from './store-senders.ts';

export type SenderRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  /** An email address as it is stored; null if it is none. */
  parseEmail: (text: string) => string | null;
  sendPlatformMessage: SendPlatformMessage;
  /** The status of a message of the platform; null if there is none with this id. */
  findPlatformStatus: (id: string) => Promise<string | null>;
}>;

/** What the two kinds of sender call things and say (spec 04, section 1.12). */
const texts = {
  sms: {
    event: 'sms_sender',
    needsDefault: 'You must have at least one SMS sender as the default',
    keepsDefault: 'You cannot delete a default sms sender',
  },
  email: {
    event: 'email_reply_to',
    needsDefault: 'You must have at least one reply to email address as the default.',
    keepsDefault: 'You cannot delete a default email reply to address',
  },
} as const;

const fields = {
  id: uuid(),
  service_id: uuid(),
  is_default: Type.Boolean(),
  archived: Type.Boolean(),
  created_at: time,
  updated_at: orNull(time),
};
const replyTo = Type.Object({ ...fields, email_address: Type.String() }, { $id: 'ReplyToAddress' });
const sender = Type.Object(
  {
    ...fields,
    sms_sender: Type.String(),
    inbound_number_id: orNull(uuid(), 'The number for received texts that it is; null for any other.'),
  },
  { $id: 'SmsSender' },
);
const isDefault = Type.Boolean({
  description: 'Used where a message names none. The default before is none any more; there is always one.',
});
const replyToBody = Type.Object({
  email_address: Type.String({ format: 'email_address' }),
  is_default: isDefault,
});
const senderBody = Type.Object({
  sms_sender: Type.String({
    format: 'sms_sender',
    description:
      '3 to 11 letters, digits, spaces and `.`, `_`, `&`, `-`, with a letter or digit; or a number of 5 to 15 digits.',
  }),
  is_default: isDefault,
  inbound_number_id: Type.Optional(
    orNull(uuid(), 'As it is: `POST /inbound-number/service/{service_id}` gives a service a number.'),
  ),
});

const common = { tag: 'Administration', authentication: 'admin', errors: adminSchemaErrors } as const;
// Whoever sends chooses among them.
const reading = { ...common, method: 'GET', permission: 'member' } as const;
const writing = { ...common, method: 'POST', permission: 'manage_settings' } as const;
const ofService = Type.Object({ service_id: uuid() });
const withId = Type.Object({ service_id: uuid(), sender_id: uuid() });
const pathOf = (kind: string) => `/service/${uuidPart('service_id')}/${kind}`;
const refusals = {
  400: { description: 'The body is invalid, or there would be no default.' },
  404: { description: 'There is no such service, or it has no such entry.' },
};
const taken = { 409: { description: 'The service has this address already.' } };

const replyToPath = pathOf('email-reply-to');
const replyTos = {
  list: defineRoute({
    ...reading,
    path: replyToPath,
    handlerName: 'service.get_email_reply_to_addresses',
    summary: 'List the reply-to addresses of a service',
    description: 'The default first, then the newest.',
    params: ofService,
    answers: { 200: { description: 'The addresses.', schema: Type.Array(replyTo) } },
    handler: async ({ db }: SenderRouteDeps, { params }) =>
      (await findSenders(db, 'email', params.service_id)).map(showReplyTo),
  }),
  read: defineRoute({
    ...reading,
    path: `${replyToPath}/${uuidPart('sender_id')}`,
    handlerName: 'service.get_email_reply_to_address',
    summary: 'Read a reply-to address of a service',
    params: withId,
    answers: { 200: { description: 'The address.', schema: replyTo }, 404: refusals[404] },
    handler: async ({ db }: SenderRouteDeps, { params }) => showReplyTo(await readOne(db, 'email', params)),
  }),
  add: defineRoute({
    ...writing,
    path: replyToPath,
    handlerName: 'service.add_service_reply_to_email_address',
    summary: 'Add a reply-to address to a service',
    description: 'The first one has to be the default.',
    params: ofService,
    body: replyToBody,
    example: { email_address: 'desk@example.com', is_default: true },
    answers: {
      201: { description: 'The address.', schema: Type.Object({ data: replyTo }) },
      ...{ ...refusals, ...taken },
    },
    formats: emailFormat,
    handler: async (deps: SenderRouteDeps, { params, body, actorId }) => ({
      data: showReplyTo(await add(deps, 'email', params.service_id, replyToIn(deps, body), actorId)),
    }),
  }),
  change: defineRoute({
    ...writing,
    path: `${replyToPath}/${uuidPart('sender_id')}`,
    handlerName: 'service.update_service_reply_to_email_address',
    summary: 'Change a reply-to address of a service',
    params: withId,
    body: replyToBody,
    example: { email_address: 'office@example.com', is_default: true },
    answers: {
      200: { description: 'The address.', schema: Type.Object({ data: replyTo }) },
      ...{ ...refusals, ...taken },
    },
    formats: emailFormat,
    handler: async (deps: SenderRouteDeps, { params, body, actorId }) => ({
      data: showReplyTo(await change(deps, 'email', params, replyToIn(deps, body), actorId)),
    }),
  }),
  archive: defineRoute({
    ...writing,
    path: `${replyToPath}/${uuidPart('sender_id')}/archive`,
    handlerName: 'service.delete_service_reply_to_email_address',
    summary: 'Delete a reply-to address of a service',
    description: 'The default cannot be deleted: make another one the default first.',
    params: withId,
    answers: { 200: { description: 'The address.', schema: Type.Object({ data: replyTo }) }, ...refusals },
    handler: async (deps: SenderRouteDeps, { params, actorId }) => ({
      data: showReplyTo(await archive(deps, 'email', params, actorId)),
    }),
  }),
};

const senderPath = pathOf('sms-sender');
const smsSenders = {
  list: defineRoute({
    ...reading,
    path: senderPath,
    handlerName: 'service.get_service_sms_senders_for_service',
    summary: 'List the SMS senders of a service',
    description: 'The default first, then the newest.',
    params: ofService,
    answers: { 200: { description: 'The senders.', schema: Type.Array(sender) } },
    handler: async ({ db }: SenderRouteDeps, { params }) =>
      (await findSenders(db, 'sms', params.service_id)).map(showSender),
  }),
  read: defineRoute({
    ...reading,
    path: `${senderPath}/${uuidPart('sender_id')}`,
    handlerName: 'service.get_service_sms_sender_by_id',
    summary: 'Read an SMS sender of a service',
    params: withId,
    answers: { 200: { description: 'The sender.', schema: sender }, 404: refusals[404] },
    handler: async ({ db }: SenderRouteDeps, { params }) => showSender(await readOne(db, 'sms', params)),
  }),
  add: defineRoute({
    ...writing,
    path: senderPath,
    handlerName: 'service.add_service_sms_sender',
    summary: 'Add an SMS sender to a service',
    description: 'The first one has to be the default.',
    params: ofService,
    body: senderBody,
    example: { sms_sender: 'HARBOUR', is_default: true },
    answers: { 201: { description: 'The sender.', schema: sender }, ...refusals },
    formats: () => smsFormat,
    async handler(deps: SenderRouteDeps, { params, body, actorId }) {
      if (body.inbound_number_id)
        throw badRequest(
          'A sender cannot be made of an inbound number: POST /inbound-number/service/<service id> gives the service the number and adds the sender',
        );
      return showSender(await add(deps, 'sms', params.service_id, senderIn(body), actorId));
    },
  }),
  change: defineRoute({
    ...writing,
    path: `${senderPath}/${uuidPart('sender_id')}`,
    handlerName: 'service.update_service_sms_sender',
    summary: 'Change an SMS sender of a service',
    description: 'Of an inbound number, only whether it is the default can be changed.',
    params: withId,
    body: senderBody,
    example: { sms_sender: 'HARBOUR', is_default: true },
    answers: { 200: { description: 'The sender.', schema: sender }, ...refusals },
    formats: () => smsFormat,
    handler: async (deps: SenderRouteDeps, { params, body, actorId }) =>
      showSender(await change(deps, 'sms', params, senderIn(body), actorId)),
  }),
  archive: defineRoute({
    ...writing,
    path: `${senderPath}/${uuidPart('sender_id')}/archive`,
    handlerName: 'service.delete_service_sms_sender',
    summary: 'Delete an SMS sender of a service',
    description: 'Neither the default nor an inbound number can be deleted.',
    params: withId,
    answers: { 200: { description: 'The sender.', schema: Type.Object({ data: sender }) }, ...refusals },
    handler: async (deps: SenderRouteDeps, { params, actorId }) => ({
      data: showSender(await archive(deps, 'sms', params, actorId)),
    }),
  }),
};

const verifyPath = `${replyToPath}/verify`;
const verification = 'verify_email_reply_to';
const verifications = {
  // Its errors have the form of other bodies with `email`.
  send: defineRoute({
    ...{ ...writing, errors: plainErrors },
    path: verifyPath,
    handlerName: 'service.verify_reply_to_email_address',
    summary: 'Check that a reply-to address receives email',
    description: 'Sends an email of the platform there. Add the address once that is `delivered`.',
    params: ofService,
    body: Type.Object({ email: Type.String({ format: 'email_address', maxLength: 320 }) }),
    example: { email: 'quay@example.com' },
    answers: {
      201: {
        description: 'The id of the email.',
        schema: Type.Object({ data: Type.Object({ id: uuid() }) }),
      },
      400: { description: '`email` is missing or invalid.' },
      404: { description: 'There is no such service.' },
      ...taken,
    },
    formats: emailFormat,
    handler: async (deps: SenderRouteDeps, { params, body, actorId }) => ({
      data: { id: await verify(deps, params.service_id, deps.parseEmail(body.email)!, actorId) },
    }),
  }),
  read: defineRoute({
    ...{ ...reading, permission: 'manage_settings' },
    path: `${verifyPath}/${uuidPart('notification_id')}`,
    handlerName: 'service.get_reply_to_verification',
    summary: 'Read what became of the check of a reply-to address',
    params: Type.Object({ service_id: uuid(), notification_id: uuid() }),
    answers: {
      200: {
        description: 'The status of the email.',
        schema: Type.Object({ data: Type.Object({ id: uuid(), status: Type.String() }) }),
      },
      404: { description: 'The service has no such check, or it is too old.' },
    },
    async handler(deps: SenderRouteDeps, { params: { service_id: serviceId, notification_id: id } }) {
      const isOwn = await hasEvent(deps.db, { serviceId, type: verification, subjectId: id });
      const status = isOwn ? await deps.findPlatformStatus(id) : null;
      if (status === null) throw noResultFound();
      return { data: { id, status } };
    },
  }),
};

/** Senders and reply-to addresses of a service (spec 04, section 1.12). */
export const senderRoutes = [
  ...Object.values(replyTos),
  ...Object.values(verifications),
  ...Object.values(smsSenders),
];

function emailFormat({ parseEmail }: SenderRouteDeps): Formats {
  return { email_address: (text) => (parseEmail(text) === null ? 'Not a valid email address' : null) };
}

const smsFormat: Formats = {
  sms_sender: (text) =>
    smsSender.test(text)
      ? null
      : 'must be 3 to 11 letters, digits, spaces and . _ & - with a letter or digit, or a number of 5 to 15 digits',
};

/** What a body says of a sender. `numberId`: undefined if it says nothing of a number. */
type Wanted = Readonly<{ text: string; isDefault: boolean; numberId?: string | null | undefined }>;

function replyToIn({ parseEmail }: SenderRouteDeps, body: Static<typeof replyToBody>): Wanted {
  return { text: parseEmail(body.email_address)!, isDefault: body.is_default };
}

function senderIn({ sms_sender, is_default, inbound_number_id }: Static<typeof senderBody>): Wanted {
  return {
    text: sms_sender,
    isDefault: is_default,
    numberId: inbound_number_id?.toLowerCase() ?? inbound_number_id,
  };
}

type Params = Readonly<{ service_id: string; sender_id: string }>;

async function readOne(
  db: Db | Trx,
  kind: SenderKind,
  { service_id, sender_id }: Params,
): Promise<SenderRecord> {
  const [found] = await findSenders(db, kind, service_id, sender_id);
  if (!found) throw noResultFound();
  return found;
}

/** Runs `work` while nobody else changes the senders of the service; throws a Problem if there is no such service. */
async function alone<Value>(
  { db }: SenderRouteDeps,
  serviceId: string,
  text: string,
  work: (trx: Trx) => Promise<Value>,
): Promise<Value> {
  try {
    return await db.transaction().execute(async (trx) => {
      if (!(await lockSenders(trx, serviceId))) throw noResultFound();
      return await work(trx);
    });
  } catch (error) {
    throw isTaken(error) ? alreadyThere(text) : error;
  }
}

function alreadyThere(address: string): Problem {
  const message = `‘${address}’ is already a reply-to email address for this service.`;
  return new Problem(409, [{ error: 'BadRequestError', message }]);
}

/**
 * Sends an email to see whether the address works, and returns its id. The event says which service asked for it: only
 * there can its status be read, since the email is one of the platform's own service.
 */
async function verify(
  { db, clock, sendPlatformMessage }: SenderRouteDeps,
  serviceId: string,
  address: string,
  userId: string | null,
): Promise<string> {
  const [isKnown] = await areServices(db, [serviceId]);
  if (!isKnown) throw noResultFound();
  const own = await findSenders(db, 'email', serviceId);
  if (own.some(({ text }) => text.toLowerCase() === address.toLowerCase())) throw alreadyThere(address);
  const id = await sendPlatformMessage({
    templateId: platformTemplateIds.replyToVerification,
    recipient: address,
    personalisation: {},
  });
  const data = { before: null, after: { email_address: address } };
  const event = { type: verification, serviceId, userId, subjectId: id, data };
  await recordEvent(db, event, new Date(clock.now()));
  return id;
}

function add(
  deps: SenderRouteDeps,
  kind: SenderKind,
  serviceId: string,
  { text, isDefault }: Wanted,
  actorId: string | null,
): Promise<SenderRecord> {
  const at = new Date(deps.clock.now());
  return alone(deps, serviceId, text, async (trx) => {
    const others = await findSenders(trx, kind, serviceId);
    if (!isDefault && !others.some((other) => other.isDefault)) throw badRequest(texts[kind].needsDefault);
    const added = await addSender(trx, kind, { serviceId, id: randomUUID(), text, isDefault, at });
    await record(trx, 'create', kind, actorId, null, added, at);
    return added;
  });
}

function change(
  deps: SenderRouteDeps,
  kind: SenderKind,
  params: Params,
  { text, isDefault, numberId }: Wanted,
  actorId: string | null,
): Promise<SenderRecord> {
  const { service_id: serviceId, sender_id: id } = params;
  const at = new Date(deps.clock.now());
  return alone(deps, serviceId, text, async (trx) => {
    const before = await readOne(trx, kind, params);
    const { inboundNumberId } = before;
    const isOther = numberId !== undefined && numberId !== null && numberId !== inboundNumberId;
    if (isOther || (inboundNumberId !== null && text !== before.text))
      throw badRequest(`You can not change the inbound number for service ${serviceId}`);
    if (before.isDefault && !isDefault) throw badRequest(texts[kind].needsDefault);
    const after = await changeSender(trx, kind, { serviceId, id, text, isDefault, at });
    await record(trx, 'update', kind, actorId, before, after, at);
    return after;
  });
}

function archive(
  deps: SenderRouteDeps,
  kind: SenderKind,
  params: Params,
  actorId: string | null,
): Promise<SenderRecord> {
  const { service_id: serviceId, sender_id: id } = params;
  const at = new Date(deps.clock.now());
  return alone(deps, serviceId, '', async (trx) => {
    const before = await readOne(trx, kind, params);
    if (before.inboundNumberId !== null) throw badRequest('You cannot delete an inbound number');
    if (before.isDefault) throw badRequest(texts[kind].keepsDefault);
    const after = await archiveSender(trx, kind, { serviceId, id, at });
    await record(trx, 'archive', kind, actorId, before, after, at);
    return after;
  });
}

async function record(
  trx: Trx,
  verb: 'create' | 'update' | 'archive',
  kind: SenderKind,
  userId: string | null,
  before: SenderRecord | null,
  after: SenderRecord,
  at: Date,
): Promise<void> {
  const { id: subjectId, serviceId } = after;
  const show = (one: SenderRecord) => (kind === 'sms' ? showSender(one) : showReplyTo(one));
  const data = changesOf(before && show(before), show(after));
  await recordEvent(trx, { type: `${verb}_${texts[kind].event}`, serviceId, userId, subjectId, data }, at);
}

function showCommon({ id, serviceId, isDefault, archived, createdAt, updatedAt }: SenderRecord) {
  return {
    id,
    service_id: serviceId,
    is_default: isDefault,
    archived,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
  };
}

function showReplyTo(one: SenderRecord) {
  return { ...showCommon(one), email_address: one.text };
}

function showSender(one: SenderRecord) {
  return { ...showCommon(one), sms_sender: one.text, inbound_number_id: one.inboundNumberId };
}
