import { Type } from 'typebox';
import type { Description } from '../../../http/openapi/describe.ts';
import { notificationId } from '../v2/schemas.ts';
import { listChoices } from './query.ts';

const uuid = Type.String({ format: 'uuid' });
const count = Type.Integer({ minimum: 0 });
const time = Type.String({ description: 'UTC, such as `2026-05-12T13:15:00.123000+00:00`.' });
const orNull = (schema: Parameters<typeof Type.Union>[0][number], description: string) =>
  Type.Union([schema, Type.Null()], { description });
const oneOf = (values: readonly string[]) => Type.Unsafe<string>({ type: 'string', enum: [...values] });

/** A message as v1 shows it (spec 01, section 2.2). */
const notificationV1 = Type.Object(
  {
    id: uuid,
    service: uuid,
    api_key: orNull(uuid, 'null for one that no key sent.'),
    to: Type.String({ description: 'Who got it, as it was given.' }),
    job: orNull(
      Type.Object({ id: uuid, original_file_name: orNull(Type.String(), 'The name of the file.') }),
      'The file that it came from.',
    ),
    job_row_number: orNull(Type.Integer(), 'Its row in that file.'),
    template: Type.Object({
      id: uuid,
      name: Type.String(),
      template_type: oneOf(['sms', 'email']),
      version: Type.Integer({ minimum: 1 }),
    }),
    template_version: Type.Integer({ minimum: 1 }),
    billable_units: count,
    notification_type: oneOf(['sms', 'email']),
    status: Type.String(),
    created_at: time,
    sent_at: orNull(time, 'When the provider took it.'),
    updated_at: orNull(time, 'When its status last changed.'),
    sent_by: orNull(Type.String(), 'The provider.'),
    reference: orNull(Type.String(), 'What the provider calls it.'),
    body: Type.String({ description: 'The text with its values filled in.' }),
    content_char_count: orNull(Type.Integer(), 'Length of a text; null for an email.'),
    subject: Type.Optional(Type.String({ description: 'Of an email only.' })),
  },
  { $id: 'NotificationV1' },
);

const common = { tag: 'Version 1', authentication: 'api key' } as const;
const wrong = (message: unknown) => ({
  description: 'The query cannot be understood.',
  example: { result: 'error', message },
});

/** What the OpenAPI document says about `GET /notifications/{notification_id}`. */
export const readOneDescription: Description = {
  ...common,
  summary: 'Read a message (version 1)',
  description: 'With any key of its service.',
  parameters: { notification_id: notificationId },
  responses: {
    200: {
      description: 'The message.',
      schema: Type.Object({ data: Type.Object({ notification: notificationV1 }) }),
    },
    404: { description: 'The service has no such message, or it is past its retention.' },
    405: { description: '`notification_id` is not a UUID.' },
  },
};

/** What it says about `GET /notifications`. */
export const readListDescription: Description = {
  ...common,
  summary: 'List messages (version 1)',
  description:
    'Those that were sent with the caller’s kind of key, newest first, in numbered pages. To read very many, the list of version 2 is the faster one.',
  query: Type.Object({
    template_type: Type.Optional(
      Type.Array(oneOf(listChoices.template_type), { description: 'May come more than once.' }),
    ),
    status: Type.Optional(
      Type.Array(oneOf(listChoices.status), {
        description: 'May come more than once. `failed` means all three kinds of failure.',
      }),
    ),
    page: Type.Optional(Type.Integer({ minimum: 1, default: 1 })),
    page_size: Type.Optional(
      Type.Integer({ minimum: 1, default: 250, description: 'At most 5000 are given.' }),
    ),
    limit_days: Type.Optional(Type.Integer({ description: 'Only of so many whole days back from today.' })),
    include_jobs: Type.Optional(
      Type.Boolean({ default: false, description: 'With those of files; for normal keys only.' }),
    ),
  }),
  responses: {
    200: {
      description: 'One page.',
      schema: Type.Object({
        notifications: Type.Array(notificationV1),
        page_size: Type.Integer({ minimum: 1 }),
        total: Type.Integer({ minimum: 0, description: 'Messages of all pages.' }),
        links: Type.Object(
          {
            prev: Type.Optional(Type.String()),
            next: Type.Optional(Type.String()),
            last: Type.Optional(Type.String()),
          },
          { description: 'Relative; `last` only while there is a next page.' },
        ),
      }),
    },
    400: wrong({ page: ['Not a valid integer.'] }),
    404: { description: 'There is no such page.' },
  },
};

/** What it says about `GET /notifications/statistics`. */
export const readDayDescription: Description = {
  ...common,
  summary: 'Count the messages of a day (version 1)',
  description: 'Those of the caller’s service; messages of test keys are left out.',
  query: Type.Object({
    day: Type.String({
      format: 'date',
      description: 'A day in London, not after today.',
      examples: ['2026-05-04'],
    }),
  }),
  responses: {
    200: {
      description: 'One row, of the caller’s service.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({
            id: orNull(uuid, 'null where nothing was sent.'),
            day: Type.String({ format: 'date' }),
            service: uuid,
            emails_requested: count,
            emails_delivered: count,
            emails_failed: count,
            sms_requested: count,
            sms_delivered: count,
            sms_failed: count,
          }),
        ),
      }),
    },
    400: wrong({ day: ['Not a valid date.'] }),
  },
};
