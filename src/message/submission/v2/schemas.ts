import { type Static, Type } from 'typebox';

const reference = Type.Optional(
  Type.String({ maxLength: 1000, description: 'Your own reference for the message.' }),
);
const uuid = (description: string) => Type.String({ format: 'uuid', description });
const personalisation = Type.Optional(
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    description:
      'Values for the template’s placeholders, by name. A list becomes a bulleted list in an email and `a, b and c` in a text.',
  }),
);
const scheduledFor = Type.Optional(
  Type.Union([Type.String({ format: 'datetime' }), Type.Null()], {
    description:
      'When to send it, at most 7 days ahead, if the service may schedule. For other services it may be at most 24 hours ahead and is ignored.',
  }),
);

/** Body of `POST /v2/notifications/sms`; errors come in the order of the properties (spec 01, section 3.3). */
export const smsRequest = Type.Object(
  {
    reference,
    phone_number: Type.String({ format: 'phone_number', description: 'The recipient.' }),
    template_id: uuid('The template to send.'),
    personalisation,
    scheduled_for: scheduledFor,
    sms_sender_id: Type.Optional(uuid('One of the service’s senders; without it, the default one.')),
  },
  { additionalProperties: false },
);
export type SmsRequest = Static<typeof smsRequest>;

/** Body of `POST /v2/notifications/email` (spec 01, section 3.4). */
export const emailRequest = Type.Object(
  {
    reference,
    email_address: Type.String({ format: 'email_address', description: 'The recipient.' }),
    template_id: uuid('The template to send.'),
    personalisation,
    scheduled_for: scheduledFor,
    email_reply_to_id: Type.Optional(
      uuid('One of the service’s reply-to addresses; without it, the default one.'),
    ),
    one_click_unsubscribe_url: Type.Optional(
      Type.String({
        format: 'https_url',
        // A header of SES holds 870 characters: the URL, its angle brackets, and `//` if it is written without.
        maxLength: 860,
        description: 'The URL that unsubscribes the recipient.',
      }),
    ),
    sanitise_content_for: Type.Optional(
      Type.Union([Type.Array(Type.Union([Type.String(), Type.Null()])), Type.Null()], {
        description:
          'Personalisation keys whose links and Markdown are neutralised. In a list, every text is; an object is replaced by its text. A key whose value is a file is refused.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type EmailRequest = Static<typeof emailRequest>;

const acceptedFields = {
  id: uuid('The message’s id, for reading it later.'),
  reference: Type.Union([Type.String(), Type.Null()]),
  uri: Type.String({ format: 'uri', description: 'The URL for reading the message.' }),
  template: Type.Object({
    id: Type.String({ format: 'uuid' }),
    version: Type.Integer({
      minimum: 1,
      description: 'The version that is sent, even if the template is edited later.',
    }),
    uri: Type.String({ format: 'uri' }),
  }),
  scheduled_for: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description: 'When it will be sent; null means now.',
  }),
};

/** Response to an accepted text message (spec 01, section 3.3). */
export const smsResponse = Type.Object(
  {
    ...acceptedFields,
    content: Type.Object({
      body: Type.String({ description: 'The text, without the prefixed service name.' }),
      from_number: Type.String({ description: 'The sender that the recipient sees.' }),
    }),
  },
  { $id: 'AcceptedSms' },
);

/** Response to an accepted email (spec 01, section 3.4). */
export const emailResponse = Type.Object(
  {
    ...acceptedFields,
    content: Type.Object({
      body: Type.String({ description: 'The text in Markdown.' }),
      subject: Type.String(),
      from_email: Type.String(),
      one_click_unsubscribe_url: Type.Union([Type.String(), Type.Null()]),
    }),
    sanitised_content: Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      description: 'The values that `sanitise_content_for` changed, by name.',
      additionalProperties: {
        type: 'object',
        properties: { unsanitised: { type: 'string' }, sanitised: { type: 'string' } },
        required: ['unsanitised', 'sanitised'],
      },
    }),
  },
  { $id: 'AcceptedEmail' },
);
