import { type Static, Type } from 'typebox';
import type { KeyType, NotificationType } from '../database/tables.ts';
import { defineQueue, type Queue } from '../queue/define.ts';

/** A persisted message to hand to a provider; everything else is read when it is sent. */
const payload = Type.Object({
  notification_id: Type.String(),
  /** Which task it is, `deliver_sms` or `deliver_email`: not every queue tells. */
  type: Type.Union([Type.Literal('sms'), Type.Literal('email')]),
});
export type DeliverPayload = Static<typeof payload>;

export const sendSms = defineQueue('send-sms', payload);
export const sendEmail = defineQueue('send-email', payload);
/** The platform's own messages (sign-in codes): never behind anybody else's. */
export const notifyInternal = defineQueue('notify-internal', payload);
/** Messages of test keys and of services in research mode: no provider gets them. */
export const researchMode = defineQueue('research-mode', payload);

/** Whatever is delivered is in one of these. */
export const deliverQueues = [sendSms, sendEmail, notifyInternal, researchMode] as const;
/** The queues whose messages providers get. */
export const providedQueueNames = [sendSms.name, sendEmail.name, notifyInternal.name] as const;

/** The queue of a name that `deliverQueueFor` gave. Throws for any other. */
export function deliverQueueNamed(name: string): Queue<DeliverPayload> {
  const queue = deliverQueues.find((one) => one.name === name);
  if (!queue) throw new Error(`${name} is no queue that messages are delivered from.`);
  return queue;
}

/** Higher goes first (DESIGN, section 4). */
export const priorities = { priorityTemplate: 20, api: 10, csv: 0 } as const;

/** Which queue a message is sent from; the first match wins (spec 05, section 1.2). */
export function deliverQueueFor(message: {
  isPlatform: boolean;
  researchMode: boolean;
  keyType: KeyType;
  type: NotificationType;
}): Queue<DeliverPayload> {
  if (message.isPlatform) return notifyInternal;
  if (message.researchMode || message.keyType === 'test') return researchMode;
  return message.type === 'sms' ? sendSms : sendEmail;
}
