import { type Static, type TSchema, Type } from 'typebox';
import { numberSource } from '../../../ground/json.ts';
import type { Format, Formats } from '../../../http/validate/schema.ts';

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
  to: Type.String({ format: 'phone_number', description: 'Who gets the text.' }),
  template,
  ...rest,
});

/** Body of `POST /notifications/email`. */
export const emailRequestV1 = Type.Object({
  to: Type.String({ format: 'email_address', description: 'Who gets the email.' }),
  template,
  ...rest,
});
export type RequestV1 = Static<typeof smsRequestV1> | Static<typeof emailRequestV1>;

const sent = {
  notification: Type.Object({ id: Type.String({ format: 'uuid' }) }),
  body: Type.String({ description: 'The text with its values filled in, without the name of the service.' }),
  template_version: Type.Integer({ minimum: 1 }),
};
export const smsResponseV1 = Type.Object({ data: Type.Object(sent) });
export const emailResponseV1 = Type.Object({ data: Type.Object({ ...sent, subject: Type.String() }) });

type Node = Readonly<{
  properties: Readonly<Record<string, Readonly<{ type: 'string' | 'object'; format?: string }>>>;
  required?: readonly string[];
}>;

/**
 * What is wrong with the fields of a v1 document, by field, in the texts of spec 01 section 2.1 row 4; empty when
 * nothing is. A format is asked only for a value of the right type.
 */
export function fieldFaults(schema: TSchema, document: unknown, formats: Formats): Record<string, string[]> {
  const { properties, required = [] } = schema as unknown as Node;
  if (!isObject(document)) return { _schema: ['Invalid input type.'] };
  const faults: Record<string, string[]> = {};
  for (const [name, { type, format }] of Object.entries(properties)) {
    const fault = Object.hasOwn(document, name)
      ? valueFault(document[name], type, format === undefined ? undefined : formats[format])
      : required.includes(name)
        ? 'Missing data for required field.'
        : null;
    if (fault !== null) faults[name] = [fault];
  }
  return faults;
}

function valueFault(value: unknown, type: 'string' | 'object', format: Format | undefined): string | null {
  if (value === null) return 'Field may not be null.';
  if (type === 'object') return isObject(value) ? null : 'Not a valid mapping type.';
  if (typeof value !== 'string') return 'Not a valid string.';
  return format?.(value) ?? null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && numberSource(value) === null;
}
