import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { findServiceRecord, lockService } from '../../tenant/service/store-admin.ts';
import { type AlertPeriod, type CostAlert, findCostAlerts, setCostAlert } from './store-alerts.ts';

export type AlertRouteDeps = Readonly<{ db: Db; clock: Clock }>;

const most = 10_000_000;
const period = oneOf(['month', 'year'], '`year`: the financial year.');
const alerts = Type.Object({
  data: Type.Array(
    Type.Object(
      {
        period,
        amount_in_pounds: Type.Number(),
        updated_at: time,
        told_at: orNull(time, 'When people were told of this amount last.'),
      },
      { $id: 'CostAlert' },
    ),
  ),
});

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_settings',
  errors: adminSchemaErrors,
  path: `/service/${uuidPart('service_id')}/cost-alerts`,
  params: Type.Object({ service_id: uuid('The service.') }),
} as const;
const notFound = { description: 'There is no such service.' };

const read = defineRoute({
  ...common,
  method: 'GET',
  handlerName: 'service.get_cost_alerts',
  summary: 'Read at what costs people are told',
  answers: { 200: { description: 'At most one for each period.', schema: alerts }, 404: notFound },
  async handler({ db }: AlertRouteDeps, { params: { service_id: id } }) {
    if (!(await findServiceRecord(db, id))) throw noResultFound();
    return { data: (await findCostAlerts(db, id)).map(show) };
  },
});

const write = defineRoute({
  ...common,
  method: 'POST',
  handlerName: 'service.set_cost_alert',
  summary: 'Set at what costs people are told',
  description:
    'When the texts of a month in London or of a financial year cost as much, less what is free, every active member with `manage_settings` gets an email, within about an hour and once for each amount. Messages are still sent.',
  body: Type.Object(
    {
      period,
      amount_in_pounds: orNull(Type.Number({ maximum: most }), 'null: nobody is told any more.'),
    },
    { additionalProperties: false },
  ),
  example: { period: 'month', amount_in_pounds: 500 },
  answers: {
    200: { description: 'What is set now.', schema: alerts },
    400: { description: 'The body is invalid.' },
    404: notFound,
  },
  async handler({ db, clock }: AlertRouteDeps, { params: { service_id: id }, body, actorId }) {
    const { amount_in_pounds: amount } = body;
    const period = body.period as AlertPeriod;
    if (amount !== null && (amount < 0.01 || Number(amount.toFixed(2)) !== amount))
      throw invalidFields({ amount_in_pounds: ['Must be pounds and whole pennies, at least 0.01.'] });
    const at = new Date(clock.now());
    return await db.transaction().execute(async (trx) => {
      if (!(await lockService(trx, id))) throw noResultFound();
      const before = (await findCostAlerts(trx, id)).find((one) => one.period === period)?.amount ?? null;
      if (before !== amount) {
        await setCostAlert(trx, id, { period, amount, at });
        const data = {
          before: { period, amount_in_pounds: before },
          after: { period, amount_in_pounds: amount },
        };
        const event = { type: 'set_cost_alert', serviceId: id, userId: actorId, subjectId: id, data };
        await recordEvent(trx, event, at);
      }
      return { data: (await findCostAlerts(trx, id)).map(show) };
    });
  },
});

function show({ period, amount, updatedAt, toldAt }: CostAlert) {
  return {
    ...{ period, amount_in_pounds: amount, updated_at: isoMicroseconds(updatedAt) },
    told_at: toldAt && isoMicroseconds(toldAt),
  };
}

/** The amounts at which the people of a service are told (spec 04, section 7.4). */
export const alertRoutes = [read, write];
