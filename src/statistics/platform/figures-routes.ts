import { Type } from 'typebox';
import type { Reads } from '../../database/reads.ts';
import { type Clock, dayOf } from '../../ground/clock.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, orNull, uuid } from '../../http/validate/shapes.ts';
import { rateOn, type UnitRate } from '../../message/rate/rate.ts';
import type { UnitRates } from '../../message/rate/store.ts';
import { platformServiceId } from '../../tenant/service/service.ts';
import { percentagePrompt, summary } from '../totals/delays.ts';
import { addTo, groupBy, noFigures } from '../totals/figures.ts';
import { readPeriod } from '../totals/service-routes.ts';
import { type DelaySum, sumDelays, sumOfPlatform } from '../totals/store-read.ts';
import { fullCostOf } from '../usage/usage.ts';
import { chargeAll, type RatedSum, sumByServiceAndRate } from './costs.ts';
import { findServiceNames } from './store.ts';

export type PlatformFiguresDeps = Readonly<{
  reads: Reads;
  clock: Clock;
  unitRates: UnitRates;
  /** Units that a service has free in a financial year, unless its own are set. */
  freeSmsFragments: number;
}>;

/** By service there is an entry for each service, and every one of their totals is read. */
const mostDaysByService = 31;
const mostServices = 1000;

const delays = Type.Object(
  {
    count: Type.Integer({ description: 'Of so many messages.' }),
    ...{ p50: orNull(Type.Number()), p95: orNull(Type.Number()), p99: orNull(Type.Number()) },
  },
  { $id: 'Delays', description: 'In seconds, to within a fifth; null if there are no messages.' },
);
const figures = { requested: Type.Integer(), delivered: Type.Integer(), failed: Type.Integer() };
const timing = {
  handed_over: Type.Optional(delays),
  delivered_after: Type.Optional(delays),
};
const type = oneOf(['sms', 'email']);

const row = Type.Object(
  {
    day: Type.Optional(Type.String({ format: 'date' })),
    provider: Type.Optional(Type.String()),
    service_id: Type.Optional(uuid()),
    service_name: Type.Optional(Type.String()),
    notification_type: type,
    ...figures,
    test_keys: Type.Optional(
      Type.Integer({ description: 'Messages of test keys, which count nowhere else.' }),
    ),
    units: Type.Optional(Type.Integer({ description: 'Fragments.' })),
    cost_in_pounds: Type.Optional(
      orNull(
        Type.Number(),
        'Of the texts that were handed over, as if nothing were free; null where no rate is known.',
      ),
    ),
    ...timing,
    percentage_under_10_seconds: Type.Optional(
      Type.Number({
        description:
          'Of the messages that came through the API one by one, how many were handed over within 10 seconds.',
      }),
    ),
  },
  { $id: 'PlatformFigures' },
);

