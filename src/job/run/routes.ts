import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { Template } from '../../content/template/template.ts';
import type { Cache } from '../../database/cache.ts';
import type { NotificationType } from '../../database/tables.ts';
import { parseDatetime } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalidFields, noResultFound, Problem } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { plainErrors } from '../../http/server/error-format.ts';
import { readJson } from '../../http/server/request.ts';
import type { Formats } from '../../http/validate/check.ts';
import { orNull, relatedId, uuid } from '../../http/validate/shapes.ts';
import { replyToOf, senderOf } from '../../message/submission/one-off/prepare.ts';
import { refuseUnprovided } from '../../message/submission/prepare.ts';
import { requirePermission } from '../../tenant/permission/acting.ts';
import type { Service } from '../../tenant/service/service.ts';
import { userIn } from '../../tenant/user/named.ts';
import { findUpload, type Upload } from '../upload/store.ts';
import { type CreateDeps, createJob, notValid } from './create.ts';
import { type JobRecord, jobSchema, longestHold, showJob } from './job.ts';
import { findJob } from './store.ts';
import { findJobCounts } from './store-counts.ts';

export type JobRouteDeps = CreateDeps &
  Readonly<{
    services: Cache<Service | null>;
    templates: TemplateCaches;
    unprovided: readonly NotificationType[];
    emailDomain: string;
    /** How far ahead a job can be scheduled. */
    scheduledJobMaxDays: number;
  }>;

/** The permission that a job needs, by the type of its template. */
export const sendPermissions = { sms: 'send_texts', email: 'send_emails' } as const;
const notAllowed = {
  sms: 'Service is not allowed to send text messages',
  email: 'Service is not allowed to send emails',
} as const;

const body = Type.Object({
  id: relatedId('The upload that it is made of; also the id of the job.'),
  original_file_name: Type.Optional(
    Type.String({ format: 'text', maxLength: 1600, description: 'By default that of the upload.' }),
  ),
  template: Type.Optional(
    relatedId(
      'By default the template that the upload was checked for; another one has to be of the same type.',
    ),
  ),
  notification_count: Type.Optional(
    Type.Integer({ description: 'The rows of the upload; any other number is refused.' }),
  ),
  created_by: relatedId('The id of the user who makes it; the acting user if there is one.'),
  contact_list_id: Type.Optional(
    orNull(relatedId(''), 'The contact list that the upload was made of; any other one is refused.'),
  ),
  scheduled_for: Type.Optional(
    orNull(
      Type.String({ format: 'datetime' }),
      'When it begins; by default at once. ISO 8601, UTC if it names no zone.',
    ),
  ),
  hold_seconds: Type.Optional(
    orNull(
      Type.Integer({ minimum: 0, maximum: longestHold }),
      'Its first row is made after so many seconds: until then, stopping it leaves no trace at any recipient.',
    ),
  ),
  sender_id: Type.Optional(
    orNull(
      Type.String(),
      'One of the service’s senders or reply-to addresses; by default the one chosen with the upload, else the default one.',
    ),
  ),
});

const ofService = `/service/${uuidPart('service_id')}/job`;
const common = { tag: 'Administration', authentication: 'admin', permission: 'member' } as const;
const one = { description: 'The job.', schema: Type.Object({ data: jobSchema }) };

const create = defineRoute({
  ...common,
  // And `send_texts` or `send_emails`, which only the template tells.
  method: 'POST',
  path: ofService,
  handlerName: 'job.create_job',
  summary: 'Send to a file of recipients',
  description:
    'Makes a job of an upload. The template’s current version is used, whatever changes later. Every row becomes a message; one that may not be sent says why. Whoever acts needs `send_texts` or `send_emails`, by the type of the template. There is one job for an upload: the same request again is answered with it.',
  params: Type.Object({ service_id: uuid('The service.') }),
  body,
  example: { id: '{upload_id}', created_by: '{user_id}' },
  answers: {
    201: one,
    400: { description: 'The job is not possible, or the upload has a job for another time.' },
    403: { description: 'The service is inactive.' },
    404: { description: 'The service has no such upload or template, or there is no such user.' },
  },
  formats: scheduleFormat,
  // In the order of spec 04, section 6.1: what is missing is told after what the template says.
  before: async (deps: JobRouteDeps, request) => {
    await findSubject(deps, request, readJson(request.body, plainErrors.malformedJson));
  },
  refine: (_deps, { scheduled_for: at = null, hold_seconds: seconds = null }) =>
    at === null || seconds === null
      ? []
      : [{ field: 'hold_seconds', text: 'A scheduled job is not held: it can be cancelled until its time.' }],
  async handler(deps: JobRouteDeps, request) {
    const { body, actorId, carriedId: requestId } = request;
    const subject = await findSubject(deps, request, body);
    const { service, template, upload } = subject;
    if (body.notification_count !== undefined && body.notification_count !== upload.rowCount)
      throw invalidFields({ notification_count: [`The file has ${upload.rowCount} rows.`] });
    const { contact_list_id: listId = null } = body;
    if (listId !== null && (upload.contactListId === null || parseUuid(listId) !== upload.contactListId))
      throw invalidFields({ contact_list_id: ['The file is not of this contact list.'] });
    const scheduledFor = body.scheduled_for ? parseDatetime(body.scheduled_for) : null;
    const made =
      subject.job === null
        ? await createJob(deps, {
            ...{ service, template, upload, scheduledFor },
            originalFileName: body.original_file_name ?? null,
            createdBy: actorId ?? (await userIn(deps.db, body.created_by)),
            replyToText: chosenSender(deps, service, template.type, body.sender_id ?? upload.senderId),
            holdSeconds: body.hold_seconds ?? 0,
            ...{ key: null, reference: null, requestId },
          })
        : { job: subject.job, isNew: false };
    if (!made.isNew) refuseOther(made.job, scheduledFor);
    return await shown(deps, made.job);
  },
});

