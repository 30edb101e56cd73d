import { Type } from 'typebox';
import type { GivenUpReason, NotificationStatus } from '../../../database/tables.ts';
import { oneOf, orNull, time, uuid } from '../../../http/validate/shapes.ts';
import { suppressionReasons } from '../../suppression/suppression.ts';

const never = (description: string) => Type.Null({ description });
const meanings: Readonly<Record<NotificationStatus, string>> = {
  created: 'accepted and waiting to be sent',
  sending: 'the provider has accepted it and not reported the outcome',
  pending: 'the network is still trying to deliver it',
  sent: 'sent to a country whose networks do not report delivery',
  delivered: 'delivered',
  'temporary-failure': 'not delivered: for example, the phone was off or the mailbox was full',
  'permanent-failure':
    'not delivered: the number or address does not exist, or its recipient is suppressed (the timeline says why)',
  'technical-failure': 'not sent, because of a fault on our side or at the provider',
  'validation-failed': 'not sent: its content could not be sent',
  cancelled: 'not sent: it was cancelled before its time',
};
/** One of these words, each with its meaning in the description. */
const named = <T extends string>(what: string, words: Readonly<Record<T, string>>) =>
  Type.Unsafe<T>({
    type: 'string',
    enum: Object.keys(words),
    description: [what, '', ...Object.entries(words).map(([word, meaning]) => `- \`${word}\`: ${meaning}`)]
      .join('\n')
      .trim(),
  });
const status = named('', meanings);

/** `{notification_id}` in a path. */
export const notificationId = uuid('The `id` that was returned when the message was sent.');

/** A message as v2 shows it (spec 01, section 3.7). */
export const notification = Type.Object(
  {
    id: uuid(),
    reference: orNull(Type.String(), 'Your own reference for the message.'),
    email_address: orNull(Type.String(), 'The recipient, as given; null for a text.'),
    phone_number: orNull(Type.String(), 'The recipient, as given; null for an email.'),
    line_1: never('Always null: there are no letters.'),
    line_2: Type.Null(),
    line_3: Type.Null(),
    line_4: Type.Null(),
    line_5: Type.Null(),
    line_6: Type.Null(),
    postcode: Type.Null(),
    type: oneOf(['sms', 'email']),
    status,
    template: Type.Object({
      id: uuid(),
      version: Type.Integer({ minimum: 1 }),
      uri: Type.String({ format: 'uri' }),
    }),
    body: Type.String({ description: 'The text with its values filled in.' }),
    subject: orNull(Type.String(), 'null for a text.'),
    created_at: time,
    created_by_name: orNull(Type.String(), 'Who sent it by hand; null if it was sent through the API.'),
    sent_at: orNull(time, 'When the provider accepted it.'),
    completed_at: orNull(time, 'When it reached a final status.'),
    scheduled_for: orNull(time, 'When it will be sent, if it is scheduled.'),
    postage: never('Always null.'),
    one_click_unsubscribe_url: orNull(
      Type.String(),
      'The URL given with the email; otherwise that of the link in the email, if its template has one.',
    ),
    is_cost_data_ready: Type.Boolean({ description: 'Whether the cost is known yet.' }),
    cost_in_pounds: orNull(Type.Number(), 'null until the cost is known.'),
    cost_details: Type.Object(
      {
        billable_sms_fragments: Type.Optional(
          Type.Integer({ description: 'How many texts it is charged as.' }),
        ),
        international_rate_multiplier: Type.Optional(Type.Number()),
        sms_rate: Type.Optional(Type.Number({ description: 'Price of one fragment in pounds.' })),
      },
      { description: 'Empty for an email, and until the cost is known.' },
    ),
  },
  { $id: 'Notification' },
);

const accepted = Type.Object({
  event: Type.Literal('accepted'),
  at: time,
  created_by_name: Type.Optional(
    Type.String({ description: 'Who sent it by hand; absent if it was sent through the API.' }),
  ),
});
const persisted = Type.Object({ event: Type.Literal('persisted'), at: time });
const suppressed = Type.Object({
  event: Type.Literal('suppressed'),
  at: time,
  reason: oneOf(suppressionReasons),
});
const givenUpMeanings: Readonly<Record<GivenUpReason, string>> = {
  'too-large': 'formatted for sending, it is larger than a provider takes',
  'inactive-service': 'its service is no longer active',
  'no-provider': 'no provider could be called until its retries were used up',
  error: 'a fault on our side, until its retries were used up; the operator’s log says which',
  dropped: 'an operator of the platform decided that it is not sent',
  'invalid-recipient': 'its row of a file has no valid recipient',
  'not-allowed':
    'the service is in trial mode, and the recipient of the row is not in its team or guest list',
  'not-permitted': 'the service may not send to this kind of phone number',
  'international-limit': 'the service had reached its limit of texts abroad for the day',
  'missing-value': 'its row of a file lacks a value that the template needs',
  empty: 'with the values of its row of a file there is nothing to send',
  'too-long': 'with the values of its row of a file it is too long',
};
const givenUp = Type.Object({
  event: Type.Literal('given up'),
  at: time,
  reason: named('Why it ended as `technical-failure` or `validation-failed`.', givenUpMeanings),
});
const attempt = Type.Object({
  event: Type.Literal('attempt'),
  at: time,
  number: Type.Integer({ minimum: 1 }),
  provider: Type.String(),
  outcome: Type.Unsafe<string>({
    type: 'string',
    enum: ['accepted', 'rejected', 'failed', 'unknown', 'in progress'],
  }),
  code: orNull(Type.String(), 'The provider’s own code, or the HTTP status.'),
  detail: orNull(Type.String(), 'The code in words.'),
  duration_ms: orNull(Type.Integer(), 'How long the provider took to answer.'),
});
const receipt = Type.Object({
  event: Type.Literal('receipt'),
  at: time,
  provider: Type.String(),
  provider_status: Type.String({ description: 'The provider’s own status.' }),
  status,
  applied: Type.Boolean({ description: 'Whether it changed the message’s status.' }),
  ignored_because: orNull(Type.String(), 'Why it was ignored.'),
});
const callbackFields = {
  callback_id: uuid(),
  callback_type: oneOf(['delivery_status', 'complaint']),
};
const callback = Type.Object({
  event: Type.Literal('callback'),
  at: time,
  ...callbackFields,
  callback_status: Type.Unsafe<string>({
    type: 'string',
    enum: ['pending', 'delivered', 'failed'],
    description: 'Whether the service has received it.',
  }),
});
const callbackAttempt = Type.Object({
  event: Type.Literal('callback attempt'),
  at: time,
  number: Type.Integer({ minimum: 1 }),
  ...callbackFields,
  outcome: oneOf(['delivered', 'retry', 'failed', 'in progress']),
  code: orNull(Type.String(), 'The HTTP status, or the name of an error.'),
  detail: orNull(Type.String(), 'The error in words.'),
  duration_ms: orNull(Type.Integer(), 'How long the service took to answer.'),
});

/** Everything that happened to a message. */
export const timeline = Type.Object(
  {
    notification_id: uuid(),
    status,
    timeline: Type.Array(
      Type.Union([accepted, persisted, suppressed, givenUp, attempt, receipt, callback, callbackAttempt]),
      {
        description: 'In chronological order.',
      },
    ),
  },
  { $id: 'Timeline' },
);
