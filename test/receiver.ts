import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { platformUserId } from '../src/user/user.ts';
import type { Tenant, World } from './world.ts';

/** What every callback of these tests carries. */
export const token = 'token-of-the-service';

export type Seen = { at: number; path: string; headers: IncomingHttpHeaders; text: string; body: any };

/** The server of a service. */
export async function receiver(
  answer: (seen: Seen, response: ServerResponse, count: number) => void = accept,
) {
  const seen: Seen[] = [];
  const stand = { answer };
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
      stand.answer(one, response, seen.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    become: (next: typeof answer) => {
      stand.answer = next;
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

/** Gives a service an address to be told at. Answers its id. */
export async function tell(
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
