import { dayOf } from '../ground/clock.ts';
import { ConfigError } from '../ground/problem.ts';
import { daysIn, daysOf, isDay, periodOf } from '../statistics/totals/periods.ts';
import { findDrift, findFirstDay, rebuildDay } from '../statistics/totals/store-recount.ts';
import type { Given, Local, Noun } from './noun.ts';

const mostDays = 3660;

/** The days from --from to --to, by default from that of the first message to today. Throws a ConfigError. */
async function daysGiven({ options }: Given, { db, clock }: Local): Promise<readonly string[]> {
  const today = dayOf(clock.now());
  for (const name of ['from', 'to']) {
    const day = options[name];
    if (day !== undefined && !isDay(day)) throw new ConfigError(`--${name} must be a day, such as ${today}.`);
  }
  const to = options['to'] ?? today;
  const from = options['from'] ?? (await findFirstDay(db)) ?? to;
  if (to < from) throw new ConfigError(`--from must not be after --to: ${from} is after ${to}.`);
  const period = periodOf(from, to);
  if (daysIn(period) > mostDays) throw new ConfigError(`At most ${mostDays} days at once.`);
  return daysOf(period);
}

/** The totals that figures are read from (docs/decisions/0023); directly, since the admin API does not do it. */
export const noun: Noun = {
  name: 'statistics',
  summary: 'the totals that figures are read from',
  columns: ['day', 'differences'],
  actions: {
    check: {
      usage: '[--from <day>] [--to <day>]',
      summary:
        'Counts days of the history again and compares them with the totals; the exit code is 1 if anything differs.',
      async run(_call, given, local) {
        const data: unknown[] = [];
        for (const day of await daysGiven(given, local)) {
          const { count, examples } = await findDrift(local.db, day);
          if (count > 0) data.push({ day, differences: count, examples });
        }
        if (data.length === 0) return { data, text: 'Nothing differs.' };
        process.exitCode = 1;
        return { data };
      },
    },
    rebuild: {
      usage: '[--from <day>] [--to <day>]',
      summary: 'Counts days of the history again and replaces their totals, while messages flow.',
      async run(_call, given, local) {
        const days = await daysGiven(given, local);
        for (const day of days) await rebuildDay(local.db, day);
        return { data: { days: days.length }, text: `Counted ${days.length} days.` };
      },
    },
  },
};
