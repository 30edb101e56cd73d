import { Type } from 'typebox';
import type { CallbackState, CallbackType } from '../../database/tables.ts';

/** Bodies, queries and answers about callbacks; the order of the properties is the order of the errors. */
const types: readonly CallbackType[] = ['delivery_status', 'inbound_sms', 'complaint'];
const states: readonly CallbackState[] = ['pending', 'delivered', 'failed'];
const oneOf = (values: readonly string[], description?: string) =>
  Type.Unsafe<string>({ type: 'string', enum: values, ...(description && { description }) });
const orNull = (schema: Parameters<typeof Type.Union>[0][number], description: string) =>
  Type.Union([schema, Type.Null()], { description });
const time = Type.String({ format: 'date-time' });
const uuid = (description: string) => Type.String({ format: 'uuid', description });

export const callbackType = oneOf(
  types,
  '`delivery_status`: a message has reached its last status; `complaint`: a recipient complained about an email; `inbound_sms`: somebody sent the service a text.',
);

const url = Type.String({
  format: 'https_url',
  maxLength: 2000,
  description: 'Begins with `https`, and names nothing private.',
});
const token = Type.String({
  description:
    'At least 10 printable ASCII characters; sent with each callback, and the key of its signature.',
});
const who = uuid('The user who makes the change.');

/** Body that gives a service an address (spec 04, section 1.13). */
export const newApi = Type.Object({
  url,
  bearer_token: token,
  updated_by_id: who,
  callback_type: callbackType,
});

/** Body that changes one. */
export const apiChange = Type.Object({
  url: Type.Optional(url),
  bearer_token: Type.Optional(token),
  updated_by_id: who,
  callback_type: callbackType,
});

export const api = Type.Object({
  data: Type.Object({
    id: Type.String({ format: 'uuid' }),
    service_id: Type.String({ format: 'uuid' }),
    url: Type.String(),
    updated_by_id: Type.String({ format: 'uuid' }),
    created_at: time,
    updated_at: orNull(time, 'null until it is changed.'),
  }),
});

const from = Type.String({
  format: 'datetime',
  description: 'Callbacks that were queued at this time or later.',
});
const to = Type.String({ format: 'datetime', description: 'Callbacks that were queued before this time.' });

/** Query of the log. */
export const logQuery = Type.Object(
  {
    from: Type.Optional(from),
    to: Type.Optional(to),
    callback_type: Type.Optional(Type.Array(callbackType)),
    status: Type.Optional(Type.Array(oneOf(states))),
    older_than: Type.Optional(
      Type.String({ format: 'uuid', description: 'Only callbacks from before the one with this `id`.' }),
    ),
  },
  { additionalProperties: false },
);

/** Body of a replay. */
export const replayRequest = Type.Object(
  {
    from,
    to,
    callback_type: Type.Optional(callbackType),
    status: Type.Optional(oneOf(['failed', 'delivered'], 'Which are replayed; `failed` without it.')),
  },
  { additionalProperties: false },
);

export const replayAnswer = Type.Object({
  count: Type.Integer({ minimum: 0, description: 'How many callbacks are made again.' }),
});

export const loggedCallback = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    callback_type: callbackType,
    notification_id: orNull(
      Type.String({ format: 'uuid' }),
      'The message; null for a text that was received.',
    ),
    complaint_id: orNull(Type.String({ format: 'uuid' }), 'Where it tells of a complaint.'),
    inbound_sms_id: orNull(Type.String({ format: 'uuid' }), 'Where it tells of a text that was received.'),
    status: oneOf(states, '`pending`: it is made, or made again, at `next_attempt_at`.'),
    attempts: Type.Integer({ minimum: 0 }),
    last_code: orNull(Type.String(), 'HTTP status or name of the error of the last attempt.'),
    created_at: time,
    next_attempt_at: orNull(time, 'Not before; later while the address is paused.'),
    finished_at: orNull(time, 'null while it is pending.'),
  },
  { $id: 'Callback' },
);
