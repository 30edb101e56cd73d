import { type Static, Type } from 'typebox';
import type { RecipientRules } from '../../content/recipient/csv/check.ts';
import { fileErrors, rowNumber } from '../../content/recipient/csv/report.ts';
import { type CsvColumns, readRow } from '../../content/recipient/csv/row.ts';
import { personalisationOf } from '../../content/template/personalisation.ts';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Content, Render } from '../../content/template/template.ts';
import type { Db, DbOrTrx } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import { type Clock, dayOf, dayStart, isoMicroseconds } from '../../ground/clock.ts';
import { Problem } from '../../ground/problem.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { costInPounds, rateAt } from '../../message/rate/rate.ts';
import type { UnitRates } from '../../message/rate/store.ts';
import { countAccepted } from '../../message/submission/store.ts';
import type { DailyLimit, Service } from '../../tenant/service/service.ts';
import { maxRows } from './file-format.ts';
import { rulesFor } from './receive.ts';
import { columnsOf, createExplain, unclosedQuoteFault } from './row-check.ts';
import { findRecords, findRecordsOf, findSameFile, type Upload, type WaitingUpload } from './store.ts';
import { findFaults, type StoredFault } from './store-faults.ts';
import { emptySummary, faultKinds, type RowFault, type Summary, summaryPhrases } from './summary.ts';

export type ShowDeps = Readonly<{
  db: Db;
  clock: Clock;
  cipher: Cipher;
  templates: TemplateCaches;
  render: Render;
  rates: RecipientRules['rates'];
  unitRates: UnitRates;
}>;

const shownErrors = 20;
const shownRows = 10;
const shownGroups = 100;
/** UTF-16 units of the messages in a preview: the rows after that are not rendered. */
const shownLength = 256 * 1024;

export const faultSchema = Type.Object({
  kind: oneOf(faultKinds, 'An error, or a doubt: what says that the file is not what its author meant.'),
  column: orNull(Type.String(), 'The header in the file; null: the whole row.'),
  message: Type.String({ description: 'What is wrong, and what to do about it.' }),
});

const renderedSchema = {
  row: Type.Integer({ description: 'As people see it: the header is row 1.' }),
  recipient: orNull(Type.String(), 'As in the file; null if the row has none.'),
  subject: orNull(Type.String(), 'Of an email.'),
  body: Type.String(),
};

const lengthSchema = {
  fragments: orNull(Type.Integer(), 'Of a text.'),
  characters: orNull(Type.Integer(), 'Of a text, with the service’s name if it begins with it.'),
};

