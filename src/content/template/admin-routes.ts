import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import { badRequest, invalid, invalidFields, noResultFound, Problem } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors, type ErrorFormat } from '../../http/server/error-format.ts';
import { queryParameters, sendStale } from '../../http/server/request.ts';
import { schemaTexts } from '../../http/validate/check.ts';
import { oneOf, orNull, staleAnswer, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { findPerson } from '../../tenant/permission/store.ts';
import { platformServiceId, type Service } from '../../tenant/service/service.ts';
import { blank, changeLatest, eventData, redact, refuseText, textOf } from './change.ts';
import { maxEmailBytes } from './email.ts';
import { personalisationOf } from './personalisation.ts';
import { missingPlaceholders } from './placeholder.ts';
import { maxSmsCharacters } from './sms.ts';
import {
  addTemplate,
  findNewest,
  findVersions,
  findWrittenTemplate,
  type Sight,
  type TemplatePage,
  type WrittenTemplate,
} from './store.ts';
import { findFolders, holdFolder } from './store-folders.ts';
import { compileContent, placeholdersIn, type Render } from './template.ts';

export type AdminTemplateRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  services: Cache<Service | null>;
  render: Render;
}>;

const longestName = 255;
const templateTypes = ['sms', 'email', 'letter'] as const;
const processTypes = ['normal', 'priority'] as const;

const name = Type.String({ maxLength: longestName, format: 'text' });
export const content = Type.String({
  format: 'text',
  description: `With placeholders, stored as typed. A text has at most ${maxSmsCharacters} characters, placeholders as typed; any content ${maxEmailBytes} bytes.`,
});
export const subject = orNull(Type.String({ format: 'text' }), 'Required for an email; null for a text.');
// No `type`, so that a value of any JSON type gets the enum's error (spec 04, section 10.3).
const templateType = Type.Unsafe<(typeof templateTypes)[number]>({ enum: [...templateTypes] });
const processType = Type.Unsafe<(typeof processTypes)[number]>({
  enum: [...processTypes],
  description: 'Messages of `priority` templates overtake others.',
});
const hasUnsubscribeLink = orNull(Type.Boolean(), 'Emails only: they end with a link to unsubscribe.');
const author = uuid('The id of the user who does it; the acting user if there is one.');

const createRequest = Type.Object({
  name,
  template_type: templateType,
  content,
  subject: Type.Optional(subject),
  process_type: Type.Optional(processType),
  has_unsubscribe_link: Type.Optional(hasUnsubscribeLink),
  created_by: author,
  parent_folder_id: Type.Optional(orNull(uuid(), 'The folder to put it in.')),
});
const changeRequest = Type.Object({
  name: Type.Optional(name),
  template_type: Type.Optional(templateType),
  content: Type.Optional(content),
  subject: Type.Optional(subject),
  process_type: Type.Optional(processType),
  has_unsubscribe_link: Type.Optional(hasUnsubscribeLink),
  archived: Type.Optional(
    Type.Boolean({ description: 'true deletes the template for users, false restores it.' }),
  ),
  redact_personalisation: Type.Optional(
    Type.Boolean({
      description:
        'true hides the values in its messages on web pages, for good; nothing else of the body is done.',
    }),
  ),
  created_by: Type.Optional(author),
  version: Type.Optional(
    Type.Integer({ minimum: 1, description: 'The version that is changed; 409 if there is a newer one.' }),
  ),
});

const fields = {
  id: uuid(),
  name: Type.String(),
  template_type: oneOf(['sms', 'email']),
  subject: orNull(Type.String()),
  content: Type.String(),
  service: uuid(),
  created_at: time,
  updated_at: orNull(time, 'When this version was made; null for the first.'),
  version: Type.Integer(),
  archived: Type.Boolean(),
  process_type: oneOf(processTypes),
  folder: orNull(uuid()),
  redact_personalisation: Type.Boolean(),
  has_unsubscribe_link: Type.Boolean(),
};
const templateSchema = Type.Object(
  { ...fields, created_by: uuid('Who wrote this version.') },
  { $id: 'AdminTemplate' },
);
const versionSchema = Type.Object(
  {
    ...fields,
    created_by: Type.Object({ id: uuid(), name: Type.String(), email_address: Type.String() }),
  },
  { $id: 'AdminTemplateVersion' },
);
const shortSchema = Type.Object({
  id: fields.id,
  name: fields.name,
  template_type: fields.template_type,
  folder: fields.folder,
  is_precompiled_letter: Type.Boolean({ description: 'Always false: there are no letters.' }),
});
const links = Type.Optional(
  Type.Object({ next: Type.String() }, { description: 'Only if there are more, which did not fit.' }),
);

