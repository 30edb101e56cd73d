import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Reads } from '../../database/reads.ts';
import { isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { personalisationOf } from './personalisation.ts';
import { missingPlaceholders } from './placeholder.ts';
import {
  findWrittenTemplate,
  findWrittenTemplates,
  type TemplateCaches,
  type WrittenTemplate,
} from './store.ts';
import { compileContent, placeholdersIn, type Render, type Template } from './template.ts';

export type TemplateRouteDeps = Readonly<{ reads: Reads; templates: TemplateCaches; render: Render }>;

const types = Type.Unsafe<string>({ type: 'string', enum: ['sms', 'email', 'letter'] });

/** In errors `{template_id}` is called `id` (spec 01, section 3.10). */
const templateId = Type.String({
  format: 'uuid',
  description: 'The id of the template.',
  errorName: 'id',
});

const templateVersion = Type.Integer({
  minimum: 0,
  description: 'Starts at 1; 0 means the current one.',
  examples: [1],
});

const subject = Type.Union([Type.String(), Type.Null()], { description: 'null for a text message.' });
const postage = Type.Null({ description: 'Always null: there are no letters.' });

/** A template in a response (spec 01, section 3.10). */
const template = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    type: types,
    name: Type.String(),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When this version was made; null for the first.',
    }),
    created_by: Type.String({ description: 'Email address of the author of this version.' }),
    version: Type.Integer({ minimum: 1 }),
    body: Type.String({ description: 'As written, with its placeholders.' }),
    subject,
    personalisation: Type.Unsafe<Record<string, { required: true }>>({
      type: 'object',
      description: 'The names of the placeholders.',
      additionalProperties: {
        type: 'object',
        properties: { required: { const: true } },
        required: ['required'],
      },
    }),
    postage,
    letter_contact_block: Type.Null({ description: 'Always null: there are no letters.' }),
  },
  { $id: 'Template' },
);

const templatesQuery = Type.Object({ type: Type.Optional(types) }, { additionalProperties: false });

const personalisation = Type.Optional(
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    description: 'Values for the placeholders of the template.',
  }),
);

/** A template filled in. */
const preview = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    type: types,
    version: Type.Integer({ minimum: 1 }),
    body: Type.String({ description: 'The text with its values filled in; Markdown for an email.' }),
    html: Type.Union([Type.String(), Type.Null()], {
      description: 'The body of an email as HTML, without the page around it; null for a text.',
    }),
    subject,
    postage,
  },
  { $id: 'TemplatePreview' },
);

const common = { tag: 'Templates', authentication: 'service key' } as const;
const notFound = { description: 'The service has no such template or version.' };
const badId = { description: '`id` is not a UUID.' };

const readTemplate = defineRoute({
  ...common,
  method: 'GET',
  path: '/v2/template/:template_id',
  handlerName: 'v2_template.get_template_by_id',
  summary: 'Read a template',
  description: 'The current version. A deleted template can still be read by its `id`.',
  params: Type.Object({ template_id: templateId }),
  client: "getTemplateById('{template_id}')",
  answers: { 200: { description: 'The template.', schema: template }, 400: badId, 404: notFound },
  handler: (deps: TemplateRouteDeps, { params, caller }, reply) =>
    show(deps, reply, caller.service.id, params.template_id, null),
});

const readVersion = defineRoute({
  ...common,
  method: 'GET',
  // A path with any other version does not exist.
  path: '/v2/template/:template_id/version/:version(^\\d+$)',
  handlerName: 'v2_template.get_template_by_id',
  summary: 'Read a version of a template',
  params: Type.Object({ template_id: templateId, version: templateVersion }),
  client: "getTemplateByIdAndVersion('{template_id}', 1)",
  answers: {
    200: { description: 'That version of the template.', schema: template },
    400: badId,
    404: notFound,
  },
  handler: (deps: TemplateRouteDeps, { params, caller }, reply) =>
    show(deps, reply, caller.service.id, params.template_id, params.version === 0 ? null : params.version),
});

