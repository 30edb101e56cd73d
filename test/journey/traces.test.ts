import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { createLog } from '../../src/ground/log.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { receiver as startReceiver } from '../support/callback-receiver.ts';
import { createWorld, type World } from '../support/world.ts';

type Attribute = { key: string; value: { stringValue?: string; intValue?: number } };
type Exported = {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Attribute[];
};
type Body = {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Exported[] }[] }[];
};

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const traceparent = `00-${caller.traceId}-${caller.spanId}-01`;

/** A collector that speaks OTLP over HTTP. */
async function startCollector() {
  const bodies: Body[] = [];
  const headers: unknown[] = [];
  const server = createServer(async (request, response) => {
    headers.push(request.headers['api-key']);
    bodies.push((await json(request)) as Body);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const spans = () =>
    bodies
      .flatMap(({ resourceSpans }) => resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans));
  return {
    server,
    bodies,
    headers,
    spans,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

describe('one message in the log and in traces', () => {
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let world: World;
  const lines: Record<string, any>[] = [];

  before(async () => {
    collector = await startCollector();
    receiver = await startReceiver();
    world = await createWorld({
      environment: {
        CALLBACK_ALLOW_PRIVATE: '1',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=of%20the%20collector',
        OTEL_SERVICE_NAME: 'messages',
      },
      log: createLog('info', {}, { to: { write: (line) => void lines.push(JSON.parse(line)) } }),
    });
    const added = await world.admin('POST', `/service/${world.tenant.id}/callback-api`, {
      url: receiver.url,
      bearer_token: 'a-token-of-the-test',
      updated_by_id: platformUserId,
      callback_type: 'delivery_status',
    });
    assert.equal(added.status, 201);
  });
  after(async () => {
    await world?.stop();
    receiver.stop();
    await stopServer(collector.server);
  });

  async function send(headers: Record<string, string>): Promise<string> {
    const before = receiver.seen.length;
    const { status, body } = await world.call('POST', '/v2/notifications/sms', {
      headers,
      body: {
        template_id: world.tenant.templates.sms,
        phone_number: '07700900123',
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
    assert.equal(status, 201);
    await world.until(
      async () => receiver.seen.length,
      (count) => count > before,
    );
    return body.id;
  }

  /** The spans of a trace, once its callback is among them. */
  async function trace(traceId: string): Promise<Exported[]> {
    return await world.until(
      async () => collector.spans().filter((span) => span.traceId === traceId),
      (spans) => spans.some(({ name }) => name.startsWith('callback')),
      30,
    );
  }

  test('one id finds it from the request to the callback, and nobody else’s', async () => {
    const requestId = 'an-id.of:the+caller/1';
    const id = await send({ 'X-B3-TraceId': requestId });
    const other = await send({});
    const found = await world.until(
      async () => lines.filter((line) => JSON.stringify(line).includes(requestId)),
      (some) => some.some(({ callbackId }) => callbackId !== undefined),
    );
    const messages = found.map(({ message }) => message as string);
    for (const part of [
      /^POST \/v2\/notifications\/sms 201/,
      /^Starting sending SMS /,
      /^SMS .* sent to provider/,
      /^POST \/notifications\/sms\/\w+ 200/,
      /^send-delivery-status sending .* response 2/,
    ])
      assert.equal(
        messages.filter((message) => part.test(message)).length,
        1,
        `${part} in ${messages.join('\n')}`,
      );
    assert.ok(
      found.every((line) => line['requestId'] === requestId || line['messageRequestId'] === requestId),
    );
    assert.ok(found.some((line) => line['notificationId'] === id));
    assert.ok(!JSON.stringify(found).includes(other));
  });

  test('one text is one tree of spans, from the caller’s span to the callback, which carries it on', async () => {
    const id = await send({ traceparent });
    const spans = await trace(caller.traceId);
    const root = spans.find(({ parentSpanId }) => parentSpanId === caller.spanId)!;
    assert.equal(root.name, 'POST /v2/notifications/sms');
    const parentOf = (span: Exported) => spans.find(({ spanId }) => spanId === span.parentSpanId)?.name;
    const tree = Object.fromEntries(
      spans.filter((span) => span !== root).map((span) => [span.name, parentOf(span)]),
    );
    assert.deepEqual(tree, {
      'persist sms': root.name,
      'deliver sms': root.name,
      'call sandbox': 'deliver sms',
      'receipt sandbox': root.name,
      'callback delivery_status': root.name,
    });
    assert.equal(spans.length, 6);
    const passedOn = receiver.seen.at(-1)!.headers['traceparent'];
    const callback = spans.find(({ name }) => name.startsWith('callback'))!;
    assert.equal(passedOn, `00-${caller.traceId}-${callback.spanId}-01`);
    for (const span of spans.filter((one) => one !== root))
      assert.equal(
        span.attributes.find(({ key }) => key === 'notification.id')?.value.stringValue,
        id,
        span.name,
      );
    assert.doesNotMatch(JSON.stringify(collector.bodies), /07700|447700|Rowan|14:05|a-token/);
    const service = collector.bodies[0]!.resourceSpans[0]!.resource.attributes;
    assert.equal(service.find(({ key }) => key === 'service.name')?.value.stringValue, 'messages');
    assert.ok(collector.headers.every((key) => key === 'of the collector'));
  });

  test('a trace has the id of its request if that can be one, and a caller that does not trace decides for it', async () => {
    const requestId = 'a'.repeat(31).concat('1');
    await send({ 'X-B3-TraceId': requestId });
    const [root] = (await trace(requestId)).filter(({ parentSpanId }) => !parentSpanId);
    assert.equal(root?.name, 'POST /v2/notifications/sms');
    const quiet = 'b'.repeat(31).concat('1');
    await send({ traceparent: `00-${quiet}-${caller.spanId}-00` });
    const last = 'c'.repeat(31).concat('1');
    await send({ 'X-B3-TraceId': last });
    await trace(last);
    assert.deepEqual(
      collector.spans().filter(({ traceId }) => traceId === quiet),
      [],
    );
  });

  test('a collector that is away changes nothing but one line in the log', async () => {
    await stopServer(collector.server);
    const id = await send({});
    assert.equal((await world.call('GET', `/v2/notifications/${id}`)).body.status, 'delivered');
    const lost = () => lines.filter(({ message }) => message === 'Traces could not be exported and are lost');
    await world.until(
      async () => lost().length,
      (count) => count === 1,
      40,
    );
  });
});

async function stopServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
