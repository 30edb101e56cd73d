import { Type } from 'typebox';
import type { Template } from '../../content/template/template.ts';
import type { Cache } from '../../database/cache.ts';
import type { Reads } from '../../database/reads.ts';
import type { NotificationType } from '../../database/tables.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound, Problem } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { refusal } from '../../http/server/permission.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { relatedId, uuid } from '../../http/validate/shapes.ts';
import { senderOf } from '../../message/submission/one-off/prepare.ts';
import { refuseUnprovided } from '../../message/submission/prepare.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { requirePermission } from '../../tenant/permission/acting.ts';
import type { Service } from '../../tenant/service/service.ts';
import { unreadable } from './check-threads.ts';
import { fileTexts, isSpreadsheetName } from './file-format.ts';
import { refuseWithJob } from './mend.ts';
import { type ReceiveDeps, receiveFile } from './receive.ts';
import {
  type OpenUpload,
  openUpload,
  type ShowDeps,
  showUpload,
  showWaiting,
  uploadSchema,
  waitingSchema,
} from './show.ts';
import { deleteUpload, findUpload, findWaitingUploads, lockUpload, storableText } from './store.ts';

export type UploadRouteDeps = ReceiveDeps &
  ShowDeps &
  Readonly<{
    reads: Reads;
    publicUrl: string | null;
    services: Cache<Service | null>;
    /** Types that no provider is configured for. */
    unprovided: readonly NotificationType[];
  }>;

export const common = {
  tag: 'Administration',
  authentication: 'admin',
  // And `send_texts` or `send_emails`: for a change the one of the template's type, for a look either.
  permission: 'member',
} as const;
export const path = `/service/${uuidPart('service_id')}/upload`;
export const uploadPath = `${path}/${uuidPart('upload_id')}`;
export const uploadParams = { service_id: uuid('The service.'), upload_id: uuid('The upload.') };

const mostBytes = 10 * 1024 * 1024;
const longestName = 1600;

const receive = defineRoute({
  ...common,
  method: 'POST',
  path,
  handlerName: 'upload.create_upload',
  summary: 'Upload and check a file of recipients',
  description:
    'CSV, TSV, XLSX or ODS as the body, as it is; any content type, any usual encoding. Each row is checked for the current version of the template. Faults of rows are no refusal: the answer names them, and they can be mended, left out or downloaded. A job can be made of it while it is kept. Whoever acts needs `send_texts` or `send_emails`, by the type of the template. One file of a service is checked at a time; a few more wait.',
  params: Type.Object({ service_id: uuid('The service.') }),
  query: Type.Object(
    {
      template_id: relatedId('The template.', ['{sms_template_id}']),
      file_name: Type.String({
        maxLength: longestName,
        examples: ['tides.csv'],
        description: 'As the person’s machine names it; its extension has to be one of a spreadsheet.',
      }),
      sender_id: Type.Optional(
        Type.String({ description: 'One of the service’s senders or reply-to addresses.' }),
      ),
    },
    { additionalProperties: false },
  ),
  rawBody: { schema: Type.String({ description: 'The file.' }), contentType: 'text/csv' },
  bodyLimit: mostBytes,
  bodyLimitText: fileTexts.tooLarge,
  example: 'phone number,name,time\n07700 900123,Rowan,14:05\n07700 900456,Ash,15:10\n',
  answers: {
    201: { description: 'The file was read.', schema: Type.Object({ data: uploadSchema }) },
    400: { description: 'The file cannot be read, or a parameter is invalid. Nothing was kept.' },
    404: { description: 'There is no such service or template.' },
    429: { description: 'Too many files are being checked.' },
  },
  async before({ services }: UploadRouteDeps, { params }) {
    const service = await services.get(params.service_id);
    if (!service) throw noResultFound();
  },
  async handler(deps: UploadRouteDeps, request, reply) {
    const { params, query, body, actorId } = request;
    const service = await deps.services.get(params.service_id);
    if (!service) throw noResultFound();
    const { template, senderId } = await findChosen(deps, request, service, query);
    const bytes = body as unknown;
    if (!Buffer.isBuffer(bytes) || bytes.length === 0) throw unreadable(fileTexts.noFile);
    const fileName = storableText(query.file_name);
    if (!isSpreadsheetName(fileName)) throw unreadable(fileTexts.wrongExtension);
    const file = {
      ...({ service, template, fileName, given: 'file', bytes, senderId } as const),
      ...{ createdBy: actorId, apiKeyId: null, contactListId: null, mostFaults: Number.POSITIVE_INFINITY },
    };
    return await shownUpload(deps, service, await receiveFile(deps, file, callerLeaves(reply)));
  },
});

/** As many files that wait to be sent as a list shows. */
const mostWaiting = 50;

const list = defineRoute({
  ...common,
  method: 'GET',
  path,
  handlerName: 'upload.get_uploads',
  summary: 'List the uploads that wait to be sent',
  description: `The newest ${mostWaiting} files that no job was made of, such as rows that were left out to be finished later.`,
  params: Type.Object({ service_id: uuid('The service.') }),
  answers: {
    200: {
      description: 'The uploads, the newest first.',
      schema: Type.Object({ data: Type.Array(waitingSchema) }),
    },
  },
  async handler(deps: UploadRouteDeps, request, reply) {
    const { service_id: serviceId } = request.params;
    const found = await deps.reads(serviceId, callerLeaves(reply), (db) =>
      findWaitingUploads(db, serviceId, mostWaiting),
    );
    return { data: found.map(showWaiting) };
  },
});