const readTemplates = defineRoute({
  ...common,
  method: 'GET',
  path: '/v2/templates',
  handlerName: 'v2_templates.get_templates',
  summary: 'Read all templates',
  description: 'The current versions of all templates that are not deleted, sorted by name.',
  query: templatesQuery,
  client: 'getAllTemplates()',
  answers: {
    200: { description: 'The templates.', schema: Type.Object({ templates: Type.Array(template) }) },
    400: { description: 'Unknown parameter, or unknown value of `type`.' },
  },
  async handler({ reads }: TemplateRouteDeps, { query, caller: { service } }, reply) {
    const found = await reads(service.id, callerLeaves(reply), (db) =>
      findWrittenTemplates(db, service.id, query.type ?? null),
    );
    return { templates: found.map(showTemplate) };
  },
});

const previewOne = defineRoute({
  ...common,
  method: 'POST',
  path: '/v2/template/:template_id/preview',
  handlerName: 'v2_template.post_template_preview',
  summary: 'Preview a message',
  description: 'Fills in the current version of a template. Nothing is sent.',
  params: Type.Object({ template_id: templateId }),
  // Other properties are ignored (spec 01, section 3.10).
  body: Type.Object({ personalisation }),
  bodyOptional: true,
  example: { personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' } },
  client:
    "previewTemplateById('{template_id}', { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' })",
  answers: {
    200: { description: 'The message.', schema: preview },
    400: { description: '`id` is not a UUID, or personalisation is missing.' },
    404: notFound,
  },
  async handler({ templates, render }: TemplateRouteDeps, { params, body, caller }) {
    const template = await templates.templates.get(params.template_id);
    if (!template || template.serviceId !== caller.service.id || template.hidden) throw noResultFound();
    return await previewTemplate(render, template, body.personalisation ?? {});
  },
});

/** Templates in v2 (spec 01, section 3.10). */
export const templateRoutes = [readTemplate, readVersion, readTemplates, previewOne];

/** PostgreSQL's largest integer; no template has as many versions. */
const mostVersions = 2 ** 31 - 1;

/** `version`: null is the current one. Throws a Problem. */
async function show(
  { reads }: TemplateRouteDeps,
  reply: FastifyReply,
  serviceId: string,
  id: string,
  version: number | null,
) {
  if ((version ?? 0) > mostVersions) throw noResultFound();
  const found = await reads(serviceId, callerLeaves(reply), (db) =>
    findWrittenTemplate(db, serviceId, id, version),
  );
  if (!found) throw noResultFound();
  return showTemplate(found);
}

/** A template as `GET /v2/template/{id}` shows it (spec 01, section 3.10). Every key is always present. */
function showTemplate(template: WrittenTemplate) {
  const { id, type, name, subject, content, version, createdAt, updatedAt, author } = template;
  const placeholders = placeholdersIn(compileContent(type, subject, content));
  return {
    id,
    type,
    name,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
    created_by: author.email_address,
    version,
    body: content,
    subject: type === 'sms' ? null : subject,
    personalisation: Object.fromEntries(placeholders.map((placeholder) => [placeholder, { required: true }])),
    postage: null,
    letter_contact_block: null,
  };
}

/**
 * The current version filled in, as `POST /v2/template/{id}/preview` shows it (spec 01, section 3.10). Throws a Problem
 * (400) when a value is missing.
 */
async function previewTemplate(
  render: Render,
  { id, type, current }: Template,
  personalisation: Readonly<Record<string, unknown>>,
) {
  const { content, version } = current;
  const values = personalisationOf(personalisation);
  const missing = missingPlaceholders(placeholdersIn(content), values);
  if (missing.length > 0) throw badRequest(`Missing personalisation: ${missing.join(', ')}`);
  const texts =
    content.type === 'sms'
      ? { body: (await render('sms', content, values, null)).text, html: null, subject: null }
      : await render('preview', content, values, null);
  return { id, type, version, ...texts, postage: null };
}
