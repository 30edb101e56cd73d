import { ConfigError } from '../ground/problem.ts';
import type { AdminCall } from './admin-call.ts';
import { ask, changesIn, type Item, serviceNamed, theOne } from './ask.ts';
import type { Given, Noun } from './noun.ts';

type Kind = Readonly<{ path: string; field: string; serviceId: string }>;

/** Where the senders of a kind are in the admin API, and the field with their text. */
async function kindIn(call: AdminCall, { options }: Given): Promise<Kind> {
  const kind = options['kind'];
  if (kind !== 'sms' && kind !== 'email') throw new ConfigError('--kind must be sms or email.');
  const { id: serviceId } = await serviceNamed(call, options['service']!);
  return kind === 'sms'
    ? { serviceId, path: `/service/${serviceId}/sms-sender`, field: 'sms_sender' }
    : { serviceId, path: `/service/${serviceId}/email-reply-to`, field: 'email_address' };
}

async function senderNamed(call: AdminCall, { path, field }: Kind, text: string) {
  return theOne('sender', text, await ask<Item[]>(call, 'GET', path), (sender) => [sender[field]]);
}

/** Some routes answer with the sender, others with `data`. */
const senderIn = (answer: Item | Readonly<{ data: Item }>) => ('data' in answer ? answer.data : answer);

/** Senders of texts and reply-to addresses (spec 04, section 1.12). */
export const noun: Noun = {
  name: 'sender',
  summary: 'what recipients see as the sender of a text, and the addresses to which they reply to emails',
  columns: ['id', 'sms_sender', 'email_address', 'is_default', 'created_at'],
  actions: {
    list: {
      usage: '--service <service> --kind <sms or email>',
      summary: 'Lists the senders of a service, the default first.',
      async run(call, given) {
        return { data: await ask<Item[]>(call, 'GET', (await kindIn(call, given)).path) };
      },
    },
    create: {
      usage: '--service <service> --kind <sms or email> --text <sender or address> [--default]',
      summary: 'Adds a sender. The first one must be the default.',
      async run(call, given) {
        const { path, field } = await kindIn(call, given);
        const { text, default: isDefault } = given.options;
        const body = { [field]: text, is_default: isDefault !== undefined };
        return { data: senderIn(await ask(call, 'POST', path, body)) };
      },
    },
    change: {
      usage: '<sender> --service <service> --kind <sms or email> [--text <sender or address>] [--default]',
      summary: 'Changes a sender, or makes it the default.',
      async run(call, given) {
        const { text, default: isDefault } = given.options;
        changesIn({ text, isDefault });
        const kind = await kindIn(call, given);
        const sender = await senderNamed(call, kind, given.plain[0]!);
        const body = {
          [kind.field]: text ?? sender[kind.field],
          is_default: isDefault !== undefined || sender['is_default'] === true,
        };
        return { data: senderIn(await ask(call, 'POST', `${kind.path}/${sender.id}`, body)) };
      },
    },
    end: {
      usage: '<sender> --service <service> --kind <sms or email>',
      summary: 'Deletes a sender that is not the default.',
      async run(call, given) {
        const kind = await kindIn(call, given);
        const { id } = await senderNamed(call, kind, given.plain[0]!);
        return { data: senderIn(await ask(call, 'POST', `${kind.path}/${id}/archive`)) };
      },
    },
  },
};
