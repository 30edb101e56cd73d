import { type Static, Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { Reads } from '../../database/reads.ts';
import { type Clock, dayAfter, dayOf } from '../../ground/clock.ts';
import { badRequest, invalidFields, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, uuid } from '../../http/validate/shapes.ts';
import { figuresSchema, type ReadStatistics, statisticsSchema } from '../../tenant/service/detailed.ts';
import { findServiceRecord } from '../../tenant/service/store-admin.ts';
import { dailyEntries } from './daily.ts';
import { byStatus, channels, figuresOf, groupBy } from './figures.ts';
import { daysIn, daysOf, financialYear, mondays, type Period, periodOf } from './periods.ts';
import { countByDays, findTemplateNames, sumOfServices } from './store-read.ts';

export type StatisticsRouteDeps = Readonly<{ reads: Reads; clock: Clock }>;

/** For routes of services (spec 04, section 1.3). `reader`: the service on whose behalf is read. */
export function createReadStatistics(reads: Reads, reader: string): ReadStatistics {
  return async (serviceIds, { from, to, testKeys }, left) => {
    const rows = await reads(serviceIds.length === 1 ? serviceIds[0]! : reader, left, (db) =>
      sumOfServices(db, serviceIds, ['service_id', 'notification_type', 'status'], {
        ...{ period: periodOf(from, to), testKeys },
      }),
    );
    const found = groupBy(rows, ({ service_id: id }) => id);
    return new Map(serviceIds.map((id) => [id, figuresOf(found.get(id) ?? [])]));
  };
}

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'view_activity',
  method: 'GET',
} as const;
const path = `/service/${uuidPart('service_id')}`;
const ofService = Type.Object({ service_id: uuid('The service.') });
const notFound = { description: 'There is no such service.' };
const counts = Type.Record(Type.String(), Type.Integer(), { description: 'How many, by status.' });
const flag = (description: string) => Type.Optional(oneOf(['True', 'False'], description));

const mostDays = 366;

