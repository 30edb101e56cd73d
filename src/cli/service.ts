import { ConfigError } from '../ground/problem.ts';
import { platformUserId } from '../tenant/user/store.ts';
import { ask, askAll, changesIn, listIn, numberIn, serviceNamed, userNamed, yesOrNo } from './ask.ts';
import type { Action, Given, Noun } from './noun.ts';

const limits =
  '[--message-limit <number>] [--sms-message-limit <number>] [--email-message-limit <number>] [--rate-limit <number>]';
const settings = `${limits} [--email-from <local part>] [--prefix-sms <yes or no>] [--permissions <list>] [--sms-sender <text>] [--reply-to <address>] [--contact-link <link>]`;

function settingsIn({ options }: Given) {
  return {
    message_limit: numberIn(options['message-limit']),
    sms_message_limit: numberIn(options['sms-message-limit']),
    email_message_limit: numberIn(options['email-message-limit']),
    rate_limit: numberIn(options['rate-limit']),
    email_from: options['email-from'],
    prefix_sms: yesOrNo('prefix-sms', options['prefix-sms']),
    permissions: listIn(options['permissions']),
    sms_sender: options['sms-sender'],
    reply_to_email_address: options['reply-to'],
    contact_link: options['contact-link'],
  };
}

/** An action that the API does at once. */
function state(action: string, summary: string): Action {
  return {
    usage: '<service>',
    summary,
    async run(call, { plain }) {
      const { id } = await serviceNamed(call, plain[0]!);
      await ask(call, 'POST', `/service/${id}/${action}`);
      return await ask(call, 'GET', `/service/${id}`);
    },
  };
}

/** Services (spec 04, sections 1.1 to 1.6). */
export const noun: Noun = {
  name: 'service',
  summary: 'teams that send messages, each with its own keys and templates',
  columns: ['id', 'name', 'active', 'restricted', 'message_limit', 'created_at'],
  actions: {
    list: {
      usage: '[--search <part of the name>] [--go-live-requested]',
      summary: 'Lists services, oldest first; with --go-live-requested those that wait for an answer.',
      async run(call, { options }) {
        const query = new URLSearchParams({ order: 'oldest' });
        if (options['search'] !== undefined) query.set('name', options['search']);
        if (options['go-live-requested']) query.set('go_live_requested', 'True');
        return { data: await askAll(call, `/service?${query}`) };
      },
    },
    show: {
      usage: '<service>',
      summary: 'Shows a service.',
      run: async (call, { plain }) => ({ data: await serviceNamed(call, plain[0]!) }),
    },
    create: {
      usage: `--name <name> --owner <person> [--live] ${settings}`,
      summary:
        'Makes a service, in trial mode and for 50 messages a day unless you say otherwise. Its owner may do everything in it.',
      async run(call, given) {
        const owner = await userNamed(call, given.options['owner']!);
        return await ask(call, 'POST', '/service', {
          message_limit: 50,
          ...changesIn({ ...settingsIn(given), name: given.options['name'] }),
          restricted: !given.options['live'],
          user_id: owner.id,
          created_by: platformUserId,
        });
      },
    },
    change: {
      usage: `<service> [--name <name>] [--live] [--trial] [--research-mode <yes or no>] ${settings}`,
      summary: 'Changes what is named. --message-limit sets the daily limits of texts and emails.',
      async run(call, given) {
        const { options, plain } = given;
        if (options['live'] && options['trial']) throw new ConfigError('Give --live or --trial, not both.');
        const body = changesIn({
          ...settingsIn(given),
          name: options['name'],
          research_mode: yesOrNo('research-mode', options['research-mode']),
          restricted: options['live'] ? false : options['trial'] ? true : undefined,
        });
        const { id } = await serviceNamed(call, plain[0]!);
        return await ask(call, 'POST', `/service/${id}`, body);
      },
    },
    suspend: state('suspend', 'Stops a service and ends its keys; `resume` undoes it, but for the keys.'),
    resume: state('resume', 'Lets a suspended service send again, with new keys.'),
    end: state('archive', 'Archives a service for good: its keys end and its templates are archived.'),
  },
};
