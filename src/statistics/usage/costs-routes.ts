import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { dayAfter, dayOf } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, orNull, uuid } from '../../http/validate/shapes.ts';
import { inPounds, ratedPeriods, rateOn, type UnitRate } from '../../message/rate/rate.ts';
import { findServiceRecord } from '../../tenant/service/store-admin.ts';
import { groupBy } from '../totals/figures.ts';
import { financialYearOf, type Period, periodOf } from '../totals/periods.ts';
import { readPeriod } from '../totals/service-routes.ts';
import { findTemplateNames, sumOfServices } from '../totals/store-read.ts';
import type { UsageRouteDeps } from './billing-routes.ts';
import { readUsage, type Usage } from './read.ts';
import { findJobUnits } from './store.ts';
import {
  addCharges,
  billable,
  type Charge,
  charge,
  costOf,
  daysWithoutRate,
  forecastMonth,
  fullCostOf,
  slicesOf,
  within,
} from './usage.ts';

/** So large an answer is shown by nobody. */
const mostRows = 10_000;
const groupings = ['month', 'day', 'template', 'job', 'type'] as const;
type Grouping = (typeof groupings)[number];

const day = Type.String({ format: 'date' });
const money = (description: string) => orNull(Type.Number(), description);
const figures = {
  messages: Type.Integer({ description: 'That a provider took.' }),
  fragments: orNull(Type.Integer(), 'null by job.'),
  units: Type.Number({ description: 'Fragments by the multipliers of their countries.' }),
  free_units: orNull(Type.Number(), 'That the free allowance paid for; null by job.'),
  charged_units: orNull(Type.Number(), 'The rest; null by job.'),
  cost_in_pounds: money('Of the charged units; null by job, and where no rate is known.'),
  full_cost_in_pounds: money('Of all units, as if nothing were free; null where no rate is known.'),
};
const entry = Type.Object(
  {
    month: Type.Optional(Type.String({ examples: ['2026-11'] })),
    day: Type.Optional(day),
    template_id: Type.Optional(uuid()),
    template_name: Type.Optional(Type.String({ description: 'What it is called now.' })),
    job_id: Type.Optional(uuid()),
    original_file_name: Type.Optional(Type.String()),
    notification_type: oneOf(['sms', 'email']),
    ...figures,
  },
  { $id: 'Costs' },
);

const costs = defineRoute({
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_settings',
  method: 'GET',
  path: `/service/${uuidPart('service_id')}/costs`,
  handlerName: 'service.get_costs',
  summary: 'Read what the messages of a service cost',
  description: `Days in London, at most 366, without messages of test keys; always by type. A unit costs the rate of the day on which its message was created, and a receipt that comes later changes that day. What is free in a financial year is used up in the order of days, within a day in the order of templates. \`by=job\`: the jobs that began in the period, at the rate of that day, latest first; they have no part of what is free. At most ${mostRows} entries.`,
  params: Type.Object({ service_id: uuid('The service.') }),
  query: Type.Object(
    {
      from: Type.String({ format: 'date', description: 'The first day.', examples: ['2026-11-01'] }),
      to: Type.String({ format: 'date', description: 'The last day.', examples: ['2026-11-30'] }),
      by: Type.Optional(oneOf(groupings, 'The default is `month`.')),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'The costs.',
      schema: Type.Object({
        data: Type.Array(entry),
        total: Type.Object(
          {
            emails: Type.Integer(),
            texts: Type.Integer(),
            ...{ fragments: Type.Integer(), units: Type.Number(), free_units: Type.Number() },
            ...{ charged_units: Type.Number(), cost_in_pounds: figures.cost_in_pounds },
            full_cost_in_pounds: figures.full_cost_in_pounds,
          },
          { description: 'Of the whole period, however it is divided.' },
        ),
        allowances: Type.Array(
          Type.Object({
            financial_year_start: Type.Integer(),
            free_units: Type.Integer({ description: 'Of the whole year.' }),
            used_units: Type.Number({
              description: 'From the beginning of the year to the last day asked for.',
            }),
            left_units: Type.Number(),
          }),
        ),
        rates: Type.Array(Type.Object({ from: day, to: day, rate: orNull(Type.Number()) }), {
          description: 'What a unit costs in each part of the period.',
        }),
        rate_missing: Type.Array(Type.Object({ from: day, to: day }), {
          description: 'Days with units to pay for of which no rate is known: an operator has to say it.',
        }),
        forecast: orNull(
          Type.Object({
            month: Type.String(),
            units: Type.Number(),
            charged_units: Type.Number(),
            cost_in_pounds: figures.cost_in_pounds,
          }),
          'Of the present month, if today is asked for: what it has cost so far, and for each day after today the average of the last 7 whole days.',
        ),
      }),
    },
    400: { description: 'A parameter is missing, unknown or invalid, or there would be too much.' },
    404: { description: 'There is no such service.' },
  },
  async handler(deps: UsageRouteDeps, { params: { service_id: id }, query }, reply) {
    const period = readPeriod(query);
    const by = (query.by ?? 'month') as Grouping;
    const rates = await deps.unitRates.get('sms');
    const today = dayOf(deps.clock.now());
    return await deps.reads(id, callerLeaves(reply), async (db) => {
      if (!(await findServiceRecord(db, id))) throw noResultFound();
      const usage = await readUsage(db, id, period, { rates, usual: deps.freeSmsFragments });
      const of = { id, period, rates, usage };
      const data = await entriesOf(db, by, of);
      if (data.length > mostRows)
        throw badRequest(`There would be more than ${mostRows} entries: ask for fewer days`);
      const forecast = within(period, today) ? await foretell(db, today, of, deps.freeSmsFragments) : null;
      return { data, ...showPeriod(of), forecast };
    });
  },
});

