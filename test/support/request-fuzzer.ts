import fc from 'fast-check';
import type { OpenApi, Operation, Parameter } from '../../src/http/openapi/openapi.ts';
import {
  distorted,
  headerText,
  oddBody,
  oddText,
  oddToken,
  oddValue,
  type Signer,
  signerOf,
} from './fuzz-values.ts';

/** A request as it is sent. */
export type FuzzedRequest = Readonly<{
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string | Buffer | null;
  /**
   * How the body is sent: with its length, in chunks, or with a length that it does not reach before the caller closes
   * its side of the connection.
   */
  framing: 'length' | 'chunked' | 'short';
  /** The operation of the document that it addresses; null if its method or path was altered. */
  operation: string | null;
}>;

/** What requests are built from besides the document. */
export type Known = Readonly<{
  keys: readonly string[];
  admin: Signer;
  /** Values known to the API, by the name of a field or parameter, or by path and name. */
  ids: Readonly<Record<string, readonly string[]>>;
}>;

type Node = Readonly<Record<string, any>>;

/** Generates requests to every operation of the document: valid ones, ones with a fault, and completely wrong ones. */
export function fuzzedRequests(document: OpenApi, known: Known): fc.Arbitrary<FuzzedRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const anyId = fc.constantFrom(...Object.values(known.ids).flat());

  /** A value that fits the schema, except for rules that a schema cannot express. */
  function fitting(path: string, schema: Node, name = ''): fc.Arbitrary<unknown> {
    if (schema['$ref']) {
      const called = String(schema['$ref']).split('/').at(-1)!;
      return fitting(path, document.components.schemas[called] as Node, name);
    }
    const own = known.ids[`${path} ${name}`] ?? known.ids[name];
    if (own) return fc.constantFrom(...own);
    if (schema['const'] !== undefined) return fc.constant(schema['const']);
    if (schema['enum']) return fc.constantFrom(...schema['enum']);
    if (schema['anyOf']) return fc.oneof(...schema['anyOf'].map((one: Node) => fitting(path, one, name)));
    switch ([schema['type']].flat()[0]) {
      case 'integer':
        return fc.integer({ min: -2, max: 300 });
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      case 'array':
        return fc.array(fitting(path, schema['items'] ?? {}), { maxLength: 4 });
      case 'object':
        return schema['properties'] ? objectOf(path, schema) : personalisation;
      case 'string':
        return stringOf(schema);
      default:
        return oddValue;
    }
  }

  function stringOf(schema: Node): fc.Arbitrary<string> {
    if (schema['format'] === 'uuid') return anyId;
    if (schema['format'] === 'date-time')
      return fc
        .integer({ min: 60_000, max: 23 * 3_600_000 })
        .map((ahead) => new Date(Date.now() + ahead).toISOString());
    const examples = schema['examples'] as readonly string[] | undefined;
    return examples ? fc.constantFrom(...examples) : fc.string({ maxLength: 20 });
  }

  const maybeOdd = (fits: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 12, arbitrary: fits }, { weight: 1, arbitrary: oddValue });

  const personalisation = fc
    .tuple(
      fc.record({ name: maybeOdd(fc.constant('Rowan')), time: maybeOdd(fc.constant('14:05')) }),
      fc.dictionary(oddText, oddValue, { maxKeys: 2 }),
    )
    .map(([expected, more]) => ({ ...more, ...expected }));

  function objectOf(path: string, schema: Node): fc.Arbitrary<unknown> {
    const properties = Object.entries(schema['properties'] as Record<string, Node>);
    const fields = Object.fromEntries(
      properties.map(([name, one]) => [name, maybeOdd(fitting(path, one, name))]),
    );
    const requiredKeys: string[] = schema['required'] ?? [];
    return fc.oneof(
      { weight: 8, arbitrary: fc.record(fields, { requiredKeys: requiredKeys as never[] }) },
      { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.record(fields, { requiredKeys: [] }), fc.dictionary(oddText, oddValue, { maxKeys: 3 }))
          .map(([some, more]) => ({ ...some, ...more })),
      },
    );
  }

  function bodyOf(path: string, operation: Operation): fc.Arbitrary<string | Buffer | null> {
    if (!operation.requestBody)
      return fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: oddBody });
    if (operation.tags.includes('Provider receipts')) return oddReceipt(anyId);
    const schema = Object.values(operation.requestBody.content)[0]?.schema ?? {};
    const good = fitting(path, schema as Node).map((value) => JSON.stringify(value) ?? '');
    return fc.oneof(
      { weight: 14, arbitrary: good },
      { weight: 1, arbitrary: fc.tuple(good, fc.nat(400)).map(([text, at]) => text.slice(0, at)) },
      { weight: 3, arbitrary: distorted(good) },
      { weight: 1, arbitrary: oddBody },
      { weight: 1, arbitrary: oddValue.map((value) => JSON.stringify(value) ?? '') },
    );
  }

  function pathOf(path: string, parameters: readonly Parameter[]): fc.Arbitrary<string> {
    const parts = path.split(/\{([a-z_]+)\}/).map((part, index) => {
      if (index % 2 === 0) return fc.constant(part);
      const own = fitting(path, parameters.find(({ name }) => name === part)?.schema as Node, part);
      const anyText = oddText.filter((text) => text !== '').map((text) => text.slice(0, 2_000));
      return fc
        .oneof({ weight: 6, arbitrary: own }, { weight: 1, arbitrary: anyText })
        .map((value) => encode(String(value)));
    });
    return fc.tuple(...parts).map((all) => all.join(''));
  }

  function queryOf(path: string, parameters: readonly Parameter[]): fc.Arbitrary<string> {
    const declared = parameters.filter(({ in: where }) => where === 'query');
    const pairs = declared.map(({ name, schema }) =>
      fc
        .oneof(
          { weight: 5, arbitrary: fitting(path, schema as Node, name) },
          { weight: 1, arbitrary: oddText },
        )
        .map((value) => [value].flat().map((one) => `${name}=${encode(String(one).slice(0, 2_000))}`)),
    );
    const good =
      pairs.length === 0
        ? fc.constant('')
        : fc
            .subarray(pairs)
            .chain((some) => fc.tuple(...some))
            .map((all) => all.flat().join('&'));
    return fc.oneof(
      { weight: 8, arbitrary: good },
      {
        weight: 1,
        arbitrary: fc
          .tuple(good, oddText, oddText)
          .map(([text, a, b]) => `${text}&${encode(a.slice(0, 900))}=${encode(b.slice(0, 900))}`),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '%',
          '&&',
          '=',
          'a[]=1&a[b]=2',
          '%00=%ff',
          '__proto__=1',
          'page=1e9',
          'page=-1',
        ),
      },
    );
  }

  const moreHeaders = fc.dictionary(
    fc.constantFrom(
      'Content-Type',
      'Accept',
      'Idempotency-Key',
      'X-B3-TraceId',
      'X-B3-SpanId',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'X-Forwarded-For',
      'User-Agent',
      'Cookie',
      'Range',
      'If-None-Match',
      'Accept-Encoding',
      'Content-Encoding',
      'Upgrade',
      'X-HTTP-Method-Override',
    ),
    fc
      .oneof(
        fc.constantFrom(
          'application/json; charset=utf-16',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          'text/plain; charset=iso-8859-1',
          'gzip',
          'h2c',
          'x',
          'notify',
          'NOTIFY-API-NODE-CLIENT/8.4.0',
          'bytes=0-',
        ),
        oddText,
      )
      .map(headerText),
    { maxKeys: 3 },
  );
  // Node takes at most 16 KiB of headers.
  const longHeader = fc.constantFrom(1_000, 8_000, 15_000, 17_000, 100_000, 1_000_000);
  const headers: fc.Arbitrary<Record<string, string>> = fc.oneof(
    { weight: 60, arbitrary: moreHeaders },
    { weight: 1, arbitrary: longHeader.map((length) => ({ 'X-Long': 'x'.repeat(length) })) },
    { weight: 1, arbitrary: fc.constantFrom({ Expect: '100-continue' }, { Expect: 'a miracle' }) },
  );

  // Built once for each operation: building them costs more than drawing from them.
  const each = operations.map(({ method, path, operation }) => {
    const parameters = operation.parameters ?? [];
    const arbitrary = fc
      .record({
        verb: fc.oneof(
          { weight: 16, arbitrary: fc.constant(method) },
          {
            weight: 1,
            arbitrary: fc.constantFrom(
              'GET',
              'POST',
              'PUT',
              'DELETE',
              'PATCH',
              'HEAD',
              'OPTIONS',
              'TRACE',
              'PROPFIND',
              'LINK',
              'QUERY',
            ),
          },
        ),
        place: pathOf(path, parameters),
        twist: fc.oneof(
          { weight: 40, arbitrary: fc.constant('') },
          {
            weight: 1,
            arbitrary: fc.constantFrom(
              '/',
              '//',
              '/..',
              '/%',
              '%zz',
              '%00',
              ';a=b',
              '/%2e%2e/x',
              '%2f',
              '\\',
            ),
          },
        ),
        query: queryOf(path, parameters),
        authorization: oddToken(
          operation.tags.includes('Administration') ? [known.admin] : known.keys.map(signerOf),
        ),
        headers,
        body: bodyOf(path, operation),
        framing: fc.oneof(
          { weight: 30, arbitrary: fc.constant('length' as const) },
          { weight: 2, arbitrary: fc.constant('chunked' as const) },
          { weight: 1, arbitrary: fc.constant('short' as const) },
        ),
      })
      .map(({ verb, place, twist, query, authorization, headers, body, framing }) => ({
        method: verb,
        path: `${place}${twist}${query === '' ? '' : `?${query}`}`,
        headers: { ...headers, ...(authorization !== null && { Authorization: authorization }) },
        body: verb === 'HEAD' || verb === 'TRACE' ? null : body,
        framing: verb === 'HEAD' || verb === 'TRACE' ? ('length' as const) : framing,
        operation: verb === method && twist === '' ? `${method} ${path}` : null,
      }));
    const [tag = ''] = operation.tags;
    return { weight: tag === 'Status' ? 1 : tag === 'Sending' || tag === 'Version 1' ? 12 : 4, arbitrary };
  });
  return fc.oneof(...each);
}