const summary = defineRoute({
  ...common,
  path: `${path}/statistics`,
  handlerName: 'service.get_service_statistics',
  summary: 'Read the statistics of a service',
  description: 'Of today and of whole days before it, without messages of test keys.',
  params: ofService,
  query: Type.Object(
    {
      today_only: flag('Only today.'),
      limit_days: Type.Optional(
        Type.Integer({ minimum: 0, maximum: mostDays, default: 7, description: 'Days before today.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: { description: 'The statistics.', schema: Type.Object({ data: statisticsSchema }) },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler({ reads, clock }: StatisticsRouteDeps, { params, query }, reply) {
    const id = params.service_id;
    const to = dayOf(clock.now());
    const days = query.today_only === 'True' ? 0 : (query.limit_days ?? 7);
    const read = createReadStatistics(reads, id);
    const of = { from: dayAfter(to, -days), to, testKeys: false };
    return { data: (await read([id], of, callerLeaves(reply))).get(id) };
  },
});

const yearQuery = Type.Object({
  year: Type.Optional(
    Type.String({
      format: 'text',
      description: 'The financial year that begins on 1 April of it. Required.',
      examples: ['2026'],
    }),
  ),
});

/** Throws a Problem for what is no year of four digits (spec 04, section 7.4). */
function readYear({ year = '' }: Static<typeof yearQuery>) {
  const text = year.trim();
  if (!/^[12]\d{3}$/.test(text)) throw badRequest('Year must be a number');
  return financialYear(Number(text));
}

async function requireService(db: Db, id: string) {
  const service = await findServiceRecord(db, id);
  if (!service) throw noResultFound();
  return service;
}

const yearly = {
  ...common,
  params: ofService,
  query: yearQuery,
} as const;
const badYear = { description: '`year` is missing or not a number.' };

const monthly = defineRoute({
  ...yearly,
  path: `${path}/notifications/monthly`,
  handlerName: 'service.get_monthly_notification_stats',
  summary: 'Count the messages of a service by month',
  description: 'The months of a financial year in London, without messages of test keys.',
  answers: {
    200: {
      description: 'By month (`2026-04`), type and status.',
      schema: Type.Object({
        data: Type.Record(Type.String(), Type.Object({ sms: counts, email: counts, letter: counts })),
      }),
    },
    400: badYear,
    404: notFound,
  },
  async handler({ reads }: StatisticsRouteDeps, { params, query }, reply) {
    const { months, ...period } = readYear(query);
    const rows = await reads(params.service_id, callerLeaves(reply), async (db) => {
      await requireService(db, params.service_id);
      return await sumOfServices(db, [params.service_id], ['month', 'notification_type', 'status'], {
        period,
      });
    });
    const found = groupBy(rows, ({ month, notification_type: type }) => `${month} ${type}`);
    const ofMonth = (month: string) =>
      channels.map((channel) => [channel, byStatus(found.get(`${month} ${channel}`) ?? [])]);
    return { data: Object.fromEntries(months.map((month) => [month, Object.fromEntries(ofMonth(month))])) };
  },
});

/** By month, template and status, with what the templates are called now. */
async function readMonthly(
  { reads }: StatisticsRouteDeps,
  serviceId: string,
  period: Period,
  left: AbortSignal,
) {
  return await reads(serviceId, left, async (db) => {
    await requireService(db, serviceId);
    const by = ['month', 'template_id', 'notification_type', 'status'] as const;
    const rows = await sumOfServices(db, [serviceId], by, { period });
    const names = await findTemplateNames(db, [...new Set(rows.map(({ template_id: id }) => id))]);
    return rows.map((row) => ({ ...row, name: names.get(row.template_id) ?? '' }));
  });
}

const monthlyTemplates = defineRoute({
  ...yearly,
  path: `${path}/notifications/templates/monthly`,
  handlerName: 'service.get_monthly_template_stats',
  summary: 'Count the messages of a service by month and template',
  description: 'The months of a financial year in London, without messages of test keys.',
  answers: {
    200: {
      description: 'By month (`2026-04`) and the `id` of the template.',
      schema: Type.Object({
        data: Type.Record(
          Type.String(),
          Type.Record(
            Type.String(),
            Type.Object({ name: Type.String(), type: oneOf(['sms', 'email']), counts }),
          ),
        ),
      }),
    },
    400: badYear,
    404: notFound,
  },
  async handler(deps: StatisticsRouteDeps, { params, query }, reply) {
    const { months, ...period } = readYear(query);
    const found = groupBy(
      await readMonthly(deps, params.service_id, period, callerLeaves(reply)),
      ({ month }) => month,
    );
    const ofMonth = (month: string) =>
      [...groupBy(found.get(month) ?? [], ({ template_id: id }) => id)].map(([id, rows]) => {
        const { name, notification_type: type } = rows[0]!;
        return [id, { name, type, counts: byStatus(rows) }];
      });
    return { data: Object.fromEntries(months.map((month) => [month, Object.fromEntries(ofMonth(month))])) };
  },
});

const monthlyUsage = defineRoute({
  ...yearly,
  path: `${path}/notifications/templates_usage/monthly`,
  handlerName: 'service.get_monthly_template_usage',
  summary: 'Count the messages of a service by month and template, as a list',
  description: 'The months of a financial year in London, without messages of test keys and cancelled ones.',
  answers: {
    200: {
      description: 'By month, then by name.',
      schema: Type.Object({
        stats: Type.Array(
          Type.Object({
            template_id: uuid(),
            name: Type.String(),
            type: oneOf(['sms', 'email']),
            month: Type.Integer(),
            year: Type.Integer(),
            count: Type.Integer(),
            is_precompiled_letter: Type.Boolean(),
          }),
        ),
      }),
    },
    400: badYear,
    404: notFound,
  },
  async handler(deps: StatisticsRouteDeps, { params, query }, reply) {
    const { from, to } = readYear(query);
    const rows = await readMonthly(deps, params.service_id, { from, to }, callerLeaves(reply));
    const stats = [...groupBy(rows, ({ month, template_id: id }) => `${month} ${id}`).values()].map(
      (rows) => {
        const { template_id, name, notification_type: type, month } = rows[0]!;
        const count = rows.reduce((sum, row) => sum + (row.status === 'cancelled' ? 0 : row.count), 0);
        return {
          ...{ template_id, name, type, month: Number(month.slice(5)), year: Number(month.slice(0, 4)) },
          ...{ count, is_precompiled_letter: false },
        };
      },
    );
    const order = ({ year, month }: { year: number; month: number }) => year * 12 + month;
    return {
      stats: stats
        .filter(({ count }) => count > 0)
        .sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    };
  },
});

const weekly = defineRoute({
  ...common,
  path: `${path}/notifications/weekly`,
  handlerName: 'service.get_weekly_notification_stats',
  summary: 'Count the messages of a service by week',
  description:
    'Every week since the one in which the service was made, by its Monday in London, without messages of test keys.',
  params: ofService,
  answers: {
    200: {
      description: 'By week and type.',
      schema: Type.Object({
        data: Type.Record(Type.String(), Type.Object({ email: figuresSchema, sms: figuresSchema })),
      }),
    },
    404: notFound,
  },
  async handler({ reads, clock }: StatisticsRouteDeps, { params }, reply) {
    const id = params.service_id;
    const { period, rows } = await reads(id, callerLeaves(reply), async (db) => {
      const { createdAt } = await requireService(db, id);
      const period = periodOf(dayOf(createdAt.getTime()), dayOf(clock.now()));
      const rows = await sumOfServices(db, [id], ['week', 'notification_type', 'status'], { period });
      return { period, rows };
    });
    const found = groupBy(rows, ({ week }) => week);
    const ofWeek = (monday: string) => {
      const { email, sms } = figuresOf(found.get(monday) ?? []);
      return [monday, { email, sms }];
    };
    return { data: Object.fromEntries(mondays(period).map(ofWeek)) };
  },
});

const groupings = {
  type: ['notification_type'],
  template: ['notification_type', 'template_id'],
  key_type: ['notification_type', 'key_type'],
} as const;
type Grouping = keyof typeof groupings;
/** So large an answer is shown by nobody. */
const mostRows = 10_000;

const daily = defineRoute({
  ...common,
  path: `${path}/statistics/daily`,
  handlerName: 'service.get_daily_statistics',
  summary: 'Count the messages of a service by day',
  description: `Days in London, at most ${mostDays}, oldest first. What has no messages has no entry.`,
  params: ofService,
  query: Type.Object(
    {
      from: Type.String({ format: 'date', description: 'The first day.', examples: ['2026-11-01'] }),
      to: Type.String({ format: 'date', description: 'The last day.', examples: ['2026-11-30'] }),
      by: Type.Optional(
        oneOf(
          Object.keys(groupings),
          'What is told apart besides days: always the type, which is the default.',
        ),
      ),
      include_from_test_key: flag(
        '`True` counts messages of test keys too; with `key_type` they always count.',
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'The figures.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({
            day: Type.String({ format: 'date' }),
            notification_type: oneOf(['sms', 'email']),
            template_id: Type.Optional(uuid('With `by=template`.')),
            template_name: Type.Optional(Type.String({ description: 'What it is called now.' })),
            key_type: Type.Optional(oneOf(['normal', 'team', 'test'], 'With `by=key_type`.')),
            requested: Type.Integer(),
            delivered: Type.Integer(),
            failed: Type.Integer(),
            statuses: counts,
          }),
        ),
      }),
    },
    400: { description: 'A parameter is missing, unknown or invalid, or there would be too much.' },
    404: notFound,
  },
  async handler({ reads }: StatisticsRouteDeps, { params, query }, reply) {
    const id = params.service_id;
    const period = readPeriod(query);
    const by = (query.by ?? 'type') as Grouping;
    const testKeys = by === 'key_type' || query.include_from_test_key === 'True';
    const { counts, names } = await reads(id, callerLeaves(reply), async (db) => {
      await requireService(db, id);
      const counts = await countByDays(db, id, groupings[by], { period, testKeys });
      const templates = counts.flatMap(({ template_id: one }) => one ?? []);
      return { counts, names: await findTemplateNames(db, [...new Set(templates)]) };
    });
    const data = dailyEntries(counts, daysOf(period), {
      ...{ most: mostRows, nameOf: (templateId) => names.get(templateId) ?? '' },
    });
    if (data === null) throw badRequest(`There would be more than ${mostRows} entries: ask for fewer days`);
    return { data };
  },
});

/** Throws a Problem if a period ends before it begins, or has more than a year. */
export function readPeriod({ from, to }: Readonly<{ from: string; to: string }>, most = mostDays): Period {
  if (to < from) throw invalidFields({ to: ['Start date must be before end date'] });
  if (daysIn({ from, to }) > most) throw invalidFields({ to: [`At most ${most} days at once.`] });
  return periodOf(from, to);
}

/** The statistics of a service over time (spec 04, sections 1.4 and 7.4). */
export const statisticsRoutes = [summary, monthly, monthlyTemplates, monthlyUsage, weekly, daily];
