import { type Static, Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { Reads } from '../../database/reads.ts';
import { type Clock, dayOf } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { adminSchemaErrors } from '../../http/server/error-format.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, orNull, uuid } from '../../http/validate/shapes.ts';
import { inPounds } from '../../message/rate/rate.ts';
import type { UnitRates } from '../../message/rate/store.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { findServiceRecord, lockService } from '../../tenant/service/store-admin.ts';
import { groupBy } from '../totals/figures.ts';
import { financialYear, financialYearOf } from '../totals/periods.ts';
import { readUsage } from './read.ts';
import { findAllowancesOf, setAllowance } from './store.ts';
import { addCharges, type ChargedDay, costOf } from './usage.ts';

/** `freeSmsFragments`: units that a service has free in a financial year, unless its own are set. */
export type UsageRouteDeps = Readonly<{
  db: Db;
  reads: Reads;
  clock: Clock;
  unitRates: UnitRates;
  freeSmsFragments: number;
}>;

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_settings',
  errors: adminSchemaErrors,
} as const;
const path = `/service/${uuidPart('service_id')}/billing`;
const ofService = Type.Object({ service_id: uuid('The service.') });

/** The first calendar year of a financial year. */
const yearText = (description: string) =>
  Type.Optional(Type.String({ format: 'text', description, examples: ['2026'] }));
export const yearQuery = Type.Object({
  year: yearText('The financial year that begins on 1 April of it. Required.'),
});

/** Throws a Problem for what is no year of four digits (spec 04, section 7.4). */
export function readYear(year: string | undefined, fault = 'No valid year provided') {
  const text = (year ?? '').trim();
  if (!/^[12]\d{3}$/.test(text)) throw badRequest(fault);
  return Number(text);
}

export const badYear = { description: '`year` is missing or no year.' };

const charged = {
  notification_type: oneOf(['sms', 'email']),
  chargeable_units: Type.Number({
    description: 'Fragments by the multipliers of their countries; of emails, how many.',
  }),
  notifications_sent: Type.Integer(),
  rate: orNull(Type.Number(), 'Pounds for a unit; null if none is known.'),
  cost: orNull(Type.Number(), 'Pounds, less what is free; null if no rate is known.'),
  free_allowance_used: Type.Number({ description: 'Units that were free.' }),
  charged_units: Type.Number(),
};

const monthly = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/monthly-usage`,
  handlerName: 'billing.get_yearly_usage_by_monthly_from_ft_billing',
  summary: 'Read what the texts of a service cost by month',
  description:
    'The months in London of a financial year with texts that were handed over, and an entry for each rate in them. Without messages of test keys. What is free is used up in the order of days.',
  params: ofService,
  query: yearQuery,
  answers: {
    200: {
      description: 'By month and rate.',
      schema: Type.Array(
        Type.Object({ month: Type.String({ examples: ['June'] }), ...charged, postage: oneOf(['none']) }),
      ),
    },
    400: badYear,
  },
  async handler(deps: UsageRouteDeps, { params, query }, reply) {
    const { sms } = await usageOfYear(deps, params.service_id, query, callerLeaves(reply));
    return [...groupBy(sms, ({ day, rate }) => `${day.slice(0, 7)} ${rate}`).values()].map((days) => {
      const { notification_type, ...figures } = showDays(days);
      return { month: monthName(days[0]!.day), notification_type, postage: 'none', ...figures };
    });
  },
});

const yearly = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/yearly-usage-summary`,
  handlerName: 'billing.get_yearly_billing_usage_summary_from_ft_billing',
  summary: 'Read what the messages of a service cost in a year',
  description:
    'Of a financial year, an entry for each rate of texts that were handed over, and one for emails, which cost nothing. Without messages of test keys.',
  params: ofService,
  query: yearQuery,
  answers: {
    200: { description: 'By type and rate.', schema: Type.Array(Type.Object(charged)) },
    400: badYear,
  },
  async handler(deps: UsageRouteDeps, { params, query }, reply) {
    const { sms, emails } = await usageOfYear(deps, params.service_id, query, callerLeaves(reply));
    const count = emails.reduce((sum, { messages }) => sum + messages, 0);
    const ofEmails = {
      ...{ notification_type: 'email', chargeable_units: count, notifications_sent: count },
      ...{ rate: 0, cost: 0, free_allowance_used: 0, charged_units: count },
    };
    return [
      ...(count > 0 ? [ofEmails] : []),
      ...[...groupBy(sms, ({ rate }) => String(rate)).values()].map(showDays),
    ];
  },
});

