import { readColumns, readRow } from '../content/recipient/csv/row.ts';
import type { Db } from '../database/connection.ts';
import type { Cipher } from '../ground/cipher.ts';
import { parseLossless } from '../ground/json.ts';
import { isOf, mayName, type Person } from './person.ts';
import { type SealedColumn, sealedColumns } from './sealed-columns.ts';
import {
  deleteCallbacks,
  type FileRow,
  findCallbacksOf,
  findFiles,
  findOwn,
  forgetAnswers,
  type Scope,
} from './store-person.ts';
import { type OpenedValue, rewriteValues } from './walk-sealed.ts';

type Deps = Readonly<{ db: Db; cipher: Cipher }>;

export function sealedColumn(table: SealedColumn['table'], column: string): SealedColumn {
  return sealedColumns.find((one) => one.table === table && one.column === column)!;
}

/** The indexes of the records whose recipient this is. `records`: of one piece, as they are stored. */
export function recordsOf(
  person: Person,
  { header, filledWidth, type, isVerbatim }: FileRow,
  records: readonly (readonly string[])[],
): readonly number[] {
  const template = { type, placeholders: [], isVerbatim };
  const columns = readColumns({ cells: header, width: header.length }, filledWidth, template);
  return records.flatMap((cells, index) => {
    // Most rows are told apart without reading them.
    if (!cells.some((cell) => mayName(person, cell))) return [];
    const { recipient } = readRow(columns, index, { cells, width: cells.length });
    return isOf(person, recipient) ? [index] : [];
  });
}

/** The files that pieces belong to. */
export async function filesOf(
  { db, cipher }: Deps,
  table: 'uploads' | 'contact_lists',
  scope: Scope,
  values: readonly OpenedValue[],
): Promise<(value: OpenedValue) => FileRow | undefined> {
  const found = await findFiles(db, table, scope, [...new Set(values.map(({ place }) => place[0]!))]);
  const { context } = sealedColumn(table, table === 'uploads' ? 'sealed_header' : 'header');
  const files = new Map(
    found.map(({ sealed, plain, ...file }) => {
      const header = sealed ? (JSON.parse(cipher.open(sealed, context(file.id))) as string[]) : (plain ?? []);
      return [file.id, { ...file, header }] as const;
    }),
  );
  return ({ place }) => files.get(place[0]!);
}

/**
 * Empties the rows of files with the recipient; other rows keep their numbers. Those that a job may still send are left
 * and counted, unless they are to be cancelled: an empty row cannot be sent.
 */
export async function eraseFileRows(
  deps: Deps,
  erasure: Scope & Readonly<{ cancelPending: boolean }>,
): Promise<Readonly<{ erased: number; pending: number }>> {
  const { person, cancelPending } = erasure;
  const sum = { erased: 0, pending: 0 };
  const isLeft = (file: FileRow) => file.isOpen && !cancelPending;
  await rewriteValues(deps, sealedColumn('upload_rows', 'records'), async (values) => {
    const fileOf = await filesOf(deps, 'uploads', erasure, values);
    return values.map((value) => {
      const file = fileOf(value);
      if (!file) return null;
      const { text, count } = emptied(person, file, value.text);
      sum[isLeft(file) ? 'pending' : 'erased'] += count;
      return isLeft(file) ? null : text;
    });
  });
  await rewriteValues(deps, sealedColumn('upload_rows', 'recipients'), async (values) => {
    const fileOf = await filesOf(deps, 'uploads', erasure, values);
    return values.map((value) => {
      const file = fileOf(value);
      if (!file || isLeft(file) || !value.text.includes(person.shortHash)) return null;
      const hashes = JSON.parse(value.text) as string[];
      return JSON.stringify(hashes.map((one) => (one === person.shortHash ? '' : one)));
    });
  });
  return sum;
}

/** The same for contact lists, whose empty rows are not sent to (job/contact-list/routes.ts). */
export async function eraseContacts(deps: Deps, scope: Scope): Promise<number> {
  let sum = 0;
  await rewriteValues(deps, sealedColumn('contact_list_rows', 'records'), async (values) => {
    const fileOf = await filesOf(deps, 'contact_lists', scope, values);
    return values.map((value) => {
      const file = fileOf(value);
      const { text, count } = file ? emptied(scope.person, file, value.text) : nothing;
      sum += count;
      return text;
    });
  });
  return sum;
}