const read = defineRoute({
  ...common,
  method: 'GET',
  path: `${ofService}/:job_id`,
  handlerName: 'job.get_job_by_service_and_job_id',
  summary: 'Read a job',
  // Any text: one that is no UUID is an unknown job (spec 04, section 0.2).
  params: Type.Object({ service_id: uuid('The service.'), job_id: Type.String() }),
  answers: { 200: one, 404: { description: 'The service has no such job.' } },
  async handler(deps: JobRouteDeps, { params }) {
    return await shown(deps, await jobIn(deps, params));
  },
});

/** Making and reading jobs (spec 04, sections 6.1 to 6.3). */
export const jobRoutes = [create, read];

/** The job that a path names. Throws a Problem (404). */
export async function jobIn(
  { db }: Pick<JobRouteDeps, 'db'>,
  { service_id: serviceId, job_id: given }: { service_id: string; job_id: string },
): Promise<JobRecord> {
  const id = parseUuid(given);
  const job = id === null ? null : await findJob(db, serviceId, id);
  if (!job) throw noResultFound();
  return job;
}

/** A job as routes answer with it. */
export async function shown({ db }: Pick<JobRouteDeps, 'db'>, job: JobRecord) {
  return { data: showJob(job, (await findJobCounts(db, [job.id])).get(job.id) ?? []) };
}

/** What a job would be made of, and the job if it has been made. */
type Subject = Readonly<{ service: Service; template: Template; upload: Upload; job: JobRecord | null }>;

/** The checks of spec 04, section 6.1, in their order, down to those of single fields. Throws a Problem. */
async function findSubject(
  deps: JobRouteDeps,
  request: Pick<FastifyRequest, 'actor'> & { params: { service_id: string } },
  given: unknown,
): Promise<Subject> {
  const { db, cipher, services, templates } = deps;
  const { service_id: serviceId } = request.params;
  const service = await services.get(serviceId);
  if (!service) throw noResultFound();
  if (!service.active) {
    const message = 'Create job is not allowed: service is inactive ';
    throw new Problem(403, [{ error: 'BadRequestError', message }]);
  }
  const fields = (given ?? {}) as Readonly<Record<string, unknown>>;
  if (fields['id'] === undefined || fields['id'] === null)
    throw invalidFields({ id: ['Missing data for required field.'] });
  const id = parseUuid(fields['id']);
  const upload = id === null ? null : await findUpload(db, cipher, serviceId, id);
  const templateId = fields['template'] === undefined ? upload?.templateId : parseUuid(fields['template']);
  const template = templateId ? await templates.templates.get(templateId) : null;
  if (!upload || !template || template.serviceId !== serviceId || template.hidden) throw noResultFound();
  requirePermission(request, sendPermissions[template.type]);
  const job = await findJob(db, serviceId, upload.id);
  if (job) return { service, template, upload, job };
  if (!service.permissions.has(template.type)) throw badRequest(notAllowed[template.type]);
  refuseUnprovided(deps, template.type);
  if (!upload.valid) throw badRequest(notValid);
  if (template.archived) throw invalidFields({ template: ['Template has been deleted'] });
  if (template.type !== upload.templateType)
    throw invalidFields({ template: ['The file was checked for a template of another type'] });
  return { service, template, upload, job };
}

function scheduleFormat({ clock, scheduledJobMaxDays: days }: JobRouteDeps): Formats {
  return {
    datetime(text) {
      const at = parseDatetime(text)?.getTime();
      if (at === undefined) return 'Not a valid datetime.';
      const now = clock.now();
      if (at < now) return 'Date cannot be in the past';
      if (at <= now + days * 86_400_000) return null;
      return `Date cannot be more than ${days === 1 ? '1 day' : `${days} days`} in the future`;
    },
  };
}

/** The sender or reply-to address that was chosen; null: the default one. Throws a Problem. */
function chosenSender(
  deps: JobRouteDeps,
  service: Service,
  type: NotificationType,
  wanted: string | null,
): string | null {
  if (type === 'email') return replyToOf(deps, service, wanted);
  return wanted === null ? null : senderOf(service.smsSenders, wanted, 'SMS sender not found')!.text;
}

/** Whoever asks for another time must not believe that the job has it. */
function refuseOther({ scheduledFor }: JobRecord, wanted: Date | null): void {
  if (scheduledFor?.getTime() !== wanted?.getTime()) throw invalidFields({ id: ['Already in use'] });
}
