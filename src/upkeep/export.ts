import type { Db } from '../database/connection.ts';
import type { Cipher } from '../ground/cipher.ts';
import { isoMicroseconds } from '../ground/clock.ts';
import { findInboundSms } from '../message/receipt/inbound/store.ts';
import { filesOf, recordsOf, sealedColumn } from './erase-sealed.ts';
import { isOf, mayName } from './person.ts';
import {
  type FileRow,
  findAccounts,
  findGuestsFrom,
  findMessages,
  findServiceNames,
  findSuppressionsOf,
  findTexted,
  type Scope,
} from './store-person.ts';
import { rewriteValues } from './walk-sealed.ts';

export type ExportDeps = Readonly<{
  db: Db;
  cipher: Cipher;
  /** The admin API, which shows messages as they were sent. */
  call: (method: string, path: string) => Promise<{ status: number; body: unknown }>;
}>;

/** Writes a piece of the file; resolves when there is room for more. */
export type Write = (text: string) => Promise<void>;

/**
 * Writes everything that is kept of a recipient as one JSON object, a list for each kind of thing: for the answer to a
 * person who asks what is known of them (docs/decisions/0027). One message or one portion of rows is in memory at a time.
 */
export async function exportRecipient(deps: ExportDeps, scope: Scope, write: Write): Promise<void> {
  const names = await findServiceNames(deps.db);
  const serviceOf = (id: string) => ({ id, name: names.get(id) ?? null });
  const sections: Readonly<Record<string, (add: Add) => Promise<void>>> = {
    messages: (add) => addMessages(deps, scope, serviceOf, add),
    received_texts: (add) => addReceived(deps, scope, serviceOf, add),
    rows_of_files: (add) => addRows(deps, scope, 'uploads', serviceOf, add),
    rows_of_contact_lists: (add) => addRows(deps, scope, 'contact_lists', serviceOf, add),
    guest_list_entries: (add) => addGuests(deps, scope, serviceOf, add),
    async suppressions(add) {
      for (const { serviceId, reason, createdAt, expiresAt } of await findSuppressionsOf(deps.db, scope))
        await add({
          ...{ service: serviceOf(serviceId), reason, created_at: isoMicroseconds(createdAt) },
          expires_at: expiresAt && isoMicroseconds(expiresAt),
        });
    },
    async accounts(add) {
      for (const { id, name, recipient, createdAt } of (await findAccounts(deps.db, scope)).users)
        if (isOf(scope.person, recipient))
          await add({ id, name, recipient, created_at: isoMicroseconds(createdAt) });
    },
    async invitations(add) {
      for (const { id, serviceId, createdAt } of (await findAccounts(deps.db, scope)).invites)
        await add({ id, service: serviceOf(serviceId), created_at: isoMicroseconds(createdAt) });
    },
  };
  await write(`{\n"recipient": ${JSON.stringify(scope.person.normalised)}`);
  for (const [name, section] of Object.entries(sections)) {
    await write(`,\n"${name}": [`);
    let separator = '\n';
    await section(async (item) => {
      await write(`${separator}${JSON.stringify(item)}`);
      separator = ',\n';
    });
    await write('\n]');
  }
  await write('\n}\n');
}

type Add = (item: object) => Promise<void>;
type ServiceOf = (id: string) => object;

async function addMessages({ db, call }: ExportDeps, scope: Scope, serviceOf: ServiceOf, add: Add) {
  for (let after: string | null = null; ; ) {
    const found = await findMessages(db, scope, after);
    if (found.length === 0) return;
    for (const { id, serviceId } of found) {
      const path = `/service/${serviceId}/notifications/${id}`;
      const shown = await call('GET', path);
      // Its retention has just ended.
      if (shown.status === 404) continue;
      if (shown.status !== 200) throw new Error(`The message ${id} could not be read (${shown.status}).`);
      const { body } = await call('GET', `${path}/timeline`);
      const { timeline } = body as Readonly<{ timeline?: unknown }>;
      await add({ ...(shown.body as object), service: serviceOf(serviceId), timeline });
    }
    after = found.at(-1)!.id;
  }
}

const textsPerRead = 100;

async function addReceived({ db, cipher }: ExportDeps, scope: Scope, serviceOf: ServiceOf, add: Add) {
  for (const serviceId of await findTexted(db, scope)) {
    let before: { at: Date; id: string } | null = null;
    for (;;) {
      const filter = { from: null, until: null, sender: scope.person.normalised, before };
      const found = await findInboundSms(db, cipher, serviceId, null, textsPerRead, filter);
      const last = found.at(-1);
      if (!last) break;
      for (const { id, notifyNumber, userNumber, content, createdAt } of found)
        await add({
          ...{ id, service: serviceOf(serviceId), notify_number: notifyNumber, user_number: userNumber },
          ...{ content, created_at: isoMicroseconds(createdAt) },
        });
      before = { at: last.createdAt, id: last.id };
    }
  }
}

async function addRows(
  deps: ExportDeps,
  scope: Scope,
  table: 'uploads' | 'contact_lists',
  serviceOf: ServiceOf,
  add: Add,
): Promise<void> {
  const column = sealedColumn(table === 'uploads' ? 'upload_rows' : 'contact_list_rows', 'records');
  await rewriteValues(deps, column, async (values) => {
    const fileOf = await filesOf(deps, table, scope, values);
    for (const value of values) {
      const file = fileOf(value);
      if (!file || !mayName(scope.person, value.text)) continue;
      const records = JSON.parse(value.text) as string[][];
      for (const index of recordsOf(scope.person, file, records))
        await add(showRow(file, Number(value.place[1]) + index, records[index]!, serviceOf));
    }
    return values.map(() => null);
  });
}

/** `row`: as people see it, the header is row 1. */
function showRow(file: FileRow, index: number, cells: readonly string[], serviceOf: ServiceOf) {
  return {
    ...{ file: file.id, file_name: file.name, service: serviceOf(file.serviceId) },
    ...{ created_at: isoMicroseconds(file.createdAt), row: index + 2 },
    cells: cells.map((value, column) => ({ column: file.header[column] ?? null, value })),
  };
}

async function addGuests({ db }: ExportDeps, scope: Scope, serviceOf: ServiceOf, add: Add): Promise<void> {
  for (let after: string | null = null; ; ) {
    const found = await findGuestsFrom(db, scope, after);
    if (found.length === 0) return;
    for (const { serviceId, recipient, createdAt } of found)
      if (isOf(scope.person, recipient))
        await add({ service: serviceOf(serviceId), recipient, created_at: isoMicroseconds(createdAt) });
    after = found.at(-1)!.id;
  }
}