const nothing = { text: null, count: 0 };

function emptied(person: Person, file: FileRow, text: string): { text: string | null; count: number } {
  if (!mayName(person, text)) return nothing;
  const records = JSON.parse(text) as string[][];
  const own = new Set(recordsOf(person, file, records));
  if (own.size === 0) return nothing;
  return {
    text: JSON.stringify(records.map((cells, index) => (own.has(index) ? [] : cells))),
    count: own.size,
  };
}

/**
 * Takes the recipient out of the bodies of callbacks about messages, as if the message were past its retention, and
 * deletes those about texts from them, which are nothing without it (spec 05, section 8).
 */
export async function eraseCallbacks(deps: Deps, scope: Scope): Promise<number> {
  let sum = 0;
  await rewriteValues(deps, sealedColumn('service_callbacks', 'payload'), async (values) => {
    const bodies = values.map(({ place, text }) => ({ id: place[0]!, body: bodyOf(scope.person, text) }));
    const named = bodies.flatMap(({ id, body }) => (body ? [id] : []));
    const own = await findCallbacksOf(deps.db, scope, named);
    sum += own.size;
    const isText = ({ id, body }: (typeof bodies)[number]) =>
      own.has(id) && body !== null && 'source_number' in body;
    const texts = bodies.filter(isText).map(({ id }) => id);
    if (texts.length > 0) await deleteCallbacks(deps.db, texts);
    return bodies.map((one) =>
      own.has(one.id) && !isText(one) ? JSON.stringify({ ...one.body, to: null }) : null,
    );
  });
  return sum;
}

/** The body of a callback if it is about the recipient, else null. */
function bodyOf(person: Person, text: string): object | null {
  if (!mayName(person, text)) return null;
  const body = parseLossless(text) as Readonly<{ to?: unknown; source_number?: unknown }>;
  return isOf(person, body.to) || isOf(person, body.source_number) ? body : null;
}

/**
 * Takes the content out of the answers that are kept for `Idempotency-Key`. They stay, so that a repeated request sends
 * nothing.
 */
export async function eraseAnswers(deps: Deps, scope: Scope): Promise<number> {
  let sum = 0;
  await rewriteValues(deps, sealedColumn('idempotency_keys', 'answer'), async (values) => {
    const answers = values.map(({ text }) => parseLossless(text));
    const ids = answers.map(messageIn);
    const own = await findOwn(
      deps.db,
      scope,
      ids.filter((id) => id !== null),
    );
    return answers.map((answer, index) => {
      const text = own.has(ids[index] ?? '') ? JSON.stringify(withoutContent(answer)) : null;
      // Nothing was left of it before.
      if (text === null || text === values[index]!.text) return null;
      sum += 1;
      return text;
    });
  });
  return sum;
}

const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** The id of the message that an answer of v2 or v1 is about; null if it is about none. */
function messageIn(answer: unknown): string | null {
  const { id, data } = answer as Readonly<{ id?: unknown; data?: { notification?: { id?: unknown } } }>;
  const found = id ?? data?.notification?.id;
  return typeof found === 'string' && uuid.test(found) ? found : null;
}

const contentNames: readonly string[] = ['body', 'subject'];

function withoutContent(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      contentNames.includes(name) && typeof part === 'string' ? '' : withoutContent(part),
    ]),
  );
}

/** Forgets answers of the admin API that name the recipient. They are kept for a day. */
export async function eraseAdminAnswers(deps: Deps, { person }: Scope): Promise<number> {
  let sum = 0;
  await rewriteValues(deps, sealedColumn('admin_requests', 'answer'), async (values) => {
    const own = values.filter(({ text }) => mayName(person, text)).map(({ place }) => place[0]!);
    if (own.length > 0) await forgetAnswers(deps.db, own);
    sum += own.length;
    return values.map(() => null);
  });
  return sum;
}
