import { type Static, Type } from 'typebox';

const reference = Type.Optional(
  Type.String({ maxLength: 1000, description: 'Your own name for the message.' }),
);
const uuid = (description: string) => Type.String({ format: 'uuid', description });
const personalisation = Type.Optional(
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    description: 'Values for the placeholders of the template.',
  }),
);
const scheduledFor = Type.Optional(
  Type.Union([Type.String({ format: 'datetime' }), Type.Null()], { description: 'Validated, then ignored.' }),
);

/** Body of `POST /v2/notifications/sms`; the order of the properties is the order of the errors (spec 01, 3.3). */
export const smsRequest = Type.Object(
  {
    reference,
    phone_number: Type.String({ format: 'phone_number', description: 'Who gets the text.' }),
    template_id: uuid('The template to send.'),
    personalisation,
    scheduled_for: scheduledFor,
    sms_sender_id: Type.Optional(uuid('One of the service’s senders; its default one without it.')),
  },
  { additionalProperties: false },
);
export type SmsRequest = Static<typeof smsRequest>;

/** Body of `POST /v2/notifications/email` (spec 01, 3.4). */
export const emailRequest = Type.Object(
  {
    reference,
    email_address: Type.String({ format: 'email_address', description: 'Who gets the email.' }),
    template_id: uuid('The template to send.'),
    personalisation,
    scheduled_for: scheduledFor,
    email_reply_to_id: Type.Optional(
      uuid('One of the service’s reply-to addresses; its default one without it.'),
    ),
    one_click_unsubscribe_url: Type.Optional(Type.String({ format: 'https_url' })),
    sanitise_content_for: Type.Optional(
      Type.Union([Type.Array(Type.Unknown()), Type.Null()], {
        description: 'Personalisation keys whose links and Markdown are made harmless.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type EmailRequest = Static<typeof emailRequest>;
