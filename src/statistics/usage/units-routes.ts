import { Type } from 'typebox';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, orNull, uuid } from '../../http/validate/shapes.ts';
import { inPounds, type RatedPeriod, ratedPeriods } from '../../message/rate/rate.ts';
import { groupBy } from '../totals/figures.ts';
import { financialYear, type Period, periodOf } from '../totals/periods.ts';
import { sumOfServices } from '../totals/store-read.ts';
import { badYear, monthName, readYear, type UsageRouteDeps, yearQuery } from './billing-routes.ts';
import { billable2017 as statuses } from './usage.ts';

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'manage_settings',
  method: 'GET',
  params: Type.Object({ service_id: uuid('The service.') }),
} as const;
const path = `/service/${uuidPart('service_id')}`;

const aggregate = defineRoute({
  ...common,
  permission: 'view_activity',
  path: `${path}/fragment/aggregate_statistics`,
  handlerName: 'service.get_service_fragment_aggregate_statistics',
  summary: 'Count the fragments and emails of a service',
  description: 'Of a financial year, or ever since without `year`. Without messages of test keys.',
  query: Type.Object({
    year: Type.Optional(
      Type.String({
        ...{ format: 'text', description: 'The financial year that begins on 1 April of it.' },
        examples: ['2026'],
      }),
    ),
  }),
  answers: {
    200: {
      description: 'The counts.',
      schema: Type.Object({
        data: Type.Object({ sms_count: Type.Integer(), email_count: Type.Integer() }),
      }),
    },
    400: { description: '`year` is no year.' },
  },
  async handler({ reads }: UsageRouteDeps, { params: { service_id: id }, query: { year } }, reply) {
    const period =
      year === undefined
        ? periodOf('', '9999-12-31')
        : financialYear(readYear(year, 'Year must be a number'));
    const rows = await reads(id, callerLeaves(reply), (db) =>
      sumOfServices(db, [id], ['notification_type'], { period, statuses }),
    );
    const of = (type: string) => rows.find((row) => row.notification_type === type);
    return { data: { sms_count: of('sms')?.units ?? 0, email_count: of('email')?.count ?? 0 } };
  },
});

const billableUnits = defineRoute({
  ...common,
  path: `${path}/billable-units`,
  handlerName: 'service.get_billable_unit_count',
  summary: 'Count the fragments of a service by month',
  description: 'Of the months in London of a financial year that have any. Without messages of test keys.',
  query: yearQuery,
  answers: {
    200: { description: 'By month.', schema: Type.Record(Type.String(), Type.Integer()) },
    400: badYear,
  },
  async handler({ reads }: UsageRouteDeps, { params: { service_id: id }, query }, reply) {
    const period = financialYear(readYear(query.year));
    const rows = await reads(id, callerLeaves(reply), (db) =>
      sumOfServices(db, [id], ['month'], { period, statuses }),
    );
    return Object.fromEntries(
      rows.filter(({ units }) => units !== 0).map(({ month, units }) => [monthName(month), units]),
    );
  },
});

const unit = {
  billing_units: Type.Integer({ description: 'Fragments; of emails, how many.' }),
  rate_multiplier: Type.Number({ description: 'Of the countries that they went to.' }),
  notification_type: oneOf(['sms', 'email']),
  international: Type.Boolean(),
  rate: orNull(Type.Number(), 'Pounds for a unit; null if none is known.'),
};

