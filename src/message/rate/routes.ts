import { Type } from 'typebox';
import type { Db, Trx } from '../../database/connection.ts';
import { type Clock, dayOf, isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { changesOf, recordEvent } from '../../tenant/event/store.ts';
import { inPounds, toMicros } from './rate.ts';
import { addUnitRate, changeUnitRate, findUnitRates, lockUnitRates, type UnitRateRecord } from './store.ts';

export type UnitRateRouteDeps = Readonly<{ db: Db; clock: Clock }>;

const highest = 100;
const pounds = Type.Number({
  minimum: 0,
  maximum: highest,
  description: 'Pounds for a unit, without VAT; at most 6 decimals.',
});
const reason = orNull(Type.String({ format: 'text', maxLength: 255 }), 'Why it is so.');
const validFrom = Type.String({
  format: 'date',
  description: 'The day in London from whose start on it applies, until the day of the next one.',
  examples: ['2099-04-01'],
});
const unitRate = Type.Object(
  {
    id: uuid(),
    notification_type: oneOf(['sms']),
    valid_from: validFrom,
    rate: pounds,
    reason,
    created_at: time,
    updated_at: orNull(time),
  },
  { $id: 'UnitRate' },
);

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'operator',
  errors: adminSchemaErrors,
} as const;
const one = Type.Object({ data: unitRate });
const refused =
  'The body is invalid, the day is not in the future, or there is another rate from that day on. What has applied already does not change.';

const list = defineRoute({
  ...common,
  method: 'GET',
  path: '/platform/rates',
  handlerName: 'platform.get_rates',
  summary: 'Read what texts cost',
  description:
    'Every rate of a unit, that of the latest day first. A text has as many units as fragments, times the multiplier of its country.',
  answers: { 200: { description: 'The rates.', schema: Type.Object({ data: Type.Array(unitRate) }) } },
  handler: async ({ db }: UnitRateRouteDeps) => ({ data: (await findUnitRates(db)).toReversed().map(show) }),
});

const add = defineRoute({
  ...common,
  method: 'POST',
  path: '/platform/rates',
  handlerName: 'platform.add_rate',
  summary: 'Say what texts will cost',
  description: 'From a day after today on.',
  body: Type.Object(
    {
      notification_type: Type.Optional(oneOf(['sms'])),
      valid_from: validFrom,
      rate: pounds,
      reason: Type.Optional(reason),
    },
    { additionalProperties: false },
  ),
  example: { valid_from: '2099-04-01', rate: 0.0245, reason: 'The contract of 2099' },
  answers: { 201: { description: 'The rate.', schema: one }, 400: { description: refused } },
  async handler({ db, clock }: UnitRateRouteDeps, { body, actorId }) {
    const at = new Date(clock.now());
    const { valid_from: from, reason = null } = body;
    const micros = microsOf(body.rate);
    refusePast(from, at);
    return await db.transaction().execute(async (trx) => {
      await lockUnitRates(trx);
      const id = await addUnitRate(trx, { from, micros, reason, at });
      if (id === null) throw isTaken(from);
      const added = await findIn(trx, id);
      await record(trx, { type: 'create_rate', before: null, after: added, userId: actorId, at });
      return { data: show(added) };
    });
  },
});

const change = defineRoute({
  ...common,
  method: 'POST',
  path: `/platform/rates/${uuidPart('rate_id')}`,
  handlerName: 'platform.change_rate',
  summary: 'Change what texts will cost',
  description: 'Only a rate whose day has not come. Absent fields stay as they are.',
  params: Type.Object({ rate_id: uuid() }),
  body: Type.Object(
    {
      valid_from: Type.Optional(validFrom),
      rate: Type.Optional(pounds),
      reason: Type.Optional(reason),
    },
    { additionalProperties: false },
  ),
  example: { rate: 0.025 },
  answers: {
    200: { description: 'The rate.', schema: one },
    400: { description: refused },
    404: { description: 'There is no such rate.' },
  },
  async handler({ db, clock }: UnitRateRouteDeps, { params: { rate_id: id }, body, actorId }) {
    const at = new Date(clock.now());
    return await db.transaction().execute(async (trx) => {
      await lockUnitRates(trx);
      const before = await findIn(trx, id);
      if (before.from <= dayOf(at.getTime()))
        throw badRequest(
          `The rate of ${before.from} has applied since then: add a rate from a later day on instead`,
        );
      const from = body.valid_from ?? before.from;
      refusePast(from, at);
      const micros = body.rate === undefined ? before.micros : microsOf(body.rate);
      const reason = body.reason === undefined ? before.reason : body.reason;
      if (!(await changeUnitRate(trx, id, { from, micros, reason, at }))) throw isTaken(from);
      const after = await findIn(trx, id);
      await record(trx, { type: 'update_rate', before, after, userId: actorId, at });
      return { data: show(after) };
    });
  },
});

/** What texts cost, for operators (spec 04, section 7.4). */
export const unitRateRoutes = [list, add, change];

/** Throws a Problem for what the column cannot hold exactly. */
function microsOf(rate: number): number {
  const micros = toMicros(rate);
  if (micros === null) throw invalidFields({ rate: ['At most 6 decimals.'] });
  return micros;
}

/** Throws a Problem unless the day is after today: what has been sent keeps its price. */
function refusePast(from: string, at: Date): void {
  const today = dayOf(at.getTime());
  if (from <= today)
    throw invalidFields({
      valid_from: [`Must be after today, ${today}: what has been sent keeps its price.`],
    });
}

function isTaken(from: string) {
  return invalidFields({ valid_from: [`There is a rate from ${from} on already: change that one.`] });
}

/** Throws a Problem (404) if there is no such rate. */
async function findIn(trx: Trx, id: string): Promise<UnitRateRecord> {
  const found = (await findUnitRates(trx)).find((one) => one.id === id);
  if (!found) throw noResultFound();
  return found;
}

async function record(
  trx: Trx,
  {
    type,
    before,
    after,
    userId,
    at,
  }: Readonly<{
    type: string;
    before: UnitRateRecord | null;
    after: UnitRateRecord;
    userId: string | null;
    at: Date;
  }>,
): Promise<void> {
  const data = changesOf(before && show(before), show(after), ['id', 'created_at', 'updated_at']);
  await recordEvent(trx, { type, serviceId: null, userId, subjectId: after.id, data }, at);
}

function show({ id, from, micros, reason, createdAt, updatedAt }: UnitRateRecord) {
  return {
    ...{ id, notification_type: 'sms', valid_from: from, rate: inPounds(micros), reason },
    created_at: isoMicroseconds(createdAt),
    updated_at: updatedAt && isoMicroseconds(updatedAt),
  };
}
