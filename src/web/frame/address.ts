/**
 * Whether the parameters of a path are ids and words, which can stand in any path of the API and any link as they are;
 * anything else is of nothing of ours. A token is left to its page, which says what to do if a link was copied wrongly.
 */
export function isNamed(params: Readonly<Record<string, string>>): boolean {
  return Object.entries(params).every(([name, value]) => name === 'token' || /^[\w-]+$/.test(value));
}

/** The address that was asked for, whatever host its sender put before it. */
export function addressOf(asked: string): URL {
  const base = 'http://pages';
  return URL.canParse(asked, base) ? new URL(asked, base) : new URL(base);
}

/** Where a redirect leads: always to a path of ours, in characters that a header may have. */
export function locationOf(to: string, baseUrl: string): string {
  if (!URL.canParse(to, baseUrl)) return '/';
  const { origin, pathname, search, hash } = new URL(to, baseUrl);
  return origin === new URL(baseUrl).origin && !pathname.startsWith('//') ? pathname + search + hash : '/';
}
