import { Type } from 'typebox';
import type { Description } from '../../http/openapi/describe.ts';
import {
  preview,
  previewRequest,
  template,
  templateId,
  templateList,
  templatesQuery,
  templateVersion,
} from './schemas.ts';

/** What the OpenAPI document says about the routes of templates. */

const common = { tag: 'Templates', authentication: 'api key' } as const;
const notFound = { description: 'The service has no such template, or no such version of it.' };
const badId = { description: '`id` is not a UUID.' };

export const readDescription: Description = {
  ...common,
  summary: 'Read a template',
  description: 'Its current version. A template that was deleted can still be read by its `id`.',
  parameters: { template_id: templateId },
  client: "getTemplateById('{template_id}')",
  responses: { 200: { description: 'The template.', schema: template }, 400: badId, 404: notFound },
};

export const readVersionDescription: Description = {
  ...common,
  summary: 'Read a version of a template',
  parameters: { template_id: templateId, version: Type.Unsafe({ ...templateVersion, examples: [1] }) },
  client: "getTemplateByIdAndVersion('{template_id}', 1)",
  responses: { 200: { description: 'The template as it was.', schema: template }, 400: badId, 404: notFound },
};

export const readManyDescription: Description = {
  ...common,
  summary: 'Read all templates',
  description: 'The current versions of those that are not deleted, by name.',
  query: templatesQuery,
  client: 'getAllTemplates()',
  responses: {
    200: { description: 'The templates.', schema: templateList },
    400: { description: '`type` has no such value, or there is no such parameter.' },
  },
};

export const previewDescription: Description = {
  ...common,
  summary: 'See what a message would say',
  description: 'Fills the current version of a template in. Nothing is sent.',
  parameters: { template_id: templateId },
  body: Type.Object({ personalisation: previewRequest.properties.personalisation }),
  bodyOptional: true,
  example: { personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' } },
  client:
    "previewTemplateById('{template_id}', { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' })",
  responses: {
    200: { description: 'The message.', schema: preview },
    400: { description: '`id` is not a UUID, or a value is missing.' },
    404: notFound,
  },
};