const common = { tag: 'Administration', authentication: 'admin' } as const;
const base = `/service/${uuidPart('service_id')}/template`;
const byId = `${base}/${uuidPart('template_id')}`;
const ofService = Type.Object({ service_id: uuid() });
const withId = Type.Object({ service_id: uuid(), template_id: uuid() });
const notFound = { description: 'There is no such service, template, version or user.' };
const refused = { description: 'The body is invalid, or the template could not be sent.' };
const badQuery = { description: 'A parameter is invalid.' };
const forbidden = { description: 'The service may not send messages of this type.' };
const one = { description: 'The template.', schema: Type.Object({ data: templateSchema }) };

/** Faults that the route adds come first: of a missing subject (spec 02, section 10.4). */
const errors: ErrorFormat = {
  ...adminSchemaErrors,
  invalidRequest: (violations, refined) => invalid(schemaTexts([...refined, ...violations])),
};

const create = defineRoute({
  ...common,
  permission: 'manage_templates',
  method: 'POST',
  path: base,
  handlerName: 'template.create_template',
  summary: 'Create a template',
  params: ofService,
  body: createRequest,
  example: {
    ...{ name: 'High tide', template_type: 'sms', content: 'High tide is at ((time))' },
    created_by: '{user_id}',
  },
  errors,
  answers: { 201: one, 400: refused, 403: forbidden, 404: notFound },
  async before({ services }: AdminTemplateRouteDeps, { params }) {
    if (!(await services.get(params.service_id))) throw noResultFound();
  },
  refine: (_deps, body) =>
    !Object.hasOwn(body, 'subject') &&
    (!Object.hasOwn(body, 'template_type') || ['email', 'letter'].includes(body['template_type'] as string))
      ? [{ field: 'subject', text: 'is a required property' }]
      : [],
  async handler(deps: AdminTemplateRouteDeps, { params: { service_id: serviceId }, body, actorId }) {
    const { db, clock } = deps;
    const folderId = body.parent_folder_id ? parseUuid(body.parent_folder_id) : null;
    const createdBy = actorId ?? parseUuid(body.created_by)!;
    const at = new Date(clock.now());
    const id = randomUUID();
    if (folderId !== null && (await findFolders(db, serviceId, folderId)).length === 0) throw noFolder();
    const type = await allowedType(deps, serviceId, body.template_type, 'Creating');
    const text = textOf(type, body, blank);
    await refuseText(deps, type, text);
    if (!(await findPerson(db, createdBy, null))) throw noResultFound();
    await db.transaction().execute(async (trx) => {
      if (folderId !== null && !(await holdFolder(trx, serviceId, folderId))) throw noFolder();
      await addTemplate(trx, { id, serviceId, type, ...text, createdBy, folderId, createdAt: at });
      const after = { ...eventData(text), template_type: type, version: 1, folder: folderId };
      const event = { type: 'create_template', serviceId, userId: createdBy, subjectId: id };
      await recordEvent(trx, { ...event, data: { before: null, after } }, at);
    });
    return { data: show((await findWrittenTemplate(db, serviceId, id, null))!) };
  },
});

const change = defineRoute({
  ...common,
  permission: 'manage_templates',
  method: 'POST',
  path: byId,
  handlerName: 'template.update_template',
  summary: 'Change a template',
  description:
    'Absent fields stay as they are. Each change is a new version; if nothing changes there is none. `archived` deletes and restores. Name the `version` that was edited, so as not to overwrite what somebody else has changed since. Templates of the platform’s own messages cannot be deleted, and have to keep their placeholders.',
  params: withId,
  body: changeRequest,
  errors: adminSchemaErrors,
  answers: {
    200: {
      description: 'The template; null after redacting.',
      schema: orNull(Type.Object({ data: templateSchema })),
    },
    400: refused,
    403: forbidden,
    404: notFound,
    409: staleAnswer('template', templateSchema),
  },
  async before(deps: AdminTemplateRouteDeps, { params, mayDoForOthers }) {
    const { type } = await read(deps, params, mayDoForOthers);
    await allowedType(deps, params.service_id, type, 'Updating');
  },
  async handler(deps: AdminTemplateRouteDeps, { params, body, actorId, mayDoForOthers }, reply) {
    const current = await read(deps, params, mayDoForOthers);
    const userId = actorId ?? (body.created_by === undefined ? null : parseUuid(body.created_by));
    if (userId !== null && !(await findPerson(deps.db, userId, null))) throw noResultFound();
    if (body.redact_personalisation) {
      await redact(deps, current, userId);
      return reply.type('application/json').send('null');
    }
    if (body.template_type !== undefined && body.template_type !== current.type)
      throw invalidFields({ template_type: ['The type of a template cannot be changed'] });
    if (body.redact_personalisation === false && current.redacted)
      throw invalidFields({ redact_personalisation: ['Redaction cannot be undone'] });
    const { template, isStale } = await changeLatest(deps, current, body, userId);
    const data = show(template);
    return isStale ? sendStale(reply, 'template', data) : { data };
  },
});

