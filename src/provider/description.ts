import { type TSchema, Type } from 'typebox';
import type { Description } from '../http/openapi/describe.ts';

/** What the OpenAPI document says about the routes of providers. */

const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const priority = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'Which one is tried first: the lowest number. With `SMS_PROVIDER_STRATEGY=weighted`, of texts, its share.',
});
const rateLimit = orNull(
  Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    description: 'Messages per second over all workers; null: no limit.',
  }),
);
const reason = orNull(Type.String({ maxLength: 255, description: 'Why it is so, in words.' }));

const fields = {
  id: Type.String(),
  display_name: Type.String(),
  identifier: Type.String({ description: 'Its name in metrics and on timelines.' }),
  priority,
  notification_type: Type.Union([Type.Literal('sms'), Type.Literal('email')]),
  active: Type.Boolean({ description: 'Whether it gets messages at all.' }),
  version: Type.Integer({ description: 'Counts the changes, from 1.' }),
  updated_at: orNull(
    Type.String({ description: 'When it became this version; null: it is as it was made.' }),
  ),
  created_by: orNull(
    Type.Object(
      { id: Type.String(), name: Type.String(), email_address: Type.String() },
      { description: 'Who made this version.' },
    ),
  ),
  supports_international: Type.Boolean({ description: 'Whether it sends texts abroad.' }),
  reason,
  rate_limit: rateLimit,
  circuit: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')], {
    description:
      '`closed`: it is used. `open`: it failed too often and is left alone until `circuit_until`. `half-open`: one message at a time tries it.',
  }),
  circuit_until: orNull(Type.String()),
};
const provider = Type.Object(fields, { $id: 'Provider' });
const parameters = { provider_details_id: Type.String({ description: 'The `id` of the provider.' }) };
const common = { tag: 'Administration', authentication: 'admin' } as const;
const notFound = { description: 'There is no such provider.' };
const one = { description: 'The provider.', schema: Type.Object({ provider_details: provider }) };

export const listDescription: Description = {
  ...common,
  summary: 'Read all providers',
  description: 'By priority, then by type.',
  responses: {
    200: {
      description: 'The providers.',
      schema: Type.Object({ provider_details: Type.Array(provider) }),
    },
  },
};

export const readDescription: Description = {
  ...common,
  summary: 'Read a provider',
  parameters,
  responses: { 200: one, 404: notFound },
};

export const versionsDescription: Description = {
  ...common,
  summary: 'Read what a provider was',
  description: 'Every change of it, by a person or by itself, with its reason; the last 100, newest first.',
  parameters,
  responses: {
    200: { description: 'The versions.', schema: Type.Object({ data: Type.Array(provider) }) },
    404: notFound,
  },
};

export const changeDescription: Description = {
  ...common,
  summary: 'Change a provider',
  description: 'What is not given stays as it is. The priority of no other provider changes.',
  parameters,
  body: Type.Object({
    priority: Type.Optional(priority),
    active: Type.Optional(fields.active),
    rate_limit: Type.Optional(rateLimit),
    reason: Type.Optional(reason),
    created_by: Type.Optional(Type.String({ description: 'The id of the user who changes it.' })),
  }),
  example: { priority: 20, rate_limit: 100, reason: 'Maintenance on Sunday' },
  responses: {
    200: one,
    400: { description: 'What is wrong with which field.' },
    404: { description: 'There is no such provider, or no such user.' },
  },
};