/** Encodes a text for a path or a query. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Generates bodies for the receipt endpoints; `anyId` generates ids of messages. */
function oddReceipt(anyId: fc.Arbitrary<string>): fc.Arbitrary<string | Buffer> {
  const receiptField = fc.oneof(
    { weight: 3, arbitrary: anyId },
    {
      weight: 3,
      arbitrary: fc.constantFrom('delivered', 'pending', '0', '1', '2', '3', '102', 'constructor'),
    },
    { weight: 1, arbitrary: oddText },
  );
  const receiptFields = fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        'CID',
        'deliverystatus',
        'substatus',
        'reference',
        'status',
        'code',
        'mobile',
        'detail',
      ),
      fc.constantFrom('Type', 'Message', 'MessageId', 'notificationType', 'mail', 'bounce', 'complaint'),
    ),
    receiptField,
    { maxKeys: 8, size: 'max' },
  );
  return fc.oneof(
    receiptFields.map((fields) => JSON.stringify(fields)),
    receiptFields.map((fields) => new URLSearchParams(fields).toString()),
    receiptFields.map((inner) => JSON.stringify({ Type: 'Notification', Message: JSON.stringify(inner) })),
    fc
      .tuple(fc.constantFrom('Bounce', 'Complaint', 'Delivery', 'Open'), oddValue, anyId, oddValue)
      .map(([notificationType, mail, messageId, detail]) =>
        JSON.stringify({
          Type: 'Notification',
          Message: JSON.stringify({
            notificationType,
            mail: mail ?? { messageId },
            bounce: detail,
            complaint: detail,
          }),
        }),
      ),
    oddBody,
  );
}
