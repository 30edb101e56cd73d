import { Type } from 'typebox';
import type { NotificationType } from '../../../database/tables.ts';
import type { Description } from '../../../http/openapi/describe.ts';
import { emailRequest, emailResponse, smsRequest, smsResponse } from './schemas.ts';

const idempotencyKey = Type.String({
  minLength: 1,
  maxLength: 255,
  description:
    'A name of your own for this request, such as a UUID. The same request sent again under the same name gets the first answer again for 24 hours, and nothing is sent twice. Printable ASCII.',
});

const refusals = {
  400: {
    description: 'Something is wrong with the message; nothing was accepted.',
    example: {
      status_code: 400,
      errors: [
        { error: 'ValidationError', message: 'phone_number Not enough digits' },
        { error: 'ValidationError', message: 'template_id is a required property' },
      ],
    },
  },
  409: { description: 'The `Idempotency-Key` was used for a different request within the last 24 hours.' },
} as const;

const smsExample = {
  template_id: '{sms_template_id}',
  phone_number: '07700 900123',
  personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' },
  reference: 'loan-4711',
};
const emailExample = {
  template_id: '{email_template_id}',
  email_address: 'rowan@example.com',
  personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May', time: '14:05' },
  reference: 'loan-4711',
};
const answered = (type: NotificationType) => ({
  id: '019a1b2c-3d4e-7f60-8a9b-0c1d2e3f4a5b',
  reference: 'loan-4711',
  uri: 'https://despatch.example/v2/notifications/019a1b2c-3d4e-7f60-8a9b-0c1d2e3f4a5b',
  template: {
    id: '3f9d0c1e-5a7b-4c2d-9e8f-0a1b2c3d4e5f',
    version: 1,
    uri: `https://despatch.example/services/6b0d1c9e-1f5e-4a3c-9d53-2f6c7a1e8b40/templates/3f9d0c1e-5a7b-4c2d-9e8f-0a1b2c3d4e5f`,
  },
  scheduled_for: null,
  ...(type === 'sms'
    ? { content: { body: 'Hello Rowan, your book Sea Charts is ready.', from_number: 'HARBOUR' } }
    : {
        content: {
          body: 'Hello Rowan,\n\nyour loan of Sea Charts ends on 4 May.',
          subject: 'Rowan, your loan ends on 4 May',
          from_email: 'harbour.library@despatch.localhost',
          one_click_unsubscribe_url: null,
        },
        sanitised_content: {},
      }),
});

const afterwards =
  'A 201 means that the message is on disk and will be sent, or be accounted for. Read it by its `id` to see what became of it.';

/** What the OpenAPI document says about the two routes that send. */
export const sendDescriptions: Readonly<Record<NotificationType, Description>> = {
  sms: {
    summary: 'Send a text message',
    description: afterwards,
    tag: 'Sending',
    authentication: 'api key',
    headers: { 'Idempotency-Key': idempotencyKey },
    body: smsRequest,
    example: smsExample,
    client: callOf('sendSms', smsExample.phone_number, smsExample),
    responses: {
      201: { description: 'Accepted.', schema: smsResponse, example: answered('sms') },
      ...refusals,
    },
  },
  email: {
    summary: 'Send an email',
    description: afterwards,
    tag: 'Sending',
    authentication: 'api key',
    headers: { 'Idempotency-Key': idempotencyKey },
    body: emailRequest,
    example: emailExample,
    client: callOf('sendEmail', emailExample.email_address, emailExample),
    responses: {
      201: { description: 'Accepted.', schema: emailResponse, example: answered('email') },
      ...refusals,
    },
  },
};

/** The call of the official client that sends the same as the example. */
function callOf(
  method: string,
  recipient: string,
  { template_id, personalisation, reference }: typeof smsExample | typeof emailExample,
): string {
  const values = Object.entries(personalisation).map(([name, value]) => `${name}: '${value}'`);
  return [
    `${method}('${template_id}', '${recipient}', {`,
    `  personalisation: { ${values.join(', ')} },`,
    `  reference: '${reference}',`,
    '})',
  ].join('\n');
}
