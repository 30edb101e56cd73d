import { documentsIn } from '../content/document/link.ts';
import type { Db } from '../database/connection.ts';
import { type Cipher, CipherError } from '../ground/cipher.ts';
import type { Clock } from '../ground/clock.ts';
import { parseLossless } from '../ground/json.ts';
import { moveStatuses, type StatusDeps } from '../message/status/status.ts';
import { cancelScheduled } from '../message/submission/persist.ts';
import type { Queues } from '../queue/queues.ts';
import { recordEvent } from '../tenant/event/store.ts';
import { platformUserId } from '../tenant/user/store.ts';
import {
  eraseAdminAnswers,
  eraseAnswers,
  eraseCallbacks,
  eraseContacts,
  eraseFileRows,
} from './erase-sealed.ts';
import { isOf, without } from './person.ts';
import {
  countPending,
  deleteDocuments,
  deleteGuests,
  deleteReceived,
  deleteReportsOf,
  deleteRows,
  findAccounts,
  findEventsFrom,
  findGuestsFrom,
  findScheduled,
  findSentRows,
  findSuppressionsOf,
  findUnsent,
  replaceEventData,
  type Scope,
} from './store-person.ts';

export type EraseDeps = StatusDeps &
  Readonly<{ db: Db; cipher: Cipher; clock: Clock; queues: Pick<Queues, 'transaction'> }>;

/** Whom to erase. `cancelPending`: what is still to be sent to them is cancelled, and erased too. */
export type Erasure = Scope & Readonly<{ cancelPending: boolean }>;

/** What was erased, and what was found and is still there; each a kind of thing and how many. */
export type Erased = Readonly<{
  erased: Readonly<Record<string, number>>;
  kept: Readonly<Record<string, number>>;
}>;

/**
 * Erases what is personal of a recipient, wherever it is (docs/decisions/0027). Facts without the recipient stay, and so
 * do suppressions and people who sign in. Each step finds what it erases by itself, in transactions of bounded size: so
 * it can be killed at any moment and repeated.
 */
export async function eraseRecipient(deps: EraseDeps, erasure: Erasure): Promise<Erased> {
  // What a job makes messages of comes before the messages.
  const files = await eraseFileRows(deps, erasure);
  const contacts = await eraseContacts(deps, erasure);
  const cancelled = erasure.cancelPending ? await cancelPending(deps, erasure) : 0;
  // Answers know their message only by its id, so they come before it.
  const answers = await eraseAnswers(deps, erasure);
  const sent = await eraseMessages(deps, erasure);
  // Whatever queues a callback after this finds no recipient.
  const callbacks = await eraseCallbacks(deps, erasure);
  const received = await repeat(() => deleteReceived(deps.db, erasure));
  const guests = await eraseGuests(deps, erasure);
  const { users, invites } = await findAccounts(deps.db, erasure);
  const accounts = users.filter(({ recipient }) => isOf(erasure.person, recipient));
  const events = await eraseEvents(deps, erasure, new Set(accounts.map(({ id }) => id)));
  const adminAnswers = await eraseAdminAnswers(deps, erasure);
  const erased = {
    ...{ messages: sent.messages, cancelled_messages: cancelled, files_sent_as_links: sent.documents },
    ...{ reports: sent.reports, callbacks, received_texts: received, rows_of_files: files.erased },
    ...{ rows_of_contact_lists: contacts, guest_list_entries: guests, events },
    ...{ remembered_answers: answers, remembered_admin_answers: adminAnswers },
  };
  const kept = {
    messages_still_to_be_sent: await countPending(deps.db, erasure),
    rows_of_files_still_to_be_sent: files.pending,
    suppressions: (await findSuppressionsOf(deps.db, erasure)).length,
    ...{ people_who_sign_in: accounts.length, invitations: invites.length },
  };
  await record(deps, erasure, erased, kept);
  return { erased, kept };
}