const read = defineRoute({
  tag: 'Administration',
  authentication: 'admin',
  permission: 'operator',
  method: 'GET',
  path: '/platform/figures',
  handlerName: 'platform.get_figures',
  summary: 'Read how much is sent, and how fast',
  description: `Over all services, by the days of London on which messages were created, without messages of test keys. \`by=day\`: each day and type. \`by=provider\`: each day, provider and type, of messages that were handed over. \`by=service\`: each service and type over at most ${mostDaysByService} days, the ${mostServices} that sent most. \`handed_over\`: from when a message was due; \`delivered_after\`: from then until its provider reported it delivered.`,
  query: Type.Object(
    {
      from: Type.String({ format: 'date', description: 'The first day.', examples: ['2026-11-01'] }),
      to: Type.String({ format: 'date', description: 'The last day.', examples: ['2026-11-30'] }),
      by: Type.Optional(oneOf(['day', 'provider', 'service'], 'The default is `day`.')),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: { description: 'The figures.', schema: Type.Object({ data: Type.Array(row) }) },
    400: { description: 'A parameter is missing, unknown or invalid.' },
  },
  async handler({ reads, unitRates }: PlatformFiguresDeps, { query }, reply) {
    const rates = await unitRates.get('sms');
    const by = query.by ?? 'day';
    const period = by === 'service' ? readPeriod(query, mostDaysByService) : readPeriod(query);
    return await reads(platformServiceId, callerLeaves(reply), async (db) => {
      if (by === 'service') {
        const rows = await sumByServiceAndRate(db, period, rates);
        const names = await findServiceNames(db, [...new Set(rows.map(({ service_id: id }) => id))]);
        return { data: showServices(rows, names) };
      }
      const delays = await sumDelays(db, period);
      if (by === 'provider') {
        const dimensions = ['day', 'provider', 'notification_type', 'status'] as const;
        const rows = await sumOfPlatform(db, dimensions, { period });
        return { data: showProviders(rated(rows, rates), delays) };
      }
      const dimensions = ['day', 'notification_type', 'key_type', 'via_api', 'status'] as const;
      const rows = await sumOfPlatform(db, dimensions, { period, testKeys: true });
      return { data: showDays(rated(rows, rates), delays) };
    });
  },
});

function showDelays(rows: readonly DelaySum[]) {
  const of = (measure: DelaySum['measure']) => rows.filter((row) => row.measure === measure);
  return { handed_over: summary(of('handed-over')), delivered_after: summary(of('delivered')) };
}

type Counted = Readonly<{
  status: string;
  count: number;
  units: number;
  cost_units: number;
  rate: number | null;
}>;

/** Days with what a unit costs on them. */
function rated<Row extends Readonly<{ day: string }>>(rows: readonly Row[], rates: readonly UnitRate[]) {
  return rows.map((row) => ({ ...row, rate: rateOn(rates, row.day) }));
}

function showCounts(rows: readonly Counted[]) {
  const figures = noFigures();
  for (const { status, count } of rows) addTo(figures, status, count);
  return {
    ...figures,
    units: rows.reduce((sum, { units }) => sum + units, 0),
    cost_in_pounds: fullCostOf(chargeAll(rows)),
  };
}

type DayRow = Counted &
  Readonly<{ day: string; notification_type: string; key_type: string; via_api: boolean }>;

/** Pure, for its test. */
export function showDays(rows: readonly DayRow[], delays: readonly DelaySum[]) {
  const key = (one: { day: string; notification_type: string }) => `${one.day} ${one.notification_type}`;
  const taken = groupBy(delays, key);
  return [...groupBy(rows, key).values()].map((all) => {
    const { day, notification_type } = all[0]!;
    const live = all.filter(({ key_type: type }) => type !== 'test');
    const delays = taken.get(key(all[0]!)) ?? [];
    const viaApi = showCounts(live.filter((row) => row.via_api)).requested;
    const prompt = delays.filter((one) => one.via_api && one.measure === 'handed-over');
    return {
      ...{ day, notification_type, ...showCounts(live) },
      test_keys: all.reduce((sum, row) => sum + (row.key_type === 'test' ? row.count : 0), 0),
      ...showDelays(delays),
      percentage_under_10_seconds: percentagePrompt(prompt, viaApi),
    };
  });
}

function showProviders(
  rows: readonly (Counted & Readonly<{ day: string; provider: string | null; notification_type: string }>)[],
  delays: readonly DelaySum[],
) {
  const key = (one: { day: string; provider: string | null; notification_type: string }) =>
    `${one.day} ${one.provider} ${one.notification_type}`;
  const taken = groupBy(delays, key);
  const handedOver = rows.filter(({ provider }) => provider !== null);
  return [...groupBy(handedOver, key).values()].map((all) => {
    const { day, provider, notification_type } = all[0]!;
    return {
      day,
      provider,
      notification_type,
      ...showCounts(all),
      ...showDelays(taken.get(key(all[0]!)) ?? []),
    };
  });
}

function showServices(rows: readonly RatedSum[], names: ReadonlyMap<string, string>) {
  return [...groupBy(rows, (row) => `${row.service_id} ${row.notification_type}`).values()]
    .map((all) => {
      const { service_id, notification_type } = all[0]!;
      return { service_id, service_name: names.get(service_id) ?? '', notification_type, ...showCounts(all) };
    })
    .sort((a, b) => b.requested - a.requested)
    .slice(0, mostServices);
}

/** The day of the business zone that it is. */
export const today = (clock: Clock) => dayOf(clock.now());

/** The platform's figures (spec 06, section 9; spec 07, G23). */
export const platformFiguresRoutes = [read];
