import { type TSchema, Type } from 'typebox';

/** Most items on one page of the public API (spec 06, section 6.2: `API_PAGE_SIZE`). */
export const pageSize = 250;

/** `links` of a page, for the OpenAPI document. */
export const pageLinksSchema: TSchema = Type.Object({
  current: Type.String({ format: 'uri' }),
  next: Type.Optional(
    Type.String({
      format: 'uri',
      description: 'What comes after this page; left out of an empty page, which is the end.',
    }),
  ),
});

/** The parameters of a URL as the caller gave them, in their order. */
export function queryParameters(url: string): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question === -1 ? '' : url.slice(question + 1));
}

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