const list = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: base,
  handlerName: 'template.get_all_templates_for_service',
  summary: 'List the templates of a service',
  description: 'Those that are not deleted, newest first; follow `links.next` if there is one.',
  params: ofService,
  query: Type.Object({
    archived: Type.Optional(oneOf(['True', 'False'], 'True lists the deleted ones instead.')),
    detailed: Type.Optional(oneOf(['True', 'False'], 'False gives the short form.')),
    older_than: Type.Optional(uuid('Only templates created before the one with this `id`.')),
  }),
  answers: {
    200: {
      description: 'The templates.',
      schema: Type.Object({ data: Type.Array(Type.Union([templateSchema, shortSchema])), links }),
    },
    400: badQuery,
  },
  async handler({ db }: AdminTemplateRouteDeps, { params, query, mayDoForOthers }) {
    const { service_id: serviceId } = params;
    const sight = sightOf(params, mayDoForOthers);
    const { older_than: olderThan = null, archived, detailed } = query;
    const page = await findNewest(db, serviceId, archived === 'True', olderThan, sight);
    const same = new URLSearchParams({ ...(archived && { archived }), ...(detailed && { detailed }) });
    const next = `/service/${serviceId}/template?older_than=${page.templates.at(-1)?.id}${same.size === 0 ? '' : `&${same}`}`;
    return query.detailed === 'False' ? showPage(page, showShort, next) : showPage(page, show, next);
  },
});

const readOne = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: byId,
  handlerName: 'template.get_template_by_id_and_service_id',
  summary: 'Read a template of a service',
  description: 'Its current version, also if it is deleted.',
  params: withId,
  answers: { 200: one, 404: notFound },
  handler: async (deps: AdminTemplateRouteDeps, { params, mayDoForOthers }) => ({
    data: show(await read(deps, params, mayDoForOthers)),
  }),
});

const readVersions = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: `${byId}/versions`,
  handlerName: 'template.get_template_versions',
  summary: 'List the versions of a template',
  description: 'Highest first; follow `links.next` if there is one.',
  params: withId,
  query: Type.Object({
    older_than: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1, description: 'Only versions below this.' }),
    ),
  }),
  answers: {
    200: { description: 'The versions.', schema: Type.Object({ data: Type.Array(versionSchema), links }) },
    400: badQuery,
  },
  async handler({ db }: AdminTemplateRouteDeps, { params, query, mayDoForOthers }) {
    const { service_id: serviceId, template_id: id } = params;
    const sight = sightOf(params, mayDoForOthers);
    const page = await findVersions(db, serviceId, id, query.older_than ?? null, sight);
    const next = `/service/${serviceId}/template/${id}/versions?older_than=${page.templates.at(-1)?.version}`;
    return showPage(page, showVersion, next);
  },
});

const readVersion = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: `${byId}/version/:version(^\\d+$)`,
  handlerName: 'template.get_template_version',
  summary: 'Read a version of a template of a service',
  params: Type.Object({
    ...withId.properties,
    version: Type.Integer({ examples: [1] }),
  }),
  answers: {
    200: { description: 'The version.', schema: Type.Object({ data: versionSchema }) },
    404: notFound,
  },
  async handler({ db }: AdminTemplateRouteDeps, { params, mayDoForOthers }) {
    const { service_id: serviceId, template_id: id, version } = params;
    const sight = sightOf(params, mayDoForOthers);
    const found = version < 2 ** 31 ? await findWrittenTemplate(db, serviceId, id, version, sight) : null;
    if (!found) throw noResultFound();
    return { data: showVersion(found) };
  },
});

