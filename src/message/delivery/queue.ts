import { type Static, Type } from 'typebox';
import type { KeyType, NotificationType } from '../../database/tables.ts';
import { defineQueue, type Queue } from '../../queue/define.ts';
import type { NewTask, Send } from '../../queue/tasks.ts';

/** A persisted message to hand to a provider: the task has its id. Everything else is read when it is sent. */
const payload = Type.Object({
  /** Which task it is, `deliver_sms` or `deliver_email`: some queues carry both. */
  type: Type.Union([Type.Literal('sms'), Type.Literal('email')]),
});
export type DeliverPayload = Static<typeof payload>;

export const sendSms = defineQueue('send-sms', payload);
export const sendEmail = defineQueue('send-email', payload);
/** The platform's own messages, such as sign-in codes: never behind those of services. */
export const notifyInternal = defineQueue('notify-internal', payload);
/** Messages sent with test keys or by services in research mode: no provider gets them. */
export const researchMode = defineQueue('research-mode', payload);

/** All queues that messages are delivered from. */
export const deliverQueues = [sendSms, sendEmail, notifyInternal, researchMode] as const;
/** The queues whose messages go to providers. */
export const providedQueueNames = [sendSms.name, sendEmail.name, notifyInternal.name] as const;

/** The queues that messages of a type go to. `main`: that of services' live messages. */
export function deliverQueuesOf(type: NotificationType) {
  const main = type === 'sms' ? sendSms.name : sendEmail.name;
  return { main, all: [main, notifyInternal.name, researchMode.name] } as const;
}

/** A message and the queue that it is delivered from. */
export type Delivery = Readonly<{ queue: Queue<DeliverPayload>; task: NewTask<DeliverPayload> }>;

/** Writes the tasks into their queues, with one statement per queue. */
export async function sendDeliveries(send: Send, deliveries: readonly Delivery[]): Promise<void> {
  for (const queue of new Set(deliveries.map((delivery) => delivery.queue)))
    await send(
      queue,
      deliveries.filter((delivery) => delivery.queue === queue).map(({ task }) => task),
    );
}

/** Classes of messages; a higher one goes first (docs/decisions/0014). */
export const priorities = { priorityTemplate: 20, api: 10, csv: 0 } as const;

/** The most steps that a service can be behind within its class. */
export const mostSteps = 999;

/**
 * A task's priority: its class first; within a class, the fewer steps the service is behind, the sooner the task runs
 * (docs/decisions/0014). No number of steps reaches the next class.
 */
export function taskPriority(priority: number, steps: number): number {
  return priority * (mostSteps + 1) - steps;
}

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
