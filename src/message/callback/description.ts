import { Type } from 'typebox';
import type { Description } from '../../http/openapi/describe.ts';
import { pageLinksSchema, pageSize } from '../../http/validate/page.ts';
import {
  api,
  apiChange,
  callbackType,
  loggedCallback,
  logQuery,
  newApi,
  replayAnswer,
  replayRequest,
} from './schemas.ts';

const serviceId = Type.String({ format: 'uuid', description: 'The service.' });
const apiId = Type.String({ format: 'uuid', description: 'The address.' });
const unknown = { description: 'There is no such service, user or address.' };
/** Faults come as v2 tells them; a body that is no JSON, and what the database knows, as the rest of this API does. */
const refused = {
  description: 'Something is wrong with the body.',
  schema: Type.Unsafe({
    anyOf: [{ $ref: '#/components/schemas/Errors' }, { $ref: '#/components/schemas/Error' }],
  }),
};

const admin = { tag: 'Administration', authentication: 'admin' } as const;
const ofOne = { ...admin, parameters: { service_id: serviceId, callback_api_id: apiId } } as const;
const typed = (example: string) =>
  Type.Object({
    callback_type: Type.Optional(Type.Unsafe<string>({ ...callbackType, examples: [example] })),
  });

/** The addresses that services are called back at. */
export const describeApi = {
  create: {
    ...admin,
    summary: 'Give a service an address for callbacks',
    description: 'One for each type. The token is stored encrypted, and never told.',
    parameters: { service_id: serviceId },
    body: newApi,
    example: {
      url: 'https://library.example/callbacks',
      bearer_token: 'a-token-of-their-own',
      updated_by_id: '{user_id}',
      callback_type: 'delivery_status',
    },
    responses: { 201: { description: 'The address.', schema: api }, 400: refused, 404: unknown },
  },
  update: {
    ...ofOne,
    summary: 'Change an address for callbacks',
    description: 'What waits goes to the new address.',
    body: apiChange,
    example: {
      url: 'https://library.example/callbacks/2',
      updated_by_id: '{user_id}',
      callback_type: 'inbound_sms',
    },
    responses: { 200: { description: 'The address.', schema: api }, 400: refused, 404: unknown },
  },
  read: {
    ...ofOne,
    summary: 'Read an address for callbacks',
    query: typed('inbound_sms'),
    responses: { 200: { description: 'The address.', schema: api }, 404: unknown },
  },
  remove: {
    ...ofOne,
    summary: 'Remove an address for callbacks',
    description: 'What waits for it has failed.',
    query: typed('complaint'),
    responses: { 204: { description: 'It is removed.' }, 404: unknown },
  },
} as const satisfies Record<string, Description>;

const page = {
  description: 'A page of callbacks.',
  schema: Type.Object({ callbacks: Type.Array(loggedCallback), links: pageLinksSchema }),
};
const list = {
  summary: 'Read what the service was told',
  description: `Callbacks, newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  query: logQuery,
} as const;
const replay = {
  summary: 'Make callbacks again',
  description:
    'Those of a range of time that are finished, where the service has an address for them. Each gets a fresh course of tries, and says what it said the first time.',
  body: replayRequest,
  example: { from: '2026-05-02T13:00:00Z', to: '2026-05-02T14:00:00Z' },
} as const;
const replayed = { description: 'They are on their way.', schema: replayAnswer };

/** Their log: for a service itself, and for the admin client. */
export const describeLog = {
  list: {
    ...list,
    tag: 'Callbacks',
    authentication: 'api key',
    responses: {
      200: page,
      400: { description: 'A parameter has no such value, or there is no such parameter.' },
    },
  },
  replay: {
    ...replay,
    tag: 'Callbacks',
    authentication: 'api key',
    responses: { 202: replayed, 400: { description: 'Something is wrong with the body.' } },
  },
  adminList: {
    ...list,
    ...admin,
    parameters: { service_id: serviceId },
    responses: { 200: page, 400: refused, 404: unknown },
  },
  adminReplay: {
    ...replay,
    ...admin,
    parameters: { service_id: serviceId },
    responses: { 202: replayed, 400: refused, 404: unknown },
  },
} as const satisfies Record<string, Description>;
