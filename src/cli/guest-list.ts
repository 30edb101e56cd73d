import { ConfigError } from '../ground/problem.ts';
import { ask, changesIn, listIn, serviceNamed } from './ask.ts';
import type { Noun } from './noun.ts';

type Guests = Readonly<{ email_addresses: string[]; phone_numbers: string[] }>;

/** Whom a service in trial mode may send to besides its team (spec 04, section 1.9). */
export const noun: Noun = {
  name: 'guest-list',
  summary: 'whom a service in trial mode, or a team key, may send to besides the team',
  columns: [],
  actions: {
    show: {
      usage: '<service>',
      summary: 'Shows the guest list of a service.',
      async run(call, { plain }) {
        const { id } = await serviceNamed(call, plain[0]!);
        return { data: await ask<Guests>(call, 'GET', `/service/${id}/guest-list`) };
      },
    },
    change: {
      usage: '<service> [--add <list>] [--remove <list>]',
      summary: 'Adds and removes addresses and numbers, separated by commas and as they were entered.',
      async run(call, { plain, options }) {
        changesIn({ add: options['add'], remove: options['remove'] });
        const { id } = await serviceNamed(call, plain[0]!);
        const before = await ask<Guests>(call, 'GET', `/service/${id}/guest-list`);
        const list = new Set<string>([...before.email_addresses, ...before.phone_numbers]);
        for (const guest of listIn(options['remove']) ?? [])
          if (!list.delete(guest)) throw new ConfigError(`"${guest}" is not on the guest list.`);
        for (const guest of listIn(options['add']) ?? []) list.add(guest);
        const isAddress = (text: string) => text.includes('@');
        await ask(call, 'PUT', `/service/${id}/guest-list`, {
          email_addresses: [...list].filter(isAddress),
          phone_numbers: [...list].filter((text) => !isAddress(text)),
        });
        return { data: await ask<Guests>(call, 'GET', `/service/${id}/guest-list`) };
      },
    },
  },
};
