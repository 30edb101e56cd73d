import { pasteableKey } from '../tenant/key/key.ts';
import { platformUserId } from '../tenant/user/store.ts';
import type { AdminCall } from './admin-call.ts';
import { ask, changesIn, type Item, serviceNamed, theOne } from './ask.ts';
import type { Noun } from './noun.ts';

async function keysOf(call: AdminCall, serviceId: string): Promise<readonly Item[]> {
  return (await ask<{ apiKeys: Item[] }>(call, 'GET', `/service/${serviceId}/api-keys`)).apiKeys;
}

/** The key of a service that an argument names. A name may be used again once its key has been given an end. */
async function keyNamed(call: AdminCall, serviceId: string, text: string) {
  const apiKeys = await keysOf(call, serviceId);
  const endless = apiKeys.filter((key) => key['expiry_date'] === null && key['name'] === text);
  return theOne('key', text, endless.length > 0 ? endless : apiKeys, ({ name }) => [name]);
}

/** API keys (spec 04, section 2). */
export const noun: Noun = {
  name: 'key',
  summary: 'API keys, with which services send',
  columns: ['id', 'name', 'key_type', 'expiry_date', 'last_used_at', 'last_client', 'created_at'],
  actions: {
    list: {
      usage: '--service <service>',
      summary: 'Lists the keys of a service, also those that ended within the last week.',
      async run(call, { options }) {
        const { id } = await serviceNamed(call, options['service']!);
        return { data: await keysOf(call, id) };
      },
    },
    show: {
      usage: '<key> --service <service>',
      summary: 'Shows a key, and how often it was used; never its secret.',
      async run(call, { options, plain }) {
        const { id } = await serviceNamed(call, options['service']!);
        return { data: await keyNamed(call, id, plain[0]!) };
      },
    },
    create: {
      usage: '--service <service> --name <name> --type <normal, team or test> [--until <time>]',
      summary: 'Makes a key and prints it, this once, in the form that clients take.',
      async run(call, { options }) {
        const { id: serviceId } = await serviceNamed(call, options['service']!);
        const body = changesIn({
          name: options['name'],
          key_type: options['type'],
          expires_at: options['until'],
          created_by: platformUserId,
        });
        const { data: secret } = await ask<{ data: string }>(
          call,
          'POST',
          `/service/${serviceId}/api-key`,
          body,
        );
        const text = pasteableKey({ name: options['name']!, serviceId, secret });
        const data = { service: serviceId, name: options['name'], key_type: options['type'], key: text };
        return { data, text };
      },
    },
    end: {
      usage: '<key> --service <service> [--at <time>]',
      summary: 'Ends a key at once, or at that time (ISO 8601, UTC). Until then it works.',
      async run(call, { options, plain }) {
        const { id: serviceId } = await serviceNamed(call, options['service']!);
        const { id } = await keyNamed(call, serviceId, plain[0]!);
        const body = {
          created_by: platformUserId,
          ...(options['at'] !== undefined && { expires_at: options['at'] }),
        };
        await ask(call, 'POST', `/service/${serviceId}/api-key/revoke/${id}`, body);
        return { data: await keyNamed(call, serviceId, id) };
      },
    },
  },
};
