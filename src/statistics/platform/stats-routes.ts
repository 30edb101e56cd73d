import { Type } from 'typebox';
import { badRequest } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
import { rateOn } from '../../message/rate/rate.ts';
import { platformServiceId } from '../../tenant/service/service.ts';
import { percentagePrompt } from '../totals/delays.ts';
import { channels, figuresOf, groupBy } from '../totals/figures.ts';
import { daysIn, daysOf, financialYearOf, isDay, type Period, periodOf } from '../totals/periods.ts';
import { sumByService, sumDelays, sumOfPlatform } from '../totals/store-read.ts';
import { findAllowances } from '../usage/store.ts';
import { costOf, fullCostOf } from '../usage/usage.ts';
import { chargeAll, chargeServices } from './costs.ts';
import { type PlatformFiguresDeps, today } from './figures-routes.ts';
import { findServices } from './store.ts';

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'operator',
  method: 'GET',
} as const;
const date = (description: string) =>
  Type.Optional(Type.String({ format: 'text', description, examples: ['2026-11-30'] }));
const query = Type.Object({
  start_date: date('The first day, in London; today without it.'),
  end_date: date('The last day; today without it.'),
});
const badDates = { description: 'A date is invalid, or they are in the wrong order or too far apart.' };
const mostDays = 366;

/** Throws a Problem with the texts of spec 06, section 9. `isOneYear`: both have to be in one financial year. */
function readDates(
  given: Readonly<{ start_date?: string; end_date?: string }>,
  now: string,
  isOneYear: boolean,
): Period {
  const { start_date: from = now, end_date: to = now } = given;
  if (!isDay(from) || !isDay(to)) throw badRequest('Input must be a date in the format: YYYY-MM-DD');
  if (to < from) throw badRequest('Start date must be before end date');
  if (isOneYear && financialYearOf(from) !== financialYearOf(to))
    throw badRequest('Date must be in a single financial year.');
  if (daysIn({ from, to }) > mostDays) throw badRequest(`At most ${mostDays} days at once.`);
  return periodOf(from, to);
}

const failures = [
  'technical-failure',
  'permanent-failure',
  'temporary-failure',
  'virus-scan-failed',
] as const;
const ofType = Type.Object({
  total: Type.Integer({ description: 'Without messages of test keys and cancelled ones.' }),
  'test-key': Type.Integer(),
  failures: Type.Object(Object.fromEntries(failures.map((status) => [status, Type.Integer()]))),
});

const stats = defineRoute({
  ...common,
  path: '/platform-stats',
  handlerName: 'platform_stats.get_platform_stats',
  summary: 'Count the messages of all services',
  query,
  answers: {
    200: {
      description: 'By type.',
      schema: Type.Object({ sms: ofType, email: ofType, letter: ofType }),
    },
    400: badDates,
  },
  async handler({ reads, clock }: PlatformFiguresDeps, { query }, reply) {
    const period = readDates(query, today(clock), false);
    const rows = await reads(platformServiceId, callerLeaves(reply), (db) =>
      sumOfPlatform(db, ['notification_type', 'key_type', 'status'], { period, testKeys: true }),
    );
    const show = (channel: string) => {
      const all = rows.filter(({ notification_type: type }) => type === channel);
      const live = all.filter(({ key_type: type }) => type !== 'test');
      const sum = (some: typeof all) => some.reduce((total, { count }) => total + count, 0);
      return {
        total: sum(live.filter(({ status }) => status !== 'cancelled')),
        'test-key': sum(all.filter(({ key_type: type }) => type === 'test')),
        failures: Object.fromEntries(
          failures.map((failure) => [failure, sum(live.filter(({ status }) => status === failure))]),
        ),
      };
    };
    return Object.fromEntries(channels.map((channel) => [channel, show(channel)]));
  },
});

const mostLive = 10_000;

