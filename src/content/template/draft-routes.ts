import { Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import type { Clock } from '../../ground/clock.ts';
import { noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { oneOf, orNull, uuid } from '../../http/validate/shapes.ts';
import type { Service } from '../../tenant/service/service.ts';
import { content, subject } from './admin-routes.ts';
import { refuseBytes } from './change.ts';
import { personalisationOf } from './personalisation.ts';
import { missingPlaceholders } from './placeholder.ts';
import { maxSmsCharacters } from './sms.ts';
import { compileContent, placeholdersIn, type Render } from './template.ts';

export type DraftRouteDeps = Readonly<{
  clock: Clock;
  services: Cache<Service | null>;
  render: Render;
  /** What so many fragments to a number in the UK cost at a time, in pounds; null if there is no rate. */
  smsCost: (fragments: number, at: Date) => Promise<number | null>;
}>;

const draftRequest = Type.Object({
  template_type: Type.Unsafe<'sms' | 'email'>({ enum: ['sms', 'email'] }),
  content,
  subject: Type.Optional(subject),
  personalisation: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      description: 'Values for the placeholders; those without one are shown as typed.',
    }),
  ),
});
const characters = (description: string) => Type.Array(Type.String(), { description });
const names = Type.Array(Type.String());
const draftPreview = Type.Object(
  {
    template_type: oneOf(['sms', 'email']),
    subject: orNull(Type.String(), 'null for a text.'),
    text: Type.String({
      description:
        'A text as it is sent, with the name of the service if it has that; Markdown for an email.',
    }),
    html: Type.String({
      description: 'The same as HTML for a page, placeholders without a value marked; of an email, its body.',
    }),
    placeholders: names,
    missing: Type.Array(Type.String(), { description: 'Placeholders without a value.' }),
    bytes: orNull(Type.Integer(), 'Size of `text`; null for a text.'),
    characters: orNull(
      Type.Integer(),
      'Length of the text, with the name of the service; null for an email.',
    ),
    characters_over: Type.Integer({
      description: `How many characters a text has above ${maxSmsCharacters}, without the name of the service.`,
    }),
    characters_above_previous_boundary: Type.Integer({
      description: 'How many characters of a text less would make one fragment less; 0 if it has one.',
    }),
    fragments: orNull(Type.Integer(), 'In how many parts a text is sent and charged; null for an email.'),
    encoding: orNull(oneOf(['gsm-7', 'ucs-2'])),
    ucs2_characters: characters('Characters that make all fragments shorter.'),
    double_characters: characters('Characters that count twice in a text without such characters.'),
    unsupported_characters: characters('Characters that a text cannot have, and that become `?`.'),
    cost_in_pounds: orNull(
      Type.Number(),
      'Of one message; of a text, to a number in the UK; null if there is no rate for today.',
    ),
  },
  { $id: 'DraftPreview' },
);

const previewDraft = defineRoute({
  tag: 'Administration',
  authentication: 'admin',
  permission: 'member',
  method: 'POST',
  path: `/service/${uuidPart('service_id')}/template/preview`,
  handlerName: 'template.preview_draft',
  summary: 'Preview a template while it is being written',
  description: 'Fills in a text or an email that need not be stored, and says what it would cost.',
  params: Type.Object({ service_id: uuid() }),
  body: draftRequest,
  example: {
    template_type: 'sms',
    content: 'High tide at ((time)) in Bŵl',
    personalisation: { time: '14:05' },
  },
  errors: adminSchemaErrors,
  answers: {
    200: { description: 'The message.', schema: draftPreview },
    400: { description: 'The body is invalid, or the message is too long to be sent.' },
    404: { description: 'There is no such service.' },
  },
  async before({ services }: DraftRouteDeps, { params }) {
    if (!(await services.get(params.service_id))) throw noResultFound();
  },
  async handler({ services, render, clock, smsCost }: DraftRouteDeps, { params, body }) {
    const { template_type: type, content } = body;
    refuseBytes({ subject: body.subject ?? null, content });
    const service = await services.get(params.service_id);
    const compiled = compileContent(type, body.subject ?? null, content);
    const values = personalisationOf(body.personalisation);
    const placeholders = placeholdersIn(compiled);
    const missing = missingPlaceholders(placeholders, values);
    const shared = { template_type: type, placeholders, missing };
    if (compiled.type === 'email') {
      const email = await render('editEmail', compiled, values, null);
      const noText = { characters: null, characters_over: 0, characters_above_previous_boundary: 0 };
      const noCharacters = { ucs2_characters: [], double_characters: [], unsupported_characters: [] };
      return {
        ...shared,
        ...email,
        ...noText,
        ...noCharacters,
        ...{ fragments: null, encoding: null, cost_in_pounds: 0 },
      };
    }
    const sms = await render('editSms', compiled, values, service?.prefixSms ? service.name : null);
    return {
      ...shared,
      ...{ subject: null, text: sms.text, html: sms.html, bytes: null },
      characters: sms.characters,
      characters_over: sms.charactersOver,
      characters_above_previous_boundary: sms.charactersAbovePreviousBoundary,
      fragments: sms.fragments,
      encoding: sms.encoding,
      ucs2_characters: sms.ucs2Characters,
      double_characters: sms.doubleCharacters,
      unsupported_characters: sms.unsupportedCharacters,
      cost_in_pounds: await smsCost(sms.fragments, new Date(clock.now())),
    };
  },
});

/** A preview of what is not stored, for whoever writes a template (spec 04, section 5.4). */
export const draftRoutes = [previewDraft];