export const uploadSchema = Type.Object(
  {
    id: uuid('Also of the job that is made of it.'),
    service: uuid(),
    template: uuid(),
    template_version: Type.Integer({ description: 'The version that the rows were checked for.' }),
    template_type: oneOf(['sms', 'email']),
    original_file_name: Type.String(),
    format: oneOf(
      ['csv', 'tsv', 'xlsx', 'ods', 'rows', 'messages'],
      'As its first bytes tell, whatever its name says. `rows`: it did not come as a file; `messages`: they are sent again.',
    ),
    encoding: orNull(Type.String(), 'Of a text file, as it was recognised.'),
    separator: orNull(Type.String(), 'What separates the cells of a text file.'),
    sender_id: orNull(uuid(), 'The sender or reply-to address that was chosen.'),
    left_out_of: orNull(uuid(), 'The upload that its rows were left out of.'),
    contact_list_id: orNull(uuid(), 'The contact list that its rows are a copy of.'),
    created_by: orNull(uuid()),
    created_at: time,
    updated_at: time,
    expires_at: Type.String({
      format: 'date-time',
      description: 'When it is deleted if no job is made of it.',
    }),
    notification_count: Type.Integer({ description: 'Rows, without the header.' }),
    columns: Type.Array(Type.String()),
    recipient_column: orNull(Type.String()),
    missing_columns: Type.Array(Type.String()),
    errors: Type.Array(
      Type.Object({
        row: orNull(Type.Integer(), 'The header is row 1; null: the whole file.'),
        column: orNull(Type.String()),
        message: Type.String(),
      }),
      { description: `The first ${shownErrors}, those of the whole file before those of rows.` },
    ),
    error_count: Type.Integer(),
    faulty_rows: Type.Integer(),
    faults: Type.Array(Type.Object({ kind: oneOf(faultKinds), rows: Type.Integer() }), {
      description: 'How many rows have a fault of each kind.',
    }),
    fault_groups: Type.Array(
      Type.Object({
        kind: oneOf(faultKinds),
        column: orNull(Type.String()),
        message: Type.String(),
        rows: Type.Integer(),
      }),
      { description: `How many rows have the same fault, the most frequent first; ${shownGroups} at most.` },
    ),
    phrases: Type.Array(Type.String(), { description: 'What to do about the rows, in words.' }),
    preview: Type.Array(Type.Object(renderedSchema), {
      description: `The first ${shownRows} rows as they would be sent, fewer if they are very long.`,
    }),
    shortest: orNull(
      Type.Object({ ...renderedSchema, ...lengthSchema }),
      'The row with the shortest message, by its characters: of an email before Markdown, with the subject. null: no rows, or it is too long to be shown.',
    ),
    longest: orNull(Type.Object({ ...renderedSchema, ...lengthSchema }), 'The same of the longest message.'),
    duplicate_count: Type.Integer({
      description: 'Rows whose recipient is also in an earlier row. They are sent.',
    }),
    duplicates: Type.Array(Type.Object({ row: Type.Integer(), first_row: Type.Integer() })),
    international_count: Type.Integer({ description: 'Rows with a number abroad.' }),
    fragments: Type.Integer({ description: 'Of all texts with a valid number; 0 for emails.' }),
    cost_units: Type.Integer({ description: 'Fragments times the multiplier of their country.' }),
    cost_in_pounds: orNull(Type.Number(), 'At today’s rate; null if there is none.'),
    limits: Type.Object(
      {
        messages: Type.Integer({ description: 'Of this type.' }),
        international_sms: orNull(Type.Integer(), 'null: for emails.'),
      },
      { description: 'How many more the service can send today.' },
    ),
    same_file: orNull(
      Type.Object({ id: uuid(), created_at: time }),
      'A job of today that sent the same file, or one of the same name to the same version of the template. A warning only.',
    ),
    valid: Type.Boolean({ description: 'Whether a job can be made of it now.' }),
  },
  { $id: 'Upload' },
);

export const waitingSchema = Type.Object({
  id: uuid(),
  template: uuid(),
  template_type: oneOf(['sms', 'email']),
  original_file_name: Type.String(),
  notification_count: Type.Integer({ description: 'Rows, without the header.' }),
  faulty_rows: Type.Integer(),
  left_out_of: orNull(uuid(), 'The upload that its rows were left out of.'),
  created_by: orNull(uuid()),
  created_at: time,
  expires_at: time,
});

export function showWaiting(upload: WaitingUpload): Static<typeof waitingSchema> {
  return {
    ...{ id: upload.id, template: upload.templateId, template_type: upload.templateType },
    ...{ original_file_name: upload.originalFileName, notification_count: upload.rowCount },
    ...{ faulty_rows: upload.faultyRows, left_out_of: upload.leftOutOf, created_by: upload.createdBy },
    created_at: isoMicroseconds(upload.createdAt),
    expires_at: isoMicroseconds(upload.expiresAt),
  };
}

/** An upload with what it takes to read its rows. */
export type OpenUpload = Readonly<{
  service: Service;
  upload: Upload;
  summary: Summary;
  content: Content;
  columns: CsvColumns;
}>;