const yearlyUsage = defineRoute({
  ...common,
  path: `${path}/yearly-usage`,
  handlerName: 'service.get_yearly_billing_usage',
  summary: 'Read what a service used in a year',
  description:
    'For each rate of texts in a financial year an entry by multiplier and whether they went abroad, or one with zeros; then one for emails. Without messages of test keys.',
  query: yearQuery,
  answers: {
    200: {
      description: 'By rate, multiplier and type.',
      schema: Type.Array(
        Type.Object({
          credits: Type.Number({ description: 'Fragments by their multiplier; of emails, how many.' }),
          ...unit,
        }),
      ),
    },
    400: badYear,
  },
  async handler(deps: UsageRouteDeps, { params: { service_id: id }, query }, reply) {
    const year = financialYear(readYear(query.year));
    const { texts, emails } = await readYearOf(deps, { id, year, left: callerLeaves(reply) });
    const ofTexts = texts.flatMap(({ micros, rows }) => {
      const rate = micros === null ? null : inPounds(micros);
      const zero = {
        ...{ credits: 0, billing_units: 0, rate_multiplier: 1, notification_type: 'sms' },
        ...{ international: false, rate },
      };
      const shown = kindsOf(rows).map(({ kind, units, credits }) => ({
        ...{ credits, billing_units: units, rate_multiplier: kind.rate_multiplier ?? 1 },
        ...{ notification_type: 'sms', international: kind.international, rate },
      }));
      return shown.length > 0 ? shown : rate === null ? [] : [zero];
    });
    const ofEmails = {
      ...{ credits: emails, billing_units: emails, rate_multiplier: 1, notification_type: 'email' },
      ...{ international: false, rate: 0 },
    };
    return [...ofTexts, ofEmails];
  },
});

const monthlyUsage = defineRoute({
  ...common,
  path: `${path}/monthly-usage`,
  handlerName: 'service.get_yearly_monthly_usage',
  summary: 'Read what the texts of a service used by month',
  description:
    'For each rate in a financial year, the months in London with texts, by multiplier and whether they went abroad. Without messages of test keys.',
  query: yearQuery,
  answers: {
    200: {
      description: 'By rate, month and multiplier.',
      schema: Type.Array(Type.Object({ month: Type.String({ examples: ['June'] }), ...unit })),
    },
    400: badYear,
  },
  async handler(deps: UsageRouteDeps, { params: { service_id: id }, query }, reply) {
    const year = financialYear(readYear(query.year));
    const { texts } = await readYearOf(deps, { id, year, left: callerLeaves(reply) });
    return texts.flatMap(({ micros, rows }) =>
      [...groupBy(rows, ({ month }) => month)].flatMap(([month, ofMonth]) =>
        kindsOf(ofMonth).map(({ kind, units }) => ({
          ...{ month: monthName(month), billing_units: units, rate_multiplier: kind.rate_multiplier ?? 1 },
          ...{ international: kind.international, notification_type: 'sms' },
          rate: micros === null ? null : inPounds(micros),
        })),
      ),
    );
  },
});

type Asked = Readonly<{ id: string; year: Period; left: AbortSignal }>;

/** A year of a service: its texts by periods of one rate, and how many emails. */
async function readYearOf({ reads, unitRates }: UsageRouteDeps, { id, year, left }: Asked) {
  const periods = ratedPeriods(await unitRates.get('sms'), year);
  return await reads(id, left, async (db) => {
    const by = ['month', 'notification_type', 'international', 'rate_multiplier'] as const;
    const read = async (period: RatedPeriod) => ({
      ...period,
      rows: await sumOfServices(db, [id], by, { period, statuses }),
    });
    // One connection reads, so one after the other.
    const found: Awaited<ReturnType<typeof read>>[] = [];
    for (const period of periods) found.push(await read(period));
    const isText = (row: { notification_type: string; units: number }) =>
      row.notification_type === 'sms' && row.units !== 0;
    const emails = found
      .flatMap(({ rows }) => rows)
      .reduce((sum, row) => sum + (row.notification_type === 'email' ? row.count : 0), 0);
    return { texts: found.map((one) => ({ ...one, rows: one.rows.filter(isText) })), emails };
  });
}

type KindRow = Readonly<{
  international: boolean;
  rate_multiplier: number | null;
  units: number;
  cost_units: number;
}>;

/** Rows by their multiplier, 1 where none is known, and whether they went abroad. */
function kindsOf(rows: readonly KindRow[]) {
  const key = (row: KindRow) => `${row.rate_multiplier ?? 1} ${row.international}`;
  return [...groupBy(rows, key).values()].map((all) => ({
    kind: all[0]!,
    units: all.reduce((sum, { units }) => sum + units, 0),
    credits: all.reduce((sum, { cost_units: units }) => sum + units, 0),
  }));
}

/** What a service used, as GOV.UK Notify showed it in 2017 (spec 04, section 7.4). */
export const unitsRoutes = [aggregate, billableUnits, yearlyUsage, monthlyUsage];
