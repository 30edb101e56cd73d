import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { parseUuid } from '../../ground/id.ts';
import { invalid, noResultFound } from '../../ground/problem.ts';
import { readJson, sendJson } from '../../http/validate/json-body.ts';
import { readQuery } from '../../http/validate/query.ts';
import { faultsOf } from '../../http/validate/schema.ts';
import {
  previewDescription,
  readDescription,
  readManyDescription,
  readVersionDescription,
} from './description.ts';
import { previewRequest, templatesQuery } from './schemas.ts';
import { findWrittenTemplate, findWrittenTemplates, type TemplateCaches } from './store.ts';
import { previewTemplate, showTemplate } from './template.ts';

export type TemplateRouteDeps = Readonly<{ db: Db; templates: TemplateCaches }>;

type WithId = FastifyRequest<{ Params: { template_id: string; version?: string } }>;

/** PostgreSQL's largest integer; no template has as many versions. */
const mostVersions = 2 ** 31 - 1;

/** Reading templates in v2. Needs `requireKey` before it. */
export function templateRoutes(app: FastifyInstance, { db, templates }: TemplateRouteDeps): void {
  async function read(request: WithId, reply: Parameters<typeof sendJson>[0]) {
    const id = parseUuid(request.params.template_id);
    if (id === null) throw invalid(['id is not a valid UUID']);
    // 0 is the current one, as is none.
    const version = Number(request.params.version ?? 0);
    const found =
      version <= mostVersions &&
      (await findWrittenTemplate(db, request.caller.service.id, id, version === 0 ? null : version));
    if (!found) throw noResultFound();
    return sendJson(reply, showTemplate(found));
  }

  app.get(
    '/v2/template/:template_id',
    { config: { handler: 'v2_template.get_template_by_id', describe: readDescription } },
    read,
  );
  app.get(
    // A version that is no number is no path of ours.
    '/v2/template/:template_id/version/:version(^\\d+$)',
    { config: { handler: 'v2_template.get_template_by_id', describe: readVersionDescription } },
    read,
  );

  app.get(
    '/v2/templates',
    { config: { handler: 'v2_templates.get_templates', describe: readManyDescription } },
    async (request, reply) => {
      const { document } = readQuery<Static<typeof templatesQuery>>(templatesQuery, request);
      const found = await findWrittenTemplates(db, request.caller.service.id, document.type ?? null);
      return sendJson(reply, { templates: found.map(showTemplate) });
    },
  );

  app.post(
    '/v2/template/:template_id/preview',
    { config: { handler: 'v2_template.post_template_preview', describe: previewDescription } },
    async (request: WithId, reply) => {
      const { body, params, caller } = request;
      // Unlike the other routes, this one may be called without a body.
      const document = Buffer.isBuffer(body) && body.length > 0 ? readJson(body) : {};
      const checked =
        typeof document === 'object' && document !== null && !Array.isArray(document)
          ? { ...document, id: params.template_id }
          : document;
      const faults = faultsOf(previewRequest, checked, {});
      if (faults.length > 0) throw invalid(faults);
      const { id, personalisation = {} } = checked as Static<typeof previewRequest>;
      const template = await templates.templates.get(parseUuid(id)!);
      if (!template || template.serviceId !== caller.service.id || template.hidden) throw noResultFound();
      return sendJson(reply, previewTemplate(template, personalisation));
    },
  );
}
