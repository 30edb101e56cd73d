import type { AdminCall } from './admin-call.ts';
import { ask, changesIn, type Item, numberIn, theOne, yesOrNo } from './ask.ts';
import type { Noun } from './noun.ts';

async function all(call: AdminCall): Promise<readonly Item[]> {
  return (await ask<{ provider_details: Item[] }>(call, 'GET', '/provider-details')).provider_details;
}

async function providerNamed(call: AdminCall, text: string) {
  return theOne('provider', text, await all(call), (one) => [one['identifier'], one['display_name']]);
}

/** Providers (spec 04, section 8.1). */
export const noun: Noun = {
  name: 'provider',
  summary: 'companies that deliver the messages',
  columns: [
    'id',
    'identifier',
    'notification_type',
    'priority',
    'active',
    'rate_limit',
    'circuit',
    'version',
  ],
  actions: {
    list: {
      usage: '',
      summary: 'Lists the providers, in the order in which they are tried.',
      run: async (call) => ({ data: await all(call) }),
    },
    show: {
      usage: '<provider>',
      summary: 'Shows a provider.',
      run: async (call, { plain }) => ({ data: await providerNamed(call, plain[0]!) }),
    },
    change: {
      usage:
        '<provider> [--priority <number>] [--active <yes or no>] [--rate-limit <number or none>] [--reason <text>]',
      summary: 'Changes a provider; the lowest priority is tried first. Another provider’s does not change.',
      async run(call, { plain, options }) {
        const limit = options['rate-limit'];
        const body = changesIn({
          priority: numberIn(options['priority']),
          active: yesOrNo('active', options['active']),
          rate_limit: limit === 'none' ? null : numberIn(limit),
          reason: options['reason'],
        });
        const { id } = await providerNamed(call, plain[0]!);
        const path = `/provider-details/${id}`;
        return { data: (await ask<{ provider_details: Item }>(call, 'POST', path, body)).provider_details };
      },
    },
  },
};
