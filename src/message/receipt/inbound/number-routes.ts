import { Type } from 'typebox';
import type { Db } from '../../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../../ground/clock.ts';
import { parseUuid } from '../../../ground/id.ts';
import { badRequest, noResultFound, Problem } from '../../../ground/problem.ts';
import { defineRoute, type Refinement, uuidPart } from '../../../http/server/define-route.ts';
import { orNull, time, uuid } from '../../../http/validate/shapes.ts';
import { platformServiceId } from '../../../tenant/service/service.ts';
import { parseOwnNumber } from './number.ts';
import {
  addNumbers,
  findFreeNumbers,
  findNumberOf,
  findNumbers,
  giveNumber,
  type InboundNumber,
  type NotGiven,
  switchOff,
} from './number-store.ts';

export type NumberRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  /** Identifiers of the providers that can receive texts. */
  providers: readonly string[];
}>;

const numberSchema = Type.Object(
  {
    id: uuid(),
    number: Type.String({ description: 'As stored: UK numbers begin with 0.' }),
    provider: Type.String({ description: 'The provider that receives its texts.' }),
    service: Type.Union([
      Type.Object({ id: uuid(), name: Type.String() }),
      Type.Null({ description: 'The number is available.' }),
    ]),
    active: Type.Boolean({ description: 'Whether texts to it are accepted.' }),
    created_at: time,
    updated_at: orNull(time),
  },
  { $id: 'InboundNumber' },
);

const common = { tag: 'Administration', authentication: 'admin', permission: 'operator' } as const;
const numbersAnswer = Type.Object({ data: Type.Array(numberSchema) });
const ofService = {
  ...common,
  path: `/inbound-number/service/${uuidPart('service_id')}`,
  params: Type.Object({
    service_id: Type.String({ format: 'uuid', examples: [platformServiceId] }),
  }),
} as const;

const add = defineRoute({
  ...common,
  method: 'POST',
  path: '/inbound-number',
  handlerName: 'inbound_number.add_inbound_numbers',
  summary: 'Add inbound numbers',
  description: 'The numbers become available to services. Existing numbers stay as they are.',
  body: Type.Object({
    provider: Type.String({ description: 'The provider that receives their texts: `mmg` or `firetext`.' }),
    numbers: Type.Array(Type.String(), { description: 'At least one, in the provider’s notation.' }),
  }),
  example: { provider: 'mmg', numbers: ['07700900456', '07700900457'] },
  answers: {
    201: { description: 'The numbers.', schema: numbersAnswer },
    400: { description: 'The body is invalid.' },
  },
  refine,
  async handler({ db, clock }: NumberRouteDeps, { body: { provider, numbers } }) {
    const parsed = numbers.map(parseOwnNumber).filter((number) => number !== null);
    return { data: (await addNumbers(db, provider, parsed, new Date(clock.now()))).map(show) };
  },
});

const readAll = defineRoute({
  ...common,
  method: 'GET',
  path: '/inbound-number',
  handlerName: 'inbound_number.get_inbound_numbers',
  summary: 'Read all inbound numbers',
  answers: {
    200: { description: 'All numbers, including those that are switched off.', schema: numbersAnswer },
  },
  handler: async ({ db }: NumberRouteDeps) => ({ data: (await findNumbers(db)).map(show) }),
});

const readAvailable = defineRoute({
  ...common,
  method: 'GET',
  path: '/inbound-number/available',
  handlerName: 'inbound_number.get_available',
  summary: 'Read the available inbound numbers',
  answers: { 200: { description: 'The numbers that can be given to a service.', schema: numbersAnswer } },
  handler: async ({ db }: NumberRouteDeps) => ({ data: (await findFreeNumbers(db)).map(show) }),
});

const give = defineRoute({
  ...ofService,
  method: 'POST',
  handlerName: 'inbound_number.post_allocate_inbound_number',
  summary: 'Give a service an inbound number',
  description:
    'An available number, or the one in the body. The service may receive texts from then on, and the number becomes one of its senders. A service that already has a number keeps it, switched on.',
  body: Type.Object({ inbound_number_id: Type.Optional(orNull(uuid())) }),
  bodyOptional: true,
  answers: {
    200: { description: 'The service’s number.', schema: Type.Object({ data: numberSchema }) },
    400: { description: 'The body is invalid, or the service has another number.' },
    404: { description: 'There is no such service, or no such available number.' },
    409: { description: 'No number is available: add some.' },
  },
  async handler({ db, clock }: NumberRouteDeps, { params, body: { inbound_number_id: id = null } }) {
    const wanted = id === null ? null : parseUuid(id);
    const given = await giveNumber(db, params.service_id, wanted, new Date(clock.now()));
    if (typeof given === 'string') throw notGiven(given);
    return { data: show(given) };
  },
});

const readOfService = defineRoute({
  ...ofService,
  method: 'GET',
  handlerName: 'inbound_number.get_for_service',
  summary: 'Read the inbound number of a service',
  answers: {
    200: {
      description: '`data` is the number, or `{}` if the service has none.',
      schema: Type.Object({
        data: Type.Union([numberSchema, Type.Object({}, { additionalProperties: false })]),
      }),
    },
  },
  async handler({ db }: NumberRouteDeps, { params }) {
    const found = await findNumberOf(db, params.service_id);
    return { data: found ? show(found) : {} };
  },
});

const off = defineRoute({
  ...ofService,
  method: 'POST',
  path: `${ofService.path}/off`,
  handlerName: 'inbound_number.post_set_inbound_number_off',
  summary: 'Switch off the inbound number of a service',
  description: 'Texts to it are no longer accepted. The service keeps it.',
  answers: {
    204: { description: 'Switched off.' },
    404: { description: 'The service has no number.' },
  },
  async handler({ db, clock }: NumberRouteDeps, { params }) {
    if (!(await switchOff(db, params.service_id, new Date(clock.now())))) throw noResultFound();
  },
});

/** The numbers that people can text, and which services have them (spec 05, section 7). */
export const numberRoutes = [add, readAll, readAvailable, give, readOfService, off];

/** Checks new numbers beyond their types. */
function refine(
  { providers }: NumberRouteDeps,
  { provider, numbers }: Readonly<Record<string, unknown>>,
): readonly Refinement[] {
  const found: Refinement[] = [];
  if (typeof provider === 'string' && !providers.includes(provider))
    found.push({ field: 'provider', text: 'Not a valid choice.' });
  if (!Array.isArray(numbers)) return found;
  const wrong = numbers.findIndex((one: unknown) => typeof one !== 'string' || parseOwnNumber(one) === null);
  if (numbers.length === 0) found.push({ field: 'numbers', text: 'At least one number is needed.' });
  else if (wrong !== -1)
    found.push({
      field: 'numbers',
      text: `Not a valid number at ${wrong}: it must be a text of 3 to 15 digits, such as "07700900456".`,
    });
  return found;
}

function notGiven(why: NotGiven): Problem {
  if (why === 'another number') return badRequest('This service has another inbound number already');
  if (why === 'none is free')
    return new Problem(409, [
      { error: 'BadRequestError', message: 'No inbound number is free: add some first' },
    ]);
  return noResultFound();
}

function show(number: InboundNumber) {
  const { id, serviceId, serviceName, active, provider, createdAt, updatedAt } = number;
  return {
    id,
    number: number.number,
    provider,
    service: serviceId === null ? null : { id: serviceId, name: serviceName },
    active,
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
  };
}
