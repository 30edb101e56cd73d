import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';

/** The address of a queue: its name and the shape of its payloads. */
export type Queue<Payload> = Readonly<{
  name: QueueName;
  /** Checks that a payload has the queue's shape. */
  payloads: Pick<Validator, 'Check'>;
  /** Never set: it makes the types of queues with different payloads incompatible. */
  payload?: Payload;
}>;

export function defineQueue<Schema extends TSchema>(name: QueueName, schema: Schema): Queue<Static<Schema>> {
  return Object.freeze({ name, payloads: Compile(schema) });
}

/**
 * The queues (spec 05, section 1.2). Retries stay in their own queue with a later start, and a template's priority is a
 * priority inside `send-*`, so there is neither a retry nor a priority queue.
 */
export const queueNames = [
  'process-job',
  'process-report-request',
  'bulk-sms',
  'bulk-email',
  'db-sms',
  'db-email',
  'send-sms',
  'send-email',
  'notify-internal',
  'research-mode',
  'research-receipts',
  'receipts',
  'service-callbacks',
] as const;

/**
 * The two queues before a message is persisted are the table `accepted` (docs/decisions/0009), and the callback queue
 * is the table `service_callbacks` (docs/decisions/0011); the others are queues of tasks.
 */
const tables: readonly string[] = ['db-sms', 'db-email', 'service-callbacks'];
export const taskQueueNames = queueNames.filter((name) => !tables.includes(name));

export type QueueName = (typeof queueNames)[number];