async function record({ db, cipher, clock }: EraseDeps, erasure: Erasure, erased: object, kept: object) {
  const { person, serviceId } = erasure;
  const event = { type: 'erase_recipient', serviceId, userId: platformUserId, subjectId: null };
  const hash = cipher.hash(person.normalised, 'erased recipient');
  const data = { before: null, after: { recipient_hash: hash, erased, kept } };
  await recordEvent(db, { ...event, data }, new Date(clock.now()));
}

/** Cancels messages that no provider can have. Returns how many. */
async function cancelPending(deps: EraseDeps, scope: Scope): Promise<number> {
  const before = await countPending(deps.db, scope);
  const at = new Date(deps.clock.now());
  for (let after: string | null = null; ; ) {
    const found = await findScheduled(deps.db, scope, after);
    if (found.length === 0) break;
    for (const { id, serviceId } of found) await cancelScheduled(deps, serviceId, id, at);
    after = found.at(-1)!.id;
  }
  for (let after: string | null = null; ; ) {
    const found = await deps.queues.transaction(async (transaction) => {
      const ids = await findUnsent(transaction.trx, scope, after);
      const event = { kind: 'cancelled' } as const;
      const moves = ids.map((id) => ({ id, event, at, handOver: null }));
      if (ids.length > 0) await moveStatuses(deps, transaction, 'dao_update_notification', moves);
      return ids;
    });
    if (found.length === 0) break;
    after = found.at(-1)!;
  }
  return Math.max(0, before - (await countPending(deps.db, scope)));
}

/** Erases messages that nobody is going to send any more, with the files that their links open. */
async function eraseMessages({ db, cipher }: EraseDeps, scope: Scope) {
  const sum = { messages: 0, documents: 0, reports: 0 };
  await repeat(() =>
    db.transaction().execute(async (trx) => {
      const rows = await findSentRows(trx, scope);
      if (rows.length === 0) return 0;
      const services = [...new Set(rows.map(({ serviceId }) => serviceId))];
      const documents = rows.flatMap(({ id, personalisation }) =>
        documentsIn(opened(cipher, personalisation, id)),
      );
      sum.documents += await deleteDocuments(trx, services, documents);
      sum.reports += await deleteReportsOf(trx, services, scope.person.type);
      await deleteRows(
        trx,
        rows.map(({ id }) => id),
      );
      sum.messages += rows.length;
      return rows.length;
    }),
  );
  return sum;
}

/** What cannot be opened has no links that anybody could follow. */
function opened(cipher: Cipher, sealed: Buffer, id: string): string {
  try {
    return cipher.open(sealed, id);
  } catch (error) {
    if (error instanceof CipherError) return '';
    throw error;
  }
}

async function eraseGuests({ db }: EraseDeps, { person, ...scope }: Scope): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const found = await findGuestsFrom(db, scope, after);
    if (found.length === 0) return count;
    const own = found.filter(({ recipient }) => isOf(person, recipient));
    if (own.length > 0) await db.transaction().execute((trx) => deleteGuests(trx, own));
    count += own.length;
    after = found.at(-1)!.id;
  }
}

/** Takes the recipient out of what events say, but for events about people who sign in: `accounts`, their ids. */
async function eraseEvents({ db }: EraseDeps, scope: Scope, accounts: ReadonlySet<string>): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const { last, events } = await findEventsFrom(db, scope, after);
    if (last === null) return count;
    for (const event of events) {
      if (event.subjectId !== null && accounts.has(event.subjectId)) continue;
      const now = without(scope.person, parseLossless(event.data), 'erased');
      if (now === null) continue;
      await replaceEventData(db, event, now);
      count += 1;
    }
    after = last;
  }
}

/** Repeats until nothing is left. Returns the sum. */
async function repeat(work: () => Promise<number>): Promise<number> {
  for (let sum = 0; ; ) {
    const count = await work();
    if (count === 0) return sum;
    sum += count;
  }
}
