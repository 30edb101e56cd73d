/**
 * The queues (spec 05 section 1.2, DESIGN section 4). Retries stay in their own queue with a later start, and the
 * priority of a template is a priority inside `send-*`, so there is neither a retry nor a priority queue.
 */
export const queueNames = [
  'db-sms',
  'db-email',
  'send-sms',
  'send-email',
  'notify-internal',
  'research-mode',
  'research-receipts',
  'receipts',
] as const;

/**
 * The two queues before a message is persisted are the table `accepted` itself (docs/decisions/0009); the others are
 * queues of tasks.
 */
export const taskQueueNames = queueNames.filter((name) => name !== 'db-sms' && name !== 'db-email');

export type QueueName = (typeof queueNames)[number];
