import { type Static, Type } from 'typebox';
import { uuid } from '../../../http/validate/shapes.ts';

const template = Type.String({ description: 'Id of the template to send.' });
const rest = {
  personalisation: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      description: 'Values for the placeholders of the template.',
    }),
  ),
  job: Type.Optional(Type.String({ description: 'Ignored.' })),
  status: Type.Optional(Type.String({ description: 'Ignored.' })),
};

/** Body of `POST /notifications/sms` (spec 01, section 2.1); other properties are ignored. */
export const smsRequestV1 = Type.Object({
  to: Type.String({ format: 'phone_number', description: 'The recipient.' }),
  template,
  ...rest,
});

/** Body of `POST /notifications/email`. */
export const emailRequestV1 = Type.Object({
  to: Type.String({ format: 'email_address', description: 'The recipient.' }),
  template,
  ...rest,
});
export type RequestV1 = Static<typeof smsRequestV1> | Static<typeof emailRequestV1>;

const sent = {
  notification: Type.Object({ id: uuid() }),
  body: Type.String({ description: 'The text with its values filled in, without the service name.' }),
  template_version: Type.Integer({ minimum: 1 }),
};
export const smsResponseV1 = Type.Object({ data: Type.Object(sent) });
export const emailResponseV1 = Type.Object({ data: Type.Object({ ...sent, subject: Type.String() }) });