type Of = Readonly<{ id: string; period: Period; rates: readonly UnitRate[]; usage: Usage }>;

async function entriesOf(db: Db, by: Grouping, of: Of) {
  if (by === 'template') return await byTemplate(db, of);
  if (by === 'job') return await byJob(db, of);
  const nameOf = (day: string) => (by === 'type' ? '' : by === 'day' ? day : day.slice(0, 7));
  const name = (day: string) => (by === 'type' ? {} : { [by]: nameOf(day) });
  const inPeriod = <One extends { day: string }>(all: readonly One[]) =>
    groupBy(
      all.filter(({ day }) => within(of.period, day)),
      ({ day }) => nameOf(day),
    );
  const [texts, emails] = [inPeriod(of.usage.sms), inPeriod(of.usage.emails)];
  return [...new Set([...texts.keys(), ...emails.keys()])].sort().flatMap((key) => {
    const [ofTexts = [], ofEmails = []] = [texts.get(key), emails.get(key)];
    return [
      ...(ofEmails.length > 0 ? [{ ...name(ofEmails[0]!.day), ...showEmails(sumOf(ofEmails)) }] : []),
      ...(ofTexts.length > 0 ? [{ ...name(ofTexts[0]!.day), ...showTexts(ofTexts) }] : []),
    ];
  });
}

async function byTemplate(db: Db, { id, period, rates, usage }: Of) {
  const by = ['notification_type', 'template_id'] as const;
  const rows: (Counted & Charge & Readonly<{ template_id: string; notification_type: string }>)[] = [];
  for (const { left, rate, ...part } of slicesOf(period, usage.sms, rates, usage.allowances)) {
    const found = await sumOfServices(db, [id], by, { period: part, statuses: billable });
    const priced = found.map((one) => {
      const isText = one.notification_type === 'sms';
      return { ...one, messages: one.count, fragments: one.units, units: isText ? one.cost_units : 0, rate };
    });
    rows.push(...charge(priced, left));
  }
  const groups = groupBy(rows, ({ template_id }) => template_id);
  const names = await findTemplateNames(db, [...groups.keys()]);
  const shown = [...groups].map(([template_id, all]) => ({
    ...{ template_id, template_name: names.get(template_id) ?? '' },
    ...(all[0]!.notification_type === 'email' ? showEmails(sumOf(all)) : showTexts(all)),
  }));
  return shown.sort((a, b) => b.units - a.units || (a.template_name < b.template_name ? -1 : 1));
}

async function byJob(db: Db, { id, period, rates }: Of) {
  const jobs = await findJobUnits(db, id, { ...period, statuses: billable, limit: mostRows + 1 });
  return jobs.map(({ id: job_id, name: original_file_name, type, day, messages, units: all }) => {
    const units = type === 'sms' ? all : 0;
    const [charged] = charge([{ units, rate: rateOn(rates, day) }], 0);
    return {
      ...{ job_id, original_file_name, notification_type: type, messages, fragments: null, units },
      ...{ free_units: null, charged_units: null, cost_in_pounds: null },
      full_cost_in_pounds: fullCostOf(charged!),
    };
  });
}

function showPeriod({ period, rates, usage }: Of) {
  const texts = usage.sms.filter(({ day }) => within(period, day));
  const emails = usage.emails.filter(({ day }) => within(period, day));
  const { notification_type: _, messages, ...sums } = showTexts(texts);
  return {
    total: { emails: sumOf(emails), texts: messages, ...sums },
    allowances: [...usage.allowances].map(([year, free]) => {
      const used = usage.sms.reduce(
        (sum, one) => sum + (financialYearOf(one.day) === year ? one.free : 0),
        0,
      );
      return { financial_year_start: year, free_units: free, used_units: used, left_units: free - used };
    }),
    rates: ratedPeriods(rates, period).map(({ from, to, micros }) => ({
      ...{ from, to, rate: micros === null ? null : inPounds(micros) },
    })),
    rate_missing: daysWithoutRate(texts),
  };
}

/** Today is in the period, whose financial years may begin after the last week did. */
async function foretell(db: Db, today: string, { id, rates, usage }: Of, usual: number) {
  const year = financialYearOf(today);
  const week = periodOf(dayAfter(today, -7), today);
  const isKnown = usage.allowances.has(financialYearOf(week.from));
  const { sms, allowances } = isKnown ? usage : await readUsage(db, id, week, { rates, usual });
  const { units, ...charged } = forecastMonth(today, sms, rates, allowances.get(year)!);
  return {
    month: today.slice(0, 7),
    units: Math.round(units),
    charged_units: Math.round(charged.charged),
    cost_in_pounds: costOf(charged),
  };
}

type Counted = Readonly<{ messages: number; fragments: number; units: number }>;

const sumOf = (all: readonly Readonly<{ messages: number }>[]) =>
  all.reduce((sum, { messages }) => sum + messages, 0);

function showTexts(all: readonly (Counted & Charge)[]) {
  const sum = addCharges(all);
  return {
    notification_type: 'sms',
    messages: sumOf(all),
    fragments: all.reduce((total, { fragments }) => total + fragments, 0),
    units: sum.free + sum.charged,
    ...{ free_units: sum.free, charged_units: sum.charged },
    ...{ cost_in_pounds: costOf(sum), full_cost_in_pounds: fullCostOf(sum) },
  };
}

/** Emails cost nothing. */
function showEmails(messages: number) {
  return {
    ...{ notification_type: 'email', messages, fragments: 0, units: 0, free_units: 0, charged_units: 0 },
    ...{ cost_in_pounds: 0, full_cost_in_pounds: 0 },
  };
}

/** What a service pays and will pay (spec 04, section 7.4; spec 07, journey 9). */
export const costsRoutes = [costs];