const preview = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: `${byId}/preview`,
  handlerName: 'template.preview_template_by_id_and_service_id',
  summary: 'Fill in a template of a service',
  description: 'Each placeholder is a parameter of the query, such as those below; others are ignored.',
  params: withId,
  rawQuery: Type.Object({
    name: Type.Optional(Type.String({ examples: ['Rowan'] })),
    time: Type.Optional(Type.String({ examples: ['14:05'] })),
  }),
  answers: {
    200: { description: 'The template with its subject and content filled in.', schema: templateSchema },
    400: { description: 'A value is missing, or the message is too long.' },
    404: notFound,
  },
  async handler(deps: AdminTemplateRouteDeps, { params, url, mayDoForOthers }) {
    const found = await read(deps, params, mayDoForOthers);
    const compiled = compileContent(found.type, found.subject, found.content);
    const given = [...queryParameters(url)].reverse();
    const values = personalisationOf(Object.fromEntries(given));
    const missing = missingPlaceholders(placeholdersIn(compiled), values);
    if (missing.length > 0)
      throw invalidFields({ template: [`Missing personalisation: ${missing.join(', ')}`] });
    const filled =
      compiled.type === 'sms'
        ? { subject: null, content: (await deps.render('sms', compiled, values, null)).text }
        : await deps.render('preview', compiled, values, null);
    const body = 'body' in filled ? filled.body : filled.content;
    return { ...show(found), subject: filled.subject, content: body };
  },
});

/** Templates in the admin API (spec 04, sections 5.1 to 5.5). */
export const adminTemplateRoutes = [create, change, list, readOne, preview, readVersions, readVersion];

type Ids = Readonly<{ service_id: string; template_id: string }>;

/** The platform's own templates are hidden from everybody but operators and the admin client itself. */
function sightOf({ service_id }: Pick<Ids, 'service_id'>, mayDoForOthers: boolean): Sight {
  return { hidden: mayDoForOthers && parseUuid(service_id) === platformServiceId };
}

/** Throws a Problem (404) if the service has no such template. */
async function read({ db }: AdminTemplateRouteDeps, params: Ids, mayDoForOthers: boolean) {
  const { service_id, template_id } = params;
  const sight = sightOf(params, mayDoForOthers);
  const found = await findWrittenTemplate(db, service_id, template_id, null, sight);
  if (!found) throw noResultFound();
  return found;
}

/** The type, if the service may send it. Throws a Problem (403) if not; nobody may send letters. */
async function allowedType(
  { services }: AdminTemplateRouteDeps,
  serviceId: string,
  type: (typeof templateTypes)[number],
  doing: 'Creating' | 'Updating',
): Promise<'sms' | 'email'> {
  const service = await services.get(serviceId);
  if (type !== 'letter' && service?.permissions.has(type)) return type;
  const what = type === 'sms' ? 'text message' : type;
  throw new Problem(403, [
    {
      ...{ error: 'BadRequestError', field: 'template_type' },
      message: `${doing} ${what} templates is not allowed`,
    },
  ]);
}

function noFolder(): Problem {
  return badRequest('parent_folder_id not found');
}

function show(template: WrittenTemplate): Static<typeof templateSchema> {
  return { ...showVersion(template), created_by: template.author.id };
}

function showVersion(template: WrittenTemplate): Static<typeof versionSchema> {
  return {
    id: template.id,
    name: template.name,
    template_type: template.type,
    subject: template.type === 'sms' ? null : template.subject,
    content: template.content,
    service: template.serviceId,
    created_by: template.author,
    created_at: isoMicroseconds(template.createdAt),
    updated_at: template.updatedAt && isoMicroseconds(template.updatedAt),
    version: template.version,
    archived: template.archived,
    process_type: template.priority ? 'priority' : 'normal',
    folder: template.folderId,
    redact_personalisation: template.redacted,
    has_unsubscribe_link: template.hasUnsubscribeLink,
  };
}

function showShort({ id, name, type, folderId }: WrittenTemplate): Static<typeof shortSchema> {
  return { id, name, template_type: type, folder: folderId, is_precompiled_letter: false };
}

function showPage<Shown>(
  { templates, isCut }: TemplatePage,
  showOne: (template: WrittenTemplate) => Shown,
  next: string,
) {
  return { data: templates.map(showOne), ...(isCut && { links: { next } }) };
}