/** null if the version of its template is gone. */
export async function openUpload(
  { templates }: Pick<ShowDeps, 'templates'>,
  service: Service,
  upload: Upload,
): Promise<OpenUpload | null> {
  const version = await templates.version(upload.templateId, upload.templateVersion);
  if (!version) return null;
  const { content } = version;
  const summary = upload.summary ?? emptySummary({ encoding: null, separator: null, prefix: null });
  return { service, upload, summary, content, columns: columnsOf(content, upload) };
}

/** An upload as the API shows it (spec 04, section 6.4). `db`: reads what is stored. */
export async function showUpload(
  deps: ShowDeps,
  db: DbOrTrx,
  open: OpenUpload,
): Promise<Static<typeof uploadSchema>> {
  const { service, upload, summary, columns } = open;
  const { cipher, clock } = deps;
  const now = new Date(clock.now());
  const today = dayOf(now.getTime());
  const isSms = upload.templateType === 'sms';
  const faults = await findFaults(db, upload.id, 0, upload.rowCount, shownErrors);
  const faulty = await findRecordsOf(db, cipher, upload.id, [...new Set(faults.map(({ index }) => index))]);
  const first = await findRecords(db, cipher, upload.id, 0, shownRows);
  const extremes = await findRecordsOf(
    db,
    cipher,
    upload.id,
    summary.extremes ? Object.values(summary.extremes) : [],
  );
  const same = await findSameFile(db, upload, new Date(dayStart(today)));
  const left = async (name: DailyLimit) => {
    const used = (await countAccepted(db, service.id, [name], today)).get(name) ?? 0;
    return Math.max(0, service.limits[name] - used);
  };
  const messages = await left(upload.templateType);
  const mayAbroad = isSms && service.permissions.has('international_sms');
  const international = mayAbroad ? await left('international_sms') : 0;
  const rules = await rulesFor(deps, service, upload.templateType);
  const explain = createExplain(columns, rules, summary.separator);

  const internationalCount = summary.sendable.international + summary.unsendable.international;
  const ofFile = fileErrors({
    ...{ columns, rowCount: upload.rowCount, tooManyRows: summary.tooManyRows, internationalCount },
    allowedToSendTo: (summary.kinds['not-allowed'] ?? 0) === 0,
    moreRowsThanCanSend: upload.rowCount > messages,
    moreInternationalThanCanSend: isSms && internationalCount > international,
    limits: { maxRows, remainingMessages: messages, remainingInternational: international },
  });
  const ofHeader = summary.unclosedQuoteInHeader
    ? [{ row: 1, column: null, message: unclosedQuoteFault(columns, null).text }]
    : [];
  const ofRows = faults.map((fault) => ({
    row: rowNumber(fault.index),
    column: fault.header,
    message: explain(fault, faulty.get(fault.index) ?? []),
  }));
  const fragments = summary.sendable.fragments + summary.unsendable.fragments;
  const units = summary.sendable.units + summary.unsendable.units;
  return {
    ...{ id: upload.id, service: service.id, template: upload.templateId },
    ...{ template_version: upload.templateVersion, template_type: upload.templateType },
    ...{ original_file_name: upload.originalFileName, format: upload.format },
    ...{ encoding: summary.encoding, separator: summary.separator },
    ...{ sender_id: upload.senderId, left_out_of: upload.leftOutOf, created_by: upload.createdBy },
    contact_list_id: upload.contactListId,
    created_at: isoMicroseconds(upload.createdAt),
    updated_at: isoMicroseconds(upload.updatedAt),
    expires_at: isoMicroseconds(upload.expiresAt),
    notification_count: upload.rowCount,
    columns: [...columns.headers],
    recipient_column: columns.recipientHeader,
    missing_columns: [...columns.missing],
    errors: [...ofFile, ...ofHeader, ...ofRows].slice(0, shownErrors),
    error_count: ofFile.length + ofHeader.length + summary.faults,
    faulty_rows: summary.faultyRows,
    faults: faultKinds.flatMap((kind) => {
      const rows = summary.kinds[kind] ?? 0;
      return rows === 0 ? [] : [{ kind, rows }];
    }),
    fault_groups: groupsOf(summary),
    phrases: [...summaryPhrases(summary, upload.templateType)],
    preview: await renderFirst(deps, open, first),
    shortest: await renderOne(deps, open, summary.extremes?.shortest, extremes),
    longest: await renderOne(deps, open, summary.extremes?.longest, extremes),
    duplicate_count: summary.repeated.count,
    duplicates: summary.repeated.shown.map(([index, firstIndex]) => ({
      row: rowNumber(index),
      first_row: rowNumber(firstIndex),
    })),
    international_count: internationalCount,
    ...{ fragments, cost_units: units },
    cost_in_pounds: costInPounds(units, rateAt(await deps.unitRates.get('sms'), now)),
    limits: { messages, international_sms: isSms ? international : null },
    same_file: same && { id: same.id, created_at: isoMicroseconds(same.createdAt) },
    valid: upload.valid && ofFile.length === 0,
  };
}

