import { type Static, Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, relatedId, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { requirePermission } from '../../tenant/permission/acting.ts';
import { defaultRetentionDays, retentionCutoff } from '../../tenant/service/retention.ts';
import { findRetentions } from '../../tenant/service/store.ts';
import { userIn } from '../../tenant/user/named.ts';
import { type ReceiveDeps, receiveFile } from '../upload/receive.ts';
import { findChosen, permissions, shownUpload, type UploadRouteDeps } from '../upload/routes.ts';
import { uploadSchema } from '../upload/show.ts';
import { findUpload, lockUpload, type Upload } from '../upload/store.ts';
import {
  bounds,
  type ContactList,
  type ContactListRecord,
  contactListSchema,
  showContactList,
} from './contact-list.ts';
import {
  addContactList,
  archiveContactList,
  findContactList,
  findContactLists,
  findRecordsFrom,
  headerOf,
  holdContactList,
  lockContactLists,
  sealedHeader,
  sizeOfRows,
} from './store.ts';

type ContactListDeps = UploadRouteDeps;

const common = {
  tag: 'Administration',
  authentication: 'admin',
  // Any member sees that there are lists. Who changes or sends one needs `send_texts` or `send_emails`, by its type.
  permission: 'member',
} as const;
const path = `/service/${uuidPart('service_id')}/contact-list`;
const listPath = `${path}/${uuidPart('contact_list_id')}`;
const ofService = Type.Object({ service_id: uuid('The service.') });
const ofList = Type.Object({
  service_id: uuid('The service.'),
  contact_list_id: uuid('The contact list.'),
});
const noList = { 404: { description: 'The service has no such contact list, or it was deleted.' } };

const list = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'service.get_contact_list',
  summary: 'List the contact lists of a service',
  description: `The newest first; a service has at most ${bounds.lists}.`,
  params: ofService,
  answers: { 200: { description: 'The contact lists.', schema: Type.Array(contactListSchema) } },
  async handler(deps: ContactListDeps, request, reply) {
    const { service_id: serviceId } = request.params;
    const found = await deps.reads(serviceId, callerLeaves(reply), (db) => find(deps, db, serviceId, null));
    return found.map(showContactList);
  },
});

const read = defineRoute({
  ...common,
  method: 'GET',
  path: listPath,
  handlerName: 'service.get_contact_list_by_id',
  summary: 'Read a contact list',
  params: ofList,
  answers: { 200: { description: 'The contact list.', schema: contactListSchema }, ...noList },
  async handler(deps: ContactListDeps, request, reply) {
    const { service_id: serviceId, contact_list_id: id } = request.params;
    const found = await deps.reads(serviceId, callerLeaves(reply), (db) => find(deps, db, serviceId, id));
    if (!found[0]) throw noResultFound();
    return showContactList(found[0]);
  },
});

const body = Type.Object({
  id: uuid('The upload that it is made of; also the id of the contact list.'),
  original_file_name: Type.Optional(
    Type.String({ format: 'text', maxLength: 1600, description: 'By default that of the upload.' }),
  ),
  row_count: Type.Optional(
    Type.Integer({ description: 'The rows of the upload; any other number is refused.' }),
  ),
  template_type: Type.Optional(oneOf(['email', 'sms'], 'That of the upload; the other one is refused.')),
  created_by: uuid('The user who makes it; the acting user if there is one.'),
});

const create = defineRoute({
  ...common,
  method: 'POST',
  path,
  errors: adminSchemaErrors,
  handlerName: 'service.create_contact_list',
  summary: 'Keep an upload as a contact list',
  description: `Copies the rows of an upload without faults, with all its columns. They are kept until the contact list is deleted, and can be sent to any template of the same type as often as wanted; the upload stays what it is. There is one contact list for an upload: the same request again is answered with it. Whoever acts needs \`send_texts\` or \`send_emails\`, by the type of the upload. A service keeps at most ${bounds.lists}.`,
  params: ofService,
  body,
  example: { id: '{upload_id}', created_by: '{user_id}' },
  answers: {
    201: { description: 'The contact list.', schema: contactListSchema },
    400: {
      description: 'The upload has faults or is too large, or the service keeps too many contact lists.',
    },
    404: { description: 'The service has no such upload, or there is no such user.' },
  },
  async handler(deps: ContactListDeps, request) {
    const { service_id: serviceId } = request.params;
    const { body } = request;
    const id = parseUuid(body.id)!;
    const kept = await findContactList(deps.db, serviceId, id);
    const upload = kept ?? (await findUpload(deps.db, deps.cipher, serviceId, id));
    if (!upload) throw noResultFound();
    requirePermission(request, permissions[upload.templateType]);
    refuseOther(body, upload);
    const createdBy = await userIn(deps.db, request.actorId ?? body.created_by);
    await keep(deps, { serviceId, id, createdBy, originalFileName: body.original_file_name ?? null });
    const [made] = await find(deps, deps.db, serviceId, id);
    if (!made) throw noResultFound();
    return showContactList(made);
  },
});

