import { Type } from 'typebox';
import type { Description } from '../../http/openapi/describe.ts';
import {
  defaultRetentionDays,
  leastRetentionDays,
  mostRetentionDays,
  type RetentionType,
  retentionTypes,
} from './retention.ts';
import { platformServiceId } from './service.ts';

const days = Type.Integer({
  description: `${leastRetentionDays} to ${mostRetentionDays}: today and so many whole days before it are kept.`,
});

export const addRequest = Type.Object({
  // No `type`: what is no text is told as none of the types, too (spec 04, section 10.3).
  notification_type: Type.Unsafe<RetentionType>({ enum: [...retentionTypes] }),
  days_of_retention: days,
});
export const changeRequest = Type.Object({ days_of_retention: days });

const retention = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    service_id: Type.String({ format: 'uuid' }),
    service_name: Type.String(),
    notification_type: Type.Unsafe<RetentionType>({ type: 'string', enum: [...retentionTypes] }),
    days_of_retention: Type.Integer(),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  },
  { $id: 'DataRetention' },
);

const common = { tag: 'Administration', authentication: 'admin' } as const;
const serviceId = Type.String({ format: 'uuid', examples: [platformServiceId] });
const parameters = { service_id: serviceId };
const withId = { service_id: serviceId, retention_id: Type.String({ format: 'uuid' }) };
const one = {
  200: {
    description: 'The setting, or `{}` where there is none.',
    schema: Type.Union([retention, Type.Object({}, { additionalProperties: false })]),
  },
};
const refused = `A fault of the body, or \`days_of_retention\` that is not between ${leastRetentionDays} and ${mostRetentionDays}.`;

export const listDescription: Description = {
  ...common,
  summary: 'See how long a service keeps messages',
  description: `What it has set, by type. A type that is not listed is kept for ${defaultRetentionDays} days.`,
  parameters,
  responses: { 200: { description: 'Its settings.', schema: Type.Array(retention) } },
};

export const byTypeDescription: Description = {
  ...common,
  summary: 'See how long a service keeps messages of a type',
  parameters: { ...parameters, notification_type: Type.String({ examples: [...retentionTypes] }) },
  responses: one,
};

export const byIdDescription: Description = {
  ...common,
  summary: 'See one setting of how long a service keeps messages',
  parameters: withId,
  responses: one,
};

export const addDescription: Description = {
  ...common,
  summary: 'Set how long a service keeps messages of a type',
  description: `Received texts go by the setting of \`sms\`. Without one, messages are kept for ${defaultRetentionDays} days.`,
  parameters,
  body: addRequest,
  responses: {
    201: { description: 'The new setting.', schema: Type.Object({ result: retention }) },
    400: { description: `${refused} Or the service has set this type already: change that setting.` },
  },
};

export const changeDescription: Description = {
  ...common,
  summary: 'Change how long a service keeps messages of a type',
  description: 'More days bring nothing back that is deleted; fewer take effect with the next nightly run.',
  parameters: withId,
  body: changeRequest,
  example: { days_of_retention: 30 },
  responses: { 204: { description: 'Changed.' }, 400: { description: refused } },
};
