import type { Tables } from '../database/tables.ts';
import {
  headerContext as contactHeaderContext,
  rowsContext as contactListContext,
} from '../job/contact-list/store.ts';
import { partContext } from '../job/report/store.ts';
import { headerContext, recipientsContext, rowsContext } from '../job/upload/store.ts';
import { answerContext } from '../message/submission/submit.ts';
import { fingerprintContext } from '../tenant/idempotency/store.ts';

/** A column whose values are sealed under SECRET_KEY, and what its rows are told apart by. */
export type SealedColumn = Readonly<{
  table: keyof Tables;
  column: string;
  /** The columns of the primary key, in its order. */
  key: readonly Readonly<{ name: string; type: 'uuid' | 'int' | 'text' }>[];
  /** What the value of the row with this key was sealed for. */
  context: (...key: readonly string[]) => string;
}>;

type Key = SealedColumn['key'];
const id: Key = [{ name: 'id', type: 'uuid' }];
const ownId = (own: string | undefined) => own!;

/**
 * Every column that is sealed under SECRET_KEY (spec 06, section 7). A value that moves from one table to another is
 * found because its source comes first: `accepted` before `notifications`. A test compares this list with the columns
 * of the database.
 */
export const sealedColumns: readonly SealedColumn[] = [
  { table: 'api_keys', column: 'secret', key: id, context: ownId },
  { table: 'service_callback_api', column: 'bearer_token', key: id, context: ownId },
  { table: 'verify_codes', column: 'code', key: id, context: ownId },
  { table: 'admin_requests', column: 'fingerprint', key: id, context: (own) => fingerprintContext(own!) },
  { table: 'admin_requests', column: 'answer', key: id, context: ownId },
  {
    ...{ table: 'idempotency_keys', column: 'answer' },
    key: [
      { name: 'service_id', type: 'uuid' },
      { name: 'key', type: 'text' },
    ],
    context: (serviceId, key) => answerContext(serviceId!, key!),
  },
  { table: 'contact_lists', column: 'header', key: id, context: (own) => contactHeaderContext(own!) },
  { table: 'uploads', column: 'sealed_header', key: id, context: (own) => headerContext(own!) },
  {
    ...{ table: 'contact_list_rows', column: 'records', key: piecesOf('list_id') },
    context: (listId, firstRow) => contactListContext(listId!, Number(firstRow)),
  },
  {
    ...{ table: 'upload_rows', column: 'records', key: piecesOf('upload_id') },
    context: (uploadId, firstRow) => rowsContext(uploadId!, Number(firstRow)),
  },
  {
    ...{ table: 'upload_rows', column: 'recipients', key: piecesOf('upload_id') },
    context: (uploadId, firstRow) => recipientsContext(uploadId!, Number(firstRow)),
  },
  {
    ...{ table: 'report_parts', column: 'content' },
    key: [
      { name: 'report_id', type: 'uuid' },
      { name: 'number', type: 'int' },
    ],
    context: (reportId, number) => partContext(reportId!, Number(number)),
  },
  { table: 'inbound_sms', column: 'content', key: id, context: ownId },
  { table: 'accepted', column: 'personalisation', key: id, context: ownId },
  { table: 'notifications', column: 'personalisation', key: id, context: ownId },
  { table: 'service_callbacks', column: 'payload', key: id, context: ownId },
];

function piecesOf(parent: string): Key {
  return [
    { name: parent, type: 'uuid' },
    { name: 'first_row', type: 'int' },
  ];
}