const remove = defineRoute({
  ...common,
  method: 'DELETE',
  path: listPath,
  handlerName: 'service.delete_contact_list_by_id',
  summary: 'Delete a contact list',
  description: 'Its rows are gone at once. Jobs and uploads that were made of it remain.',
  params: ofList,
  answers: { 204: { description: 'It is gone.' }, ...noList },
  async handler(deps: ContactListDeps, request) {
    const { service_id: serviceId, contact_list_id: id } = request.params;
    const kept = await keptList(deps, request);
    requirePermission(request, permissions[kept.templateType]);
    const at = new Date(deps.clock.now());
    await deps.db.transaction().execute(async (trx) => {
      if (!(await archiveContactList(trx, serviceId, id, at))) throw noResultFound();
      const before = { original_file_name: kept.originalFileName, row_count: kept.rowCount };
      const event = { type: 'delete_contact_list', serviceId, userId: request.actorId, subjectId: id };
      await recordEvent(trx, { ...event, data: { before, after: null } }, at);
    });
  },
});

const send = defineRoute({
  ...common,
  method: 'POST',
  path: `${listPath}/upload`,
  handlerName: 'service.upload_contact_list',
  summary: 'Check a contact list for a template',
  description:
    'Makes an upload of a copy of its rows, as if the file had been uploaded: they are checked for the current version of the template, can be previewed, mended and left out, and a job can be made of them.',
  params: ofList,
  query: Type.Object(
    {
      template_id: relatedId('The template.', ['{sms_template_id}']),
      sender_id: Type.Optional(
        Type.String({ description: 'One of the service’s senders or reply-to addresses.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    201: { description: 'The upload.', schema: Type.Object({ data: uploadSchema }) },
    400: { description: 'A parameter is invalid, or the template is of another type.' },
    403: { description: 'The service is inactive.' },
    404: { description: 'The service has no such contact list or template.' },
    429: { description: 'Too many files are being checked.' },
  },
  before: async (deps: ContactListDeps, request) => {
    await keptList(deps, request);
  },
  async handler(deps: ContactListDeps, request, reply) {
    const { actorId, query } = request;
    const kept = await keptList(deps, request);
    const service = await deps.services.get(kept.serviceId);
    if (!service) throw noResultFound();
    const { template, senderId } = await findChosen(deps, request, service, query);
    if (template.type !== kept.templateType)
      throw invalidFields({ template: ['The contact list is for templates of another type'] });
    const file = {
      ...({ service, template, fileName: kept.originalFileName, given: 'pieces', senderId } as const),
      ...{ createdBy: actorId, apiKeyId: null, contactListId: kept.id },
      ...{ mostFaults: Number.POSITIVE_INFINITY, bytes: () => bytesOf(deps, kept) },
    };
    // A list that was deleted meanwhile leaves nothing behind.
    const id = await receiveFile(deps, file, callerLeaves(reply), async (trx) => {
      if (!(await holdContactList(trx, kept.id))) throw noResultFound();
    });
    return await shownUpload(deps, service, id);
  },
});

/** Contact lists (spec 04, section 6.5). */
export const contactListRoutes = [list, create, read, remove, send];

async function find(
  { clock }: Pick<ContactListDeps, 'clock'>,
  db: Db,
  serviceId: string,
  id: string | null,
): Promise<readonly ContactListRecord[]> {
  const retentions = await findRetentions(db, serviceId);
  const since = (type: 'sms' | 'email') => {
    const days = retentions.find((one) => one.type === type)?.days ?? defaultRetentionDays;
    return retentionCutoff(clock.now(), days).before;
  };
  return await findContactLists(db, serviceId, id, { sms: since('sms'), email: since('email') });
}

/** The contact list that a path names. Throws a Problem (404) if it is not kept. */
async function keptList(
  { db }: Pick<ContactListDeps, 'db'>,
  { params }: Readonly<{ params: Static<typeof ofList> }>,
): Promise<ContactList> {
  const found = await findContactList(db, params.service_id, params.contact_list_id);
  if (!found || found.archivedAt !== null) throw noResultFound();
  return found;
}

/** Throws a Problem (400) if a body says something else of the rows than is true. */
function refuseOther(
  { row_count: rowCount, template_type: type }: Static<typeof body>,
  upload: Pick<Upload, 'rowCount' | 'templateType'>,
): void {
  if (rowCount !== undefined && rowCount !== upload.rowCount)
    throw invalidFields({ row_count: [`The file has ${upload.rowCount} rows.`] });
  if (type !== undefined && type !== upload.templateType)
    throw invalidFields({ template_type: ['The file was checked for a template of another type'] });
}

type Wanted = Pick<ContactList, 'serviceId' | 'id' | 'createdBy'> &
  Readonly<{ originalFileName: string | null }>;

/** Makes a contact list of an upload, unless there is one. Of several requests, one makes it. Throws a Problem. */
async function keep(
  { db, clock, cipher }: Pick<ReceiveDeps, 'db' | 'clock' | 'cipher'>,
  { serviceId, id, createdBy, originalFileName }: Wanted,
): Promise<void> {
  const at = new Date(clock.now());
  await db.transaction().execute(async (trx) => {
    const used = await lockContactLists(trx, serviceId);
    const kept = await findContactList(trx, serviceId, id);
    if (kept?.archivedAt) throw invalidFields({ id: ['Already in use'] });
    if (kept) return;
    // Nobody mends its rows meanwhile.
    const upload = await lockUpload(trx, cipher, serviceId, id);
    if (!upload) throw noResultFound();
    if (!upload.valid || upload.format === 'messages')
      throw badRequest('File is not valid, can’t create contact list');
    const bytes = await sizeOfRows(trx, id);
    refuseTooMuch(used, bytes);
    const { templateType, filledWidth, rowCount } = upload;
    const header = sealedHeader(cipher, id, upload.header);
    const list = {
      ...{ id, serviceId, templateType, header, filledWidth, rowCount, bytes, createdBy },
      ...{ originalFileName: originalFileName ?? upload.originalFileName, createdAt: at, archivedAt: null },
    };
    await addContactList(trx, cipher, list);
    const after = {
      ...{ original_file_name: list.originalFileName, row_count: rowCount },
      template_type: templateType,
    };
    const event = { type: 'create_contact_list', serviceId, userId: createdBy, subjectId: id };
    await recordEvent(trx, { ...event, data: { before: null, after } }, at);
  });
}

function refuseTooMuch(used: Readonly<{ lists: number; bytes: number }>, bytes: number): void {
  if (bytes > bounds.bytesOfOne)
    throw badRequest(
      'The rows of this file are too large for a contact list: leave columns out, or divide it',
    );
  if (used.lists >= bounds.lists)
    throw badRequest(`A service can keep ${bounds.lists} contact lists: delete one before making another`);
  if (used.bytes + bytes > bounds.bytes)
    throw badRequest('The contact lists of this service are too large: delete one before making another');
}

/** The rows of a contact list for a check (`PiecesHead`), without those that were erased. */
async function bytesOf(
  { db, cipher }: Pick<ReceiveDeps, 'db' | 'cipher'>,
  list: ContactList,
): Promise<Uint8Array<ArrayBuffer>> {
  const { id, filledWidth, rowCount, archivedAt } = list;
  if (archivedAt) throw noResultFound();
  const header = headerOf(cipher, list);
  const lines: string[] = [];
  let kept = 0;
  for (let next = 0; next < rowCount; ) {
    const found = await findRecordsFrom(db, cipher, id, next);
    if (!found) throw noResultFound();
    const records = (JSON.parse(found.records) as string[][]).filter((cells) => cells.length > 0);
    lines.push(`${records.length === found.rowCount ? found.records : JSON.stringify(records)}\n`);
    kept += records.length;
    next += found.rowCount;
  }
  const head = `${JSON.stringify({ header, filledWidth, rowCount: kept })}\n`;
  return new TextEncoder().encode(head + lines.join(''));
}
