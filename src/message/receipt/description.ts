import { Type } from 'typebox';
import type { Description } from '../../http/openapi/describe.ts';
import type { ReceiptEndpoint } from '../../provider/contract.ts';

const answer = Type.Object(
  {
    result: Type.Unsafe<string>({ type: 'string', enum: ['success', 'error'] }),
    message: Type.Optional(Type.Unknown({ description: 'A text, a list of texts, or null.' })),
  },
  { $id: 'ReceiptAnswer' },
);

/** What the OpenAPI document says about a endpoint for receipts. */
export function describeReceiptEndpoint({
  identifier,
  name = identifier,
  type,
  credentials,
}: ReceiptEndpoint): Description {
  const protection = credentials
    ? ' It must show the user and password that are configured for it (basic authentication).'
    : '';
  return {
    summary: `Receipt of ${name} for ${type === 'sms' ? 'a text message' : 'an email'}`,
    description: `The provider posts here what became of a message, in its own format.${protection}`,
    tag: 'Provider receipts',
    authentication: 'none',
    body: Type.Unknown(),
    bodyType: '*/*',
    responses: {
      200: { description: 'Taken, or of no consequence.', schema: answer },
      400: { description: 'It cannot be read.', schema: answer },
      401: { description: 'It shows no user and password, and must.', schema: answer },
      403: { description: 'It does not prove to be the provider’s.', schema: answer },
      404: { description: 'It is about no message that waits for it.', schema: answer },
      500: { description: 'A subscription could not be confirmed.', schema: answer },
      503: { description: 'It cannot be taken now; the provider is to post it again.' },
    },
  };
}
