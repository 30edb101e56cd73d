import { Type } from 'typebox';

const types = Type.Unsafe<string>({ type: 'string', enum: ['sms', 'email', 'letter'] });

/** `{template_id}` of a path; its name in the errors is `id` (spec 01, section 3.10). */
export const templateId = Type.String({ format: 'uuid', description: 'The template’s id.' });

/** `{version}` of a path. */
export const templateVersion = Type.Integer({
  minimum: 0,
  description: 'Counts from 1; 0 is the current one.',
});

const subject = Type.Union([Type.String(), Type.Null()], { description: 'null for a text.' });
const postage = Type.Null({ description: 'Always null, as there are no letters.' });

/** A template as it is read (spec 01, section 3.10). */
export const template = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    type: types,
    name: Type.String(),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When this version was made; null for the first.',
    }),
    created_by: Type.String({ description: 'Email address of who made this version.' }),
    version: Type.Integer({ minimum: 1 }),
    body: Type.String({ description: 'As it was written, with its placeholders.' }),
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
    letter_contact_block: Type.Null({ description: 'Always null, as there are no letters.' }),
  },
  { $id: 'Template' },
);

/** Answer of `GET /v2/templates`. */
export const templateList = Type.Object({ templates: Type.Array(template) });

/** Query of `GET /v2/templates`. */
export const templatesQuery = Type.Object({ type: Type.Optional(types) }, { additionalProperties: false });

/**
 * What `POST /v2/template/{id}/preview` checks: the id of the path and the body together, so that all faults are told
 * at once. Other properties are ignored (spec 01, section 3.10).
 */
export const previewRequest = Type.Object({
  id: Type.String({ format: 'uuid' }),
  personalisation: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      description: 'Values for the placeholders of the template.',
    }),
  ),
});

/** A template filled in. */
export const preview = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    type: types,
    version: Type.Integer({ minimum: 1 }),
    body: Type.String({ description: 'The text with its values filled in; that of an email is Markdown.' }),
    html: Type.Union([Type.String(), Type.Null()], {
      description: 'The body of an email as HTML, without the page around it; null for a text.',
    }),
    subject,
    postage,
  },
  { $id: 'TemplatePreview' },
);
