import type { Db } from '../../database/connection.ts';
import { type Clock, dayOf } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { Problem } from '../../ground/problem.ts';
import { inPounds, toMicros, type UnitRate } from '../../message/rate/rate.ts';
import { findUnitRates } from '../../message/rate/store.ts';
import { findMembers } from '../../tenant/service/store-members.ts';
import {
  type PreparedMessage,
  type PreparePlatformMessage,
  platformTemplateIds,
} from '../../tenant/user/platform-message.ts';
import { findMembersOf } from '../../tenant/user/store.ts';
import { groupBy } from '../totals/figures.ts';
import { financialYear, financialYearOf, periodOf } from '../totals/periods.ts';
import { sumOfServices } from '../totals/store-read.ts';
import { monthName } from './billing-routes.ts';
import { findAllowances } from './store.ts';
import { findOpenAlerts, markTold, type OpenAlert, type Starts } from './store-alerts.ts';
import { addCharges, billable, chargeDays, monthOf, within } from './usage.ts';

export type AlertDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  preparePlatformMessage: PreparePlatformMessage;
  freeSmsFragments: number;
}>;

/** Services whose days are read at a time: each has as many as the financial year so far. */
const batch = 50;

/**
 * The task `tell-of-costs`: tells the people who manage a service that it has reached the amount that they set. Exactly
 * once in each month or financial year and for each amount: that it is told is recorded with the messages, in one
 * transaction. Returns how many amounts were told of.
 */
export async function tellOfCosts(deps: AlertDeps, { signal }: { signal: AbortSignal }): Promise<number> {
  const { db, clock } = deps;
  const today = dayOf(clock.now());
  const starts = { month: monthOf(today).from, year: financialYear(financialYearOf(today)).from };
  const rates = await findUnitRates(db);
  let told = 0;
  for (let after: string | null = null; !signal.aborted; ) {
    const open: readonly OpenAlert[] = await findOpenAlerts(db, starts, after, batch);
    if (open.length === 0) break;
    after = open.at(-1)!.serviceId;
    const spent = await spentBy(deps, [...new Set(open.map(({ serviceId }) => serviceId))], today, rates);
    for (const alert of open) {
      const micros = spent.get(alert.serviceId)?.[alert.period] ?? 0;
      if (micros >= toMicros(alert.amount)! && (await tell(deps, alert, { starts, today, micros })))
        told += 1;
    }
  }
  return told;
}

/** What services have spent in the present month and financial year; units without a rate are left out. */
async function spentBy(
  { db, freeSmsFragments }: AlertDeps,
  ids: readonly string[],
  today: string,
  rates: readonly UnitRate[],
) {
  const year = financialYearOf(today);
  const period = periodOf(financialYear(year).from, today);
  const rows = await sumOfServices(db, ids, ['service_id', 'day'], { period, statuses: billable });
  const allowances = await findAllowances(db, ids, year);
  return new Map(
    [...groupBy(rows, ({ service_id: id }) => id)].map(([id, all]) => {
      const days = all.map(({ day, cost_units }) => ({ day, units: cost_units }));
      const free = new Map([[year, allowances.get(id) ?? freeSmsFragments]]);
      const charged = chargeDays(days, rates, free);
      const ofMonth = charged.filter(({ day }) => within(monthOf(today), day));
      return [id, { month: addCharges(ofMonth).micros, year: addCharges(charged).micros }] as const;
    }),
  );
}

const pounds = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP' });

/** Returns whether people are told now. */
async function tell(
  deps: AlertDeps,
  alert: OpenAlert,
  { starts, today, micros }: Readonly<{ starts: Starts; today: string; micros: number }>,
): Promise<boolean> {
  const { db, clock, log } = deps;
  const at = new Date(clock.now());
  const year = financialYearOf(today);
  const messages = await prepareFor(deps, alert, at, {
    service_name: alert.serviceName,
    amount: pounds.format(alert.amount),
    cost: pounds.format(inPounds(micros)),
    period:
      alert.period === 'month'
        ? `${monthName(today)} ${today.slice(0, 4)}`
        : `the financial year ${year} to ${year + 1}`,
  });
  const { serviceId, period } = alert;
  if (messages.length === 0) {
    log.warn({ serviceId, period }, 'Nobody who manages a service could be told of its costs');
    return false;
  }
  const isTold = await db.transaction().execute(async (trx) => {
    if (!(await markTold(trx, alert, starts, at))) return false;
    for (const message of messages) await message.store(trx);
    return true;
  });
  if (isTold) for (const { announce } of messages) announce();
  return isTold;
}

/** Messages to all active members with `manage_settings`. Who cannot be reached holds up nobody else. */
async function prepareFor(
  { db, log, preparePlatformMessage }: AlertDeps,
  { serviceId }: OpenAlert,
  at: Date,
  values: Readonly<Record<string, string>>,
): Promise<readonly PreparedMessage[]> {
  const managing = new Set(
    (await findMembers(db, serviceId))
      .filter(({ isActive, permissions }) => isActive && permissions.includes('manage_settings'))
      .map(({ userId }) => userId),
  );
  const people = (await findMembersOf(db, serviceId, at)).filter(({ id }) => managing.has(id));
  const prepared: PreparedMessage[] = [];
  for (const person of people)
    try {
      const personalisation = { ...values, name: person.name };
      const templateId = platformTemplateIds.costAlert;
      prepared.push(await preparePlatformMessage({ templateId, recipient: person, personalisation }));
    } catch (error) {
      if (!(error instanceof Problem && error.status === 400)) throw error;
      log.error({ err: error, userId: person.id }, 'The platform could not tell a person of costs');
    }
  return prepared;
}