async function usageOfYear(
  { reads, unitRates, freeSmsFragments: usual }: UsageRouteDeps,
  serviceId: string,
  { year }: Static<typeof yearQuery>,
  left: AbortSignal,
) {
  const period = financialYear(readYear(year));
  const rates = await unitRates.get('sms');
  return await reads(serviceId, left, (db) => readUsage(db, serviceId, period, { rates, usual }));
}

/** Days of one rate. */
function showDays(days: readonly (ChargedDay & Readonly<{ messages: number }>)[]) {
  const sum = addCharges(days);
  const { rate } = days[0]!;
  return {
    notification_type: 'sms',
    chargeable_units: sum.free + sum.charged,
    notifications_sent: days.reduce((total, { messages }) => total + messages, 0),
    rate: rate === null ? null : inPounds(rate),
    cost: costOf(sum),
    free_allowance_used: sum.free,
    charged_units: sum.charged,
  };
}

const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October'],
  ...['November', 'December'],
];

/** `June`, of a day or a month YYYY-MM. */
export function monthName(day: string): string {
  return months[Number(day.slice(5, 7)) - 1]!;
}

const limit = Type.Object({
  free_sms_fragment_limit: Type.Integer(),
  financial_year_start: Type.Integer({ description: 'It begins on 1 April of this year.' }),
});
const limitPath = `${path}/free-sms-fragment-limit`;

const readLimit = defineRoute({
  ...common,
  method: 'GET',
  path: limitPath,
  handlerName: 'billing.get_free_sms_fragment_limit',
  summary: 'Read how many units a service has free in a year',
  params: ofService,
  query: Type.Object({ financial_year_start: yearText('The present one without it.') }),
  answers: {
    200: { description: 'The units.', schema: limit },
    400: { description: '`financial_year_start` is no year.' },
    404: { description: 'There is no such service.' },
  },
  async handler({ db, clock, freeSmsFragments }: UsageRouteDeps, { params, query }) {
    const id = params.service_id;
    const { financial_year_start: given } = query;
    const year = given === undefined ? financialYearOf(dayOf(clock.now())) : readYear(given);
    if (!(await findServiceRecord(db, id))) throw noResultFound();
    const units = (await findAllowancesOf(db, id, [year], freeSmsFragments)).get(year);
    return { free_sms_fragment_limit: units, financial_year_start: year };
  },
});

const writeLimit = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path: limitPath,
  handlerName: 'billing.create_or_update_free_sms_fragment_limit',
  summary: 'Set how many units a service has free in a year',
  description:
    'Of the present year or a later one: also of the years after it. What was charged in the year is charged anew.',
  params: ofService,
  body: Type.Object(
    {
      free_sms_fragment_limit: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
      financial_year_start: Type.Optional(
        orNull(Type.Integer({ minimum: 2000, maximum: 2999 }), 'The present one without it.'),
      ),
    },
    { additionalProperties: false },
  ),
  example: { free_sms_fragment_limit: 40_000 },
  answers: {
    201: { description: 'The units.', schema: limit },
    400: { description: 'The body is invalid.' },
    404: { description: 'There is no such service.' },
  },
  async handler({ db, clock, freeSmsFragments: usual }: UsageRouteDeps, { params, body, actorId }) {
    const id = params.service_id;
    const at = new Date(clock.now());
    const current = financialYearOf(dayOf(at.getTime()));
    const { free_sms_fragment_limit: units, financial_year_start: given } = body;
    const year = given ?? current;
    const shown = (units: number) => ({ free_sms_fragment_limit: units, financial_year_start: year });
    await db.transaction().execute(async (trx) => {
      if (!(await lockService(trx, id))) throw noResultFound();
      const before = (await findAllowancesOf(trx, id, [year], usual)).get(year)!;
      await setAllowance(trx, id, { year, units, current, usual, at });
      const data = { before: shown(before), after: shown(units) };
      const event = { type: 'update_free_sms_fragment_limit', serviceId: id, userId: actorId, subjectId: id };
      if (before !== units) await recordEvent(trx, { ...event, data }, at);
    });
    return shown(units);
  },
});

/** What a service pays, as GOV.UK Notify shows it today (spec 04, section 7.4). */
export const billingRoutes = [monthly, yearly, readLimit, writeLimit];