const read = defineRoute({
  ...common,
  method: 'GET',
  path: uploadPath,
  handlerName: 'upload.get_upload',
  summary: 'Read an upload',
  description: 'What the check found, as it is by now; the limits are those of the moment.',
  params: Type.Object(uploadParams),
  answers: {
    200: { description: 'The upload.', schema: Type.Object({ data: uploadSchema }) },
    404: { description: 'The service has no such upload, or its time is over.' },
  },
  async handler(deps: UploadRouteDeps, request, reply) {
    const open = await openForReading(deps, request);
    const { service_id: serviceId } = request.params;
    return await deps.reads(serviceId, callerLeaves(reply), async (db) => ({
      data: await showUpload(deps, db, open),
    }));
  },
});

const remove = defineRoute({
  ...common,
  method: 'DELETE',
  path: uploadPath,
  handlerName: 'upload.delete_upload',
  summary: 'Delete an upload',
  description: 'Its rows are gone at once. Not after a job has been made of it.',
  params: Type.Object(uploadParams),
  answers: {
    204: { description: 'It is gone.' },
    400: { description: 'A job has been made of it.' },
    404: { description: 'The service has no such upload, or its time is over.' },
  },
  async handler(deps: UploadRouteDeps, request) {
    const { service_id: serviceId, upload_id: id } = request.params;
    await openForWriting(deps, request);
    const at = new Date(deps.clock.now());
    await deps.db.transaction().execute(async (trx) => {
      const locked = await lockUpload(trx, deps.cipher, serviceId, id);
      if (!locked) throw noResultFound();
      refuseWithJob(locked);
      await deleteUpload(trx, id);
      const before = {
        ...{ template: locked.templateId, original_file_name: locked.originalFileName },
        notification_count: locked.rowCount,
      };
      const event = { type: 'delete_upload', serviceId, userId: request.actorId, subjectId: id };
      await recordEvent(trx, { ...event, data: { before, after: null } }, at);
    });
  },
});

/** Files of recipients (spec 04, section 6.4). */
export const uploadRoutes = [receive, list, read, remove];

/** The permission that a change needs, by the type of the template. */
export const permissions = { sms: 'send_texts', email: 'send_emails' } as const;
const notAllowed = {
  sms: 'Service is not allowed to send text messages',
  email: 'Service is not allowed to send emails',
};

/** A request about one upload of a service. */
type UploadRequest = Readonly<{ params: { service_id: string; upload_id: string } }> &
  Parameters<typeof requirePermission>[0];

/** The upload for somebody who may look at it. Throws a Problem. */
export async function openForReading(deps: UploadRouteDeps, request: UploadRequest): Promise<OpenUpload> {
  const open = await openOf(deps, request);
  requireEither(request);
  return open;
}

/** Throws a Problem (403) if whoever acts may send neither texts nor emails. */
export function requireEither(request: Parameters<typeof requirePermission>[0]): void {
  const { actor } = request;
  const mayText = !actor || refusal(actor, 'send_texts') === null;
  if (!mayText) requirePermission(request, 'send_emails');
}

/** The upload for somebody who may change it. Throws a Problem. */
export async function openForWriting(deps: UploadRouteDeps, request: UploadRequest): Promise<OpenUpload> {
  const open = await openOf(deps, request);
  requirePermission(request, permissions[open.upload.templateType]);
  return open;
}

async function openOf(deps: UploadRouteDeps, { params }: UploadRequest): Promise<OpenUpload> {
  const service = await deps.services.get(params.service_id);
  const upload = service && (await findUpload(deps.db, deps.cipher, service.id, params.upload_id));
  const open = upload && (await openUpload(deps, service, upload));
  if (!open) throw noResultFound();
  return open;
}

/** What rows are checked for, and who would be their sender. */
type Chosen = Readonly<{ template_id: unknown; sender_id?: string }>;

/** The checks of a new upload before its rows are looked at (spec 04, section 6.4). Throws a Problem. */
export async function findChosen(
  deps: UploadRouteDeps,
  request: Parameters<typeof requirePermission>[0],
  service: Service,
  { template_id: templateId, sender_id: senderId }: Chosen,
): Promise<Readonly<{ template: Template; senderId: string | null }>> {
  refuseInactive(service);
  const template = await findTemplate(deps, service, templateId);
  requirePermission(request, permissions[template.type]);
  if (!service.permissions.has(template.type)) throw badRequest(notAllowed[template.type]);
  refuseUnprovided(deps, template.type);
  if (template.archived) throw invalidFields({ template: ['Template has been deleted'] });
  return { template, senderId: senderIdOf(service, template.type, senderId ?? null) };
}

/** A new upload as its route answers with it. */
export async function shownUpload(deps: UploadRouteDeps, service: Service, id: string) {
  const upload = await findUpload(deps.db, deps.cipher, service.id, id);
  const open = upload && (await openUpload(deps, service, upload));
  if (!open) throw noResultFound();
  return { data: await showUpload(deps, deps.db, open) };
}

/** As for jobs (spec 04, section 6.1). */
function refuseInactive({ active }: Service): void {
  if (active) return;
  const message = 'Upload is not allowed: service is inactive';
  throw new Problem(403, [{ error: 'BadRequestError', message }]);
}

/** Throws a Problem (404) if the service has no such template. */
async function findTemplate(deps: UploadRouteDeps, service: Service, given: unknown): Promise<Template> {
  const id = parseUuid(given);
  const template = id === null ? null : await deps.templates.templates.get(id);
  if (!template || template.serviceId !== service.id || template.hidden) throw noResultFound();
  return template;
}

function senderIdOf(service: Service, type: NotificationType, given: string | null): string | null {
  if (given === null) return null;
  return type === 'sms'
    ? senderOf(service.smsSenders, given, 'SMS sender not found')!.id
    : senderOf(service.emailReplyTos, given, 'Reply to email address not found')!.id;
}
