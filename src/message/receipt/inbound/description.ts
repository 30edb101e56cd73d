import { Type } from 'typebox';
import type { Description } from '../../../http/openapi/describe.ts';
import type { InboundEndpoint } from '../../../provider/contract.ts';
import { platformServiceId } from '../../../tenant/service/service.ts';

/** What the OpenAPI document says about a endpoint for received texts. */
export function describeInboundEndpoint({ name, accepted, unclaimed }: InboundEndpoint): Description {
  return {
    summary: `Text received by ${name}`,
    description: `The provider posts here what somebody has texted to a number of a service, in its own format. It must show a user and password that are configured for it (basic authentication).`,
    tag: 'Provider receipts',
    authentication: 'none',
    body: Type.Unknown(),
    bodyType: '*/*',
    responses: {
      200: {
        description: `\`${accepted.body}\`: taken. \`${unclaimed.body}\`: the number is no service’s, or of one that may not receive texts.`,
        contentType: accepted.contentType,
      },
      400: { description: 'It cannot be read.' },
      401: { description: 'It shows no user and password.' },
      403: { description: 'It shows a user or password that is not one of those configured.' },
      503: { description: 'It cannot be taken now; the provider is to post it again.' },
    },
  };
}

export const numberSchema = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    number: Type.String({ description: 'As it is kept: British ones begin with 0.' }),
    provider: Type.String({ description: 'Who receives its texts.' }),
    service: Type.Union([
      Type.Object({ id: Type.String({ format: 'uuid' }), name: Type.String() }),
      Type.Null({ description: 'It is free.' }),
    ]),
    active: Type.Boolean({ description: 'Whether texts to it are taken.' }),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  },
  { $id: 'InboundNumber' },
);

const common = { tag: 'Administration', authentication: 'admin' } as const;
const list = Type.Object({ data: Type.Array(numberSchema) });
const parameters = { service_id: Type.String({ format: 'uuid', examples: [platformServiceId] }) };

export const numberDescriptions = {
  add: {
    ...common,
    summary: 'Add numbers that can be texted',
    description: 'They are free to be given to services. One that is there already is left as it is.',
    body: Type.Object({
      provider: Type.String({ description: 'Who receives their texts: `mmg` or `firetext`.' }),
      numbers: Type.Array(Type.String(), { description: 'At least one, as the provider names them.' }),
    }),
    example: { provider: 'mmg', numbers: ['07700900456', '07700900457'] },
    responses: {
      201: { description: 'These numbers.', schema: list },
      400: { description: 'A fault of the body.' },
    },
  },
  all: {
    ...common,
    summary: 'See all numbers that can be texted',
    responses: { 200: { description: 'All of them, also those that are switched off.', schema: list } },
  },
  available: {
    ...common,
    summary: 'See the numbers that are free',
    responses: { 200: { description: 'Those that can be given to a service.', schema: list } },
  },
  give: {
    ...common,
    summary: 'Give a service a number',
    description:
      'A free one, or the one that the body names. The service may receive texts from then on, and the number becomes one of its senders. A service that has a number keeps it, switched on.',
    parameters,
    body: Type.Object({ inbound_number_id: Type.Optional(Type.String({ format: 'uuid' })) }),
    bodyOptional: true,
    responses: {
      200: { description: 'The number of the service.', schema: Type.Object({ data: numberSchema }) },
      400: { description: 'A fault of the body, or the service has another number.' },
      404: { description: 'There is no such service, or no such number that is free.' },
      409: { description: 'No number is free: add some.' },
    },
  },
  ofService: {
    ...common,
    summary: 'See the number of a service',
    parameters,
    responses: {
      200: {
        description: '`data` is the number, or `{}` where the service has none.',
        schema: Type.Object({
          data: Type.Union([numberSchema, Type.Object({}, { additionalProperties: false })]),
        }),
      },
    },
  },
  off: {
    ...common,
    summary: 'Switch the number of a service off',
    description: 'Texts to it are not taken any more. The service keeps it.',
    parameters,
    responses: {
      204: { description: 'It is off.' },
      404: { description: 'The service has no number.' },
    },
  },
} as const satisfies Record<string, Description>;
