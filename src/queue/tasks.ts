import type { RawBuilder } from 'kysely';
import type { Trx } from '../database/connection.ts';
import type { Queue, QueueName } from './define.ts';

/** Writes tasks. A task whose id is queued already is left as it is. */
export type Send = <Payload>(queue: Queue<Payload>, tasks: readonly NewTask<Payload>[]) => Promise<void>;

export type NewTask<Payload> = Readonly<{
  id: string;
  payload: Payload;
  /** Higher goes first; 0 by default. */
  priority?: number;
  startAfterSeconds?: number;
  /** Of the request that it results from, with its trace (`Task.carried`). */
  requestId?: string | undefined;
}>;

/** A transaction that also writes tasks, and collects the queues to wake after its commit. */
export type QueueTransaction = Readonly<{
  trx: Trx;
  send: Send;
  /** Removes tasks from their queues or puts them back, together with the transaction's other writes. */
  settle(tasks: readonly Settled[]): Promise<void>;
  /** CTEs that remove tasks that are done, for a statement that writes more. */
  ending(tasks: readonly Omit<Settled, 'settlement'>[]): readonly RawBuilder<unknown>[];
  /** Wakes the queue's workers in all processes once the transaction has committed. */
  announce(queue: QueueName): void;
}>;

/** A task that this process holds. `holds` distinguishes this hold from a later one, perhaps by another process. */
export type HeldTask = Readonly<{
  id: string;
  holds: number;
  /** Not checked yet. */
  payload: unknown;
  priority: number;
  /** How often it was put back to be tried again. */
  attempt: number;
  /** How many seconds before its next try it was made due (`Queues.makeDue`); 0: it was not. */
  earlySeconds: number;
  /** `Task.carried`. */
  carried: string | undefined;
  /** What it is about, if the process that wrote it held it at once (`Consumer.take`): saves reading it again. */
  known?: unknown;
  /** It has no row of its own, but is one of these. */
  batch?: HeldBatch;
}>;

/**
 * Tasks that the process which wrote them holds from the start: one row for all of them, until the last has ended. One that
 * is to be tried again gets a row of its own; if their holder is lost, all of them do.
 */
export type HeldBatch = Readonly<{
  id: string;
  /** The ids of those that have not ended. */
  open: Set<string>;
}>;

/**
 * What becomes of a task. `parked`: it stays in its queue, but is not taken again until an operator resumes it.
 * `retryAfterSeconds` counts as a try, `waitSeconds` does not: the task was only too early. `waitsFor`: what may make
 * it due before that (`Queues.makeDue`).
 */
export type Settlement =
  | 'done'
  | 'parked'
  | Readonly<{ retryAfterSeconds: number; waitsFor?: string | null }>
  | Readonly<{ waitSeconds: number; waitsFor?: string | null }>;

export type Settled = Readonly<{ queue: QueueName; held: HeldTask; settlement: Settlement }>;