function groupsOf({ groups }: Summary) {
  return Object.entries(groups)
    .map(([key, rows]) => {
      const [kind, column, message] = JSON.parse(key) as [RowFault['kind'], string | null, string];
      return { kind, column, message, rows };
    })
    .sort((one, other) => other.rows - one.rows)
    .slice(0, shownGroups);
}

/** A row as it would be sent, as far as the list of an upload shows it; null if it is too long to be rendered. */
async function renderShort(deps: ShowDeps, open: OpenUpload, index: number, cells: readonly string[]) {
  try {
    const { html: _, ...shown } = await renderRow(deps, open, index, cells);
    return shown;
  } catch (error) {
    // Its row has a fault, or its preview by itself says so.
    if (error instanceof Problem) return null;
    throw error;
  }
}

/** null also if its row is not known or not stored. */
async function renderOne(
  deps: ShowDeps,
  open: OpenUpload,
  index: number | undefined,
  records: ReadonlyMap<number, readonly string[]>,
) {
  const cells = index === undefined ? undefined : records.get(index);
  return cells ? await renderShort(deps, open, index!, cells) : null;
}

async function renderFirst(deps: ShowDeps, open: OpenUpload, records: readonly (readonly string[])[]) {
  const shown = [];
  let length = 0;
  for (const [index, cells] of records.entries()) {
    if (length > shownLength) break;
    const rendered = await renderShort(deps, open, index, cells);
    if (!rendered) break;
    const { row, recipient, subject, body } = rendered;
    length += body.length;
    shown.push({ row, recipient, subject, body });
  }
  return shown;
}

export const rowPreviewSchema = Type.Object({
  ...renderedSchema,
  ...lengthSchema,
  html: orNull(Type.String(), 'Of an email, as a page.'),
});

/** A row as it would be sent. Throws a Problem (400) for an email that is too long. */
export async function renderRow(
  { render }: Pick<ShowDeps, 'render'>,
  { service, content, columns }: OpenUpload,
  index: number,
  cells: readonly string[],
): Promise<Static<typeof rowPreviewSchema>> {
  const row = readRow(columns, index, { cells, width: cells.length });
  const values = personalisationOf(Object.fromEntries(row.personalisation));
  const recipient = typeof row.recipient === 'string' ? row.recipient : null;
  const shown = { row: rowNumber(index), recipient };
  if (content.type === 'sms') {
    const prefix = service.prefixSms ? service.name : null;
    const { text, fragments, characters } = await render('sms', content, values, prefix);
    return { ...shown, subject: null, body: text, html: null, fragments, characters };
  }
  const { subject, body, html } = await render('preview', content, values, null);
  return { ...shown, subject, body, html, fragments: null, characters: null };
}

/** The faults of a row as the API shows them. */
export function showFaults(
  faults: readonly StoredFault[],
  cells: readonly string[],
  explain: ReturnType<typeof createExplain>,
): Static<typeof faultSchema>[] {
  return faults.map((fault) => ({
    kind: fault.kind,
    column: fault.header,
    message: explain(fault, cells),
  }));
}
