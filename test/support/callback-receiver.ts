import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { platformUserId } from '../../src/tenant/user/store.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

export const personalisation = { name: 'Rowan', time: '14:05' };

/** The bearer token of every callback in the tests. */
export const token = 'token-of-the-service';

export type Seen = { at: number; path: string; headers: IncomingHttpHeaders; text: string; body: any };

/** A service's server that receives callbacks. `become` changes how it answers. */
export async function receiver(
  answer: (seen: Seen, response: ServerResponse, count: number) => void = accept,
) {
  const seen: Seen[] = [];
  const state = { answer };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const one: Seen = {
        at: Date.now(),
        path: request.url!,
        headers: request.headers,
        text,
        body: JSON.parse(text),
      };
      seen.push(one);
      state.answer(one, response, seen.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    become: (next: typeof answer) => {
      state.answer = next;
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
export type Receiver = Awaited<ReturnType<typeof receiver>>;

export function accept(_seen: Seen, response: ServerResponse): void {
  response.writeHead(204).end();
}
export const refuse =
  (status: number, headers: Record<string, string> = {}) =>
  (_seen: Seen, response: ServerResponse) => {
    response.writeHead(status, headers).end('no');
  };

/** Sets the callback address of a service; returns its id. */
export async function registerCallback(
  world: World,
  tenant: Tenant,
  url: string,
  type = 'delivery_status',
): Promise<string> {
  const { status, body } = await world.admin('POST', `/service/${tenant.id}/callback-api`, {
    url,
    bearer_token: token,
    updated_by_id: platformUserId,
    callback_type: type,
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body.data.id;
}

/** Sends a text; returns its id. */
export async function send(world: World, tenant: Tenant, number = '07700900123', options: object = {}) {
  const { data } = await world
    .clientOf(tenant.keys.normal)
    .sendSms(tenant.templates.sms, number, { personalisation, ...options });
  return data.id;
}

/** The callbacks of a service, as it reads them over the API. */
export const callbacksOf = async (world: World, tenant: Tenant, query = '') =>
  (await world.call('GET', `/v2/callbacks${query}`, { key: tenant.keys.normal })).body.callbacks as any[];

/** The callbacks of a service, as soon as they satisfy `condition`. */
export const callbacksUntil = (
  world: World,
  tenant: Tenant,
  condition: (callbacks: any[]) => boolean,
  seconds?: number,
) => world.until(() => callbacksOf(world, tenant), condition, seconds);

/** Ends all pauses and makes all retries due now. */
export const endPauses = (world: World, tenant: Tenant) =>
  Promise.all([
    world.connection.pool.query(
      'update service_callback_api set paused_until = now() where service_id = $1 and paused_until is not null',
      [tenant.id],
    ),
    world.connection.pool.query(
      'update service_callbacks set due_at = now() where service_id = $1 and due_at is not null',
      [tenant.id],
    ),
  ]);
