import { ConfigError } from '../ground/problem.ts';
import { ask, changesIn, type Item } from './ask.ts';
import type { Noun } from './noun.ts';

/** Pounds such as 0.024; undefined if there are none. Throws a ConfigError. */
function poundsIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,3}(\.\d{1,6})?$/.test(text))
    throw new ConfigError(`--rate must be pounds for a unit, such as 0.024, not ${text}.`);
  return Number(text);
}

const path = '/platform/rates';

/** What a unit of a text costs (spec 04, section 7.4). */
export const noun: Noun = {
  name: 'rate',
  summary: 'what texts cost',
  columns: ['id', 'notification_type', 'valid_from', 'rate', 'reason'],
  actions: {
    list: {
      usage: '',
      summary: 'Lists what a unit of a text has cost and will cost, in pounds, and from which day on.',
      run: async (call) => ({ data: (await ask<{ data: Item[] }>(call, 'GET', path)).data }),
    },
    add: {
      usage: '--from <day> --rate <pounds> [--reason <text>]',
      summary: 'Says what a unit will cost from a day after today on.',
      async run(call, { options }) {
        const body = changesIn({
          valid_from: options['from'],
          rate: poundsIn(options['rate']),
          reason: options['reason'],
        });
        return { data: (await ask<{ data: Item }>(call, 'POST', path, body)).data };
      },
    },
    change: {
      usage: '<rate> [--from <day>] [--rate <pounds>] [--reason <text>]',
      summary: 'Changes a rate, given by its id, whose day has not come.',
      async run(call, { plain, options }) {
        const body = changesIn({
          valid_from: options['from'],
          rate: poundsIn(options['rate']),
          reason: options['reason'],
        });
        return { data: (await ask<{ data: Item }>(call, 'POST', `${path}/${plain[0]!}`, body)).data };
      },
    },
  },
};
