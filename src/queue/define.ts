import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { QueueName } from './names.ts';

/** The address of a queue: its name, the shape of its payloads and what is done when a task fails. */
export type Queue<Payload> = Readonly<{
  name: QueueName;
  /** The payload, or null when it is not of the queue's shape. */
  parse: (data: unknown) => Payload | null;
  /** A new kind of type parameter use, so that queues of different payloads are not interchangeable. */
  payload?: Payload;
}>;

export function defineQueue<Schema extends TSchema>(name: QueueName, schema: Schema): Queue<Static<Schema>> {
  const compiled = Compile(schema);
  return Object.freeze({
    name,
    parse: (data: unknown) => (compiled.Check(data) ? (data as Static<Schema>) : null),
  });
}