const dashboard = defineRoute({
  ...common,
  path: '/performance-dashboard',
  handlerName: 'performance_dashboard.get_performance_dashboard',
  summary: 'Read what the platform does, for the public',
  description: `Totals are of all time, days are those in London, and messages of test keys are left out. A day with nothing has zeros. Processing time: of the messages that came through the API one by one, how many were handed over within 10 seconds. At most ${mostLive} services are named.`,
  query,
  answers: {
    200: {
      description: 'The figures.',
      schema: Type.Object({
        total_notifications: Type.Integer(),
        email_notifications: Type.Integer(),
        sms_notifications: Type.Integer(),
        letter_notifications: Type.Integer(),
        notifications_by_type: Type.Array(
          Type.Object({
            ...{ date: Type.String({ format: 'date' }), emails: Type.Integer(), sms: Type.Integer() },
            letters: Type.Integer(),
          }),
        ),
        processing_time: Type.Array(
          Type.Object({ date: Type.String({ format: 'date' }), percentage_under_10_seconds: Type.Number() }),
        ),
        live_service_count: Type.Integer({ description: 'Active, and not in trial mode.' }),
        services_using_notify: Type.Array(
          Type.Object({
            ...{ service_id: uuid(), service_name: Type.String() },
            ...{ organisation_id: orNull(uuid()), organisation_name: orNull(Type.String()) },
          }),
        ),
      }),
    },
    400: badDates,
  },
  async handler({ reads, clock }: PlatformFiguresDeps, { query }, reply) {
    const now = today(clock);
    const period = readDates(query, now, false);
    const [ever, days, delays, live] = await reads(platformServiceId, callerLeaves(reply), async (db) => [
      await sumOfPlatform(db, ['notification_type', 'status'], { period: periodOf('', '9999-12-31') }),
      await sumOfPlatform(db, ['day', 'notification_type', 'via_api', 'status'], { period }),
      await sumDelays(db, period),
      await findServices(db, null, mostLive),
    ]);
    const all = figuresOf(ever);
    const found = groupBy(days, ({ day }) => day);
    const taken = groupBy(delays, ({ day }) => day);
    const services = live.filter(({ id }) => id !== platformServiceId);
    return {
      total_notifications: all.sms.requested + all.email.requested + all.letter.requested,
      email_notifications: all.email.requested,
      sms_notifications: all.sms.requested,
      letter_notifications: all.letter.requested,
      notifications_by_type: daysOf(period).map((date) => {
        const { sms, email, letter } = figuresOf(found.get(date) ?? []);
        return { date, emails: email.requested, sms: sms.requested, letters: letter.requested };
      }),
      processing_time: daysOf(period).map((date) => {
        const { sms, email } = figuresOf((found.get(date) ?? []).filter((row) => row.via_api));
        const prompt = (taken.get(date) ?? []).filter((one) => one.via_api && one.measure === 'handed-over');
        return {
          date,
          percentage_under_10_seconds: percentagePrompt(prompt, sms.requested + email.requested),
        };
      }),
      live_service_count: services.length,
      services_using_notify: services.map(({ id, name, organisationId, organisationName }) => ({
        ...{ service_id: id, service_name: name },
        ...{ organisation_id: organisationId, organisation_name: organisationName },
      })),
    };
  },
});

const volumes = {
  sms_totals: Type.Integer(),
  sms_fragment_totals: Type.Integer(),
  sms_chargeable_units: Type.Number({ description: 'Fragments by the rate multipliers of their countries.' }),
};

const dailyVolumes = defineRoute({
  ...common,
  path: '/platform-stats/daily-volumes-report',
  handlerName: 'platform_stats.daily_volumes_report',
  summary: 'Count the messages of all services by day',
  description: 'The days with messages, within one financial year.',
  query,
  answers: {
    200: {
      description: 'By day.',
      schema: Type.Array(
        Type.Object({
          day: Type.String({ format: 'date' }),
          ...volumes,
          email_totals: Type.Integer(),
          letter_totals: Type.Integer(),
          letter_sheet_totals: Type.Integer(),
        }),
      ),
    },
    400: badDates,
  },
  async handler({ reads, clock }: PlatformFiguresDeps, { query }, reply) {
    const period = readDates(query, today(clock), true);
    const rows = await reads(platformServiceId, callerLeaves(reply), (db) =>
      sumOfPlatform(db, ['day', 'notification_type', 'status'], { period }),
    );
    return [...groupBy(rows, ({ day }) => day)].map(([day, all]) => ({
      ...{ day, ...showVolumes(all), email_totals: figuresOf(all).email.requested },
      ...{ letter_totals: 0, letter_sheet_totals: 0 },
    }));
  },
});

const providerVolumes = defineRoute({
  ...common,
  path: '/platform-stats/daily-sms-provider-volumes-report',
  handlerName: 'platform_stats.daily_sms_provider_volumes_report',
  summary: 'Count the texts of all services by day and provider',
  description: 'Texts that were handed over, within one financial year.',
  query,
  answers: {
    200: {
      description: 'By day and provider.',
      schema: Type.Array(
        Type.Object({
          ...{ day: Type.String({ format: 'date' }), provider: Type.String(), ...volumes },
          sms_cost: orNull(
            Type.Number(),
            'Pounds for those that cost something, as if nothing were free; null where no rate is known.',
          ),
        }),
      ),
    },
    400: badDates,
  },
  async handler({ reads, clock, unitRates }: PlatformFiguresDeps, { query }, reply) {
    const period = readDates(query, today(clock), true);
    const rows = await reads(platformServiceId, callerLeaves(reply), (db) =>
      sumOfPlatform(db, ['day', 'provider', 'notification_type', 'status'], { period }),
    );
    const rates = await unitRates.get('sms');
    const texts = rows.filter(({ provider, notification_type: type }) => provider !== null && type === 'sms');
    return [...groupBy(texts, ({ day, provider }) => `${day} ${provider}`).values()].map((all) => {
      const { day, provider } = all[0]!;
      const priced = all.map((row) => ({ ...row, rate: rateOn(rates, day) }));
      return { day, provider, ...showVolumes(all), sms_cost: fullCostOf(chargeAll(priced)) };
    });
  },
});

