import { type TSchema, Type } from 'typebox';

/** Shapes that many schemas have. */

/** A value or null. */
export function orNull<Schema extends TSchema>(schema: Schema, description?: string) {
  return Type.Union([schema, Type.Null()], { ...(description !== undefined && { description }) });
}

/** One of the given texts. */
export function oneOf(values: readonly string[], description?: string) {
  return Type.Unsafe<string>({
    type: 'string',
    enum: [...values],
    ...(description !== undefined && { description }),
  });
}

/** A timestamp in a response. */
export const time = Type.String({ format: 'date-time' });

/** An id; in a path or a query the handler gets it in its canonical form. */
export function uuid(description?: string) {
  return Type.String({ format: 'uuid', ...(description !== undefined && { description }) });
}

/**
 * The id of something related. It may be of any type: the handler answers 404 for what is malformed or unknown (spec 04,
 * section 0.3), so it reads the value with `parseUuid`.
 */
export function relatedId(description: string, examples?: readonly string[]) {
  return Type.Unsafe<unknown>({
    ...{ type: 'string', format: 'related_id', description },
    ...(examples && { examples: [...examples] }),
  });
}

/** The 409 of a change to an earlier version (`sendStale`), for the OpenAPI document. */
export function staleAnswer(what: string, item: TSchema) {
  return {
    description: `Somebody else has changed the ${what}: \`data\` is what it is now. Without \`data\`: the \`Idempotency-Key\` was used before.`,
    schema: Type.Object({ result: oneOf(['error']), message: Type.String(), data: Type.Optional(item) }),
  };
}

/** Maximum number of items on one page of the public API (spec 06, section 6.2: `API_PAGE_SIZE`). */
export const pageSize = 250;

/** `links` of a page, for the OpenAPI document. */
export const pageLinksSchema: TSchema = Type.Object({
  current: Type.String({ format: 'uri' }),
  next: Type.Optional(
    Type.String({
      format: 'uri',
      description: 'The next page; absent from an empty page, which is the last.',
    }),
  ),
});

/**
 * `links` of a page (spec 01, section 3.8). `url`: without a query; `last`: id of the page's last item, undefined when
 * the page is empty. Every page with an item has a `next`, whether it is full or not.
 */
export function pageLinks(
  url: string,
  parameters: URLSearchParams,
  last: string | undefined,
): { current: string; next?: string } {
  const withQuery = (query: URLSearchParams) => (query.size > 0 ? `${url}?${query}` : url);
  const current = withQuery(parameters);
  if (last === undefined) return { current };
  const following = new URLSearchParams(parameters);
  following.set('older_than', last);
  return { current, next: withQuery(following) };
}
