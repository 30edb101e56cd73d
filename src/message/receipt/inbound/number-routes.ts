import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Db } from '../../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../../ground/clock.ts';
import { parseUuid } from '../../../ground/id.ts';
import { badRequest, FieldProblem, noResultFound, Problem } from '../../../ground/problem.ts';
import { readAdminFields, uuidPart } from '../../../http/validate/admin-body.ts';
import { sendJson } from '../../../http/validate/json-body.ts';
import { numberDescriptions } from './description.ts';
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

type WithService = FastifyRequest<{ Params: { service_id: string } }>;

/** The numbers that people can text, and whose they are. Needs `requireAdmin` before it. */
export function numberRoutes(app: FastifyInstance, { db, clock, providers }: NumberRouteDeps): void {
  const now = () => new Date(clock.now());
  const config = (name: keyof typeof numberDescriptions, handler: string) => ({
    config: { handler: `inbound_number.${handler}`, describe: numberDescriptions[name] },
  });
  const ofService = `/inbound-number/service/${uuidPart('service_id')}`;

  app.post('/inbound-number', config('add', 'add_inbound_numbers'), async (request, reply) => {
    const { provider, numbers } = readNumbers(readAdminFields(request), providers);
    return sendJson(reply.code(201), { data: (await addNumbers(db, provider, numbers, now())).map(show) });
  });

  app.get('/inbound-number', config('all', 'get_inbound_numbers'), async (_request, reply) =>
    sendJson(reply, { data: (await findNumbers(db)).map(show) }),
  );

  app.get('/inbound-number/available', config('available', 'get_available'), async (_request, reply) =>
    sendJson(reply, { data: (await findFreeNumbers(db)).map(show) }),
  );

  app.post(ofService, config('give', 'post_allocate_inbound_number'), async (request: WithService, reply) => {
    const { body, params } = request;
    const hasBody = Buffer.isBuffer(body) && body.length > 0;
    const wanted = hasBody ? readWanted(readAdminFields(request)) : null;
    const given = await giveNumber(db, params.service_id, wanted, now());
    if (typeof given === 'string') throw notGiven(given);
    return sendJson(reply, { data: show(given) });
  });

  app.get(ofService, config('ofService', 'get_for_service'), async ({ params }: WithService, reply) => {
    const found = await findNumberOf(db, params.service_id);
    return sendJson(reply, { data: found ? show(found) : {} });
  });

  app.post(
    `${ofService}/off`,
    config('off', 'post_set_inbound_number_off'),
    async ({ params }: WithService, reply) => {
      if (!(await switchOff(db, params.service_id, now()))) throw noResultFound();
      return reply.code(204).send();
    },
  );
}

const missing = 'Missing data for required field.';

/** Throws a Problem with what is wrong with each field (spec 04, section 0.3). */
function readNumbers(
  { provider, numbers }: Record<string, unknown>,
  providers: readonly string[],
): { provider: string; numbers: readonly string[] } {
  const faults: Record<string, string[]> = {};
  if (provider === undefined) faults['provider'] = [missing];
  else if (typeof provider !== 'string') faults['provider'] = ['Not a valid string.'];
  else if (!providers.includes(provider)) faults['provider'] = ['Not a valid choice.'];
  const parsed = Array.isArray(numbers)
    ? numbers.map((one: unknown) => (typeof one === 'string' ? parseOwnNumber(one) : null))
    : [];
  if (numbers === undefined) faults['numbers'] = [missing];
  else if (!Array.isArray(numbers)) faults['numbers'] = ['Not a valid list.'];
  else if (numbers.length === 0) faults['numbers'] = ['At least one number is needed.'];
  else if (parsed.includes(null))
    faults['numbers'] = [
      `Not a valid number at ${parsed.indexOf(null)}: it must be a text of 3 to 15 digits, such as "07700900456".`,
    ];
  if (Object.keys(faults).length > 0) throw new FieldProblem(faults);
  return { provider: provider as string, numbers: parsed.filter((one) => one !== null) };
}

function readWanted({ inbound_number_id: id }: Record<string, unknown>): string | null {
  if (id === undefined || id === null) return null;
  const parsed = typeof id === 'string' ? parseUuid(id) : null;
  if (parsed === null) throw new FieldProblem({ inbound_number_id: ['Not a valid UUID.'] });
  return parsed;
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