type Volume = Readonly<{
  notification_type: string;
  status: string;
  count: number;
  units: number;
  cost_units: number;
}>;

function showVolumes(rows: readonly Volume[]) {
  const texts = rows.filter(({ notification_type: type }) => type === 'sms');
  return {
    sms_totals: figuresOf(rows).sms.requested,
    sms_fragment_totals: texts.reduce((sum, { units }) => sum + units, 0),
    sms_chargeable_units: texts.reduce((sum, { cost_units: units }) => sum + units, 0),
  };
}

const byService = defineRoute({
  ...common,
  path: '/platform-stats/volumes-by-service',
  handlerName: 'platform_stats.volumes_by_service_report',
  summary: 'Count the messages of each service',
  description: 'The services with messages, by name, within one financial year.',
  query,
  answers: {
    200: {
      description: 'By service.',
      schema: Type.Array(
        Type.Object({
          ...{ service_id: uuid(), service_name: Type.String() },
          ...{ organisation_id: orNull(uuid()), organisation_name: orNull(Type.String()) },
          free_allowance: Type.Integer({
            description: 'Units of texts that are free in the financial year.',
          }),
          sms_notifications: Type.Integer(),
          sms_fragment_totals: Type.Integer(),
          sms_chargeable_units: Type.Number(),
          email_totals: Type.Integer(),
          letter_totals: Type.Integer(),
        }),
      ),
    },
    400: badDates,
  },
  async handler({ reads, clock, freeSmsFragments }: PlatformFiguresDeps, { query }, reply) {
    const period = readDates(query, today(clock), true);
    return await reads(platformServiceId, callerLeaves(reply), async (db) => {
      const found = groupBy(await sumByService(db, { period }), ({ service_id: id }) => id);
      const services = await findServices(db, [...found.keys()], found.size);
      const allowances = await findAllowances(db, null, financialYearOf(period.from));
      return services.map(({ id, name, organisationId, organisationName }) => {
        const rows = found.get(id) ?? [];
        const { sms_totals: sms, ...units } = showVolumes(rows);
        return {
          ...{ service_id: id, service_name: name },
          ...{ organisation_id: organisationId, organisation_name: organisationName },
          free_allowance: allowances.get(id) ?? freeSmsFragments,
          ...{ sms_notifications: sms, ...units },
          ...{ email_totals: figuresOf(rows).email.requested, letter_totals: 0 },
        };
      });
    });
  },
});

const billing = defineRoute({
  ...common,
  path: '/platform-stats/data-for-billing-report',
  handlerName: 'platform_stats.get_data_for_billing_report',
  summary: 'Read what each service has to pay',
  description:
    'The services whose texts cost something, within one financial year, by organisation and name; those without an organisation last. What is free and was not used up earlier in the year is taken off.',
  query,
  answers: {
    200: {
      description: 'By service.',
      schema: Type.Array(
        Type.Object({
          ...{ organisation_id: orNull(uuid()), organisation_name: orNull(Type.String()) },
          ...{ service_id: uuid(), service_name: Type.String() },
          sms_cost: orNull(Type.Number(), 'Pounds; null if no rate is known for a part of it.'),
          sms_chargeable_units: Type.Number({ description: 'Units to pay for.' }),
          ...{ total_letters: Type.Integer(), letter_cost: Type.Number(), letter_breakdown: Type.String() },
        }),
      ),
    },
    400: badDates,
  },
  async handler({ reads, clock, unitRates, freeSmsFragments: usual }: PlatformFiguresDeps, { query }, reply) {
    const period = readDates(query, today(clock), true);
    const rates = await unitRates.get('sms');
    const { charges, services } = await reads(platformServiceId, callerLeaves(reply), async (db) => {
      const all = await chargeServices(db, period, { rates, usual });
      const charges = new Map([...all].filter(([, one]) => one.micros > 0 || one.unpriced > 0));
      return { charges, services: await findServices(db, [...charges.keys()], charges.size) };
    });
    const key = (name: string | null) => (name === null ? '1' : `0${name}`);
    return services
      .map(({ id, name, organisationId, organisationName }) => ({
        ...{ organisation_id: organisationId, organisation_name: organisationName },
        ...{ service_id: id, service_name: name },
        sms_cost: costOf(charges.get(id)!),
        sms_chargeable_units: charges.get(id)!.charged,
        ...{ total_letters: 0, letter_cost: 0, letter_breakdown: '' },
      }))
      .sort((a, b) => {
        const [one, other] = [key(a.organisation_name), key(b.organisation_name)];
        return one < other ? -1 : one > other ? 1 : 0;
      });
  },
});

/** The platform's figures as GOV.UK Notify has them (spec 06, section 9). */
export const platformStatsRoutes = [stats, dashboard, dailyVolumes, providerVolumes, byService, billing];
