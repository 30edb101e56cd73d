import { ConfigError } from '../ground/problem.ts';
import type { AdminCall } from './admin-call.ts';

/** An object of the admin API. */
export type Item = Readonly<Record<string, unknown>> & Readonly<{ id: string }>;

/** Calls the admin API and returns the body. Throws a ConfigError with the API's own words if it refuses. */
export async function ask<Body = Readonly<{ data: Item }>>(
  call: AdminCall,
  method: string,
  path: string,
  body?: unknown,
): Promise<Body> {
  const answer = await call(method, path, body);
  if (answer.status >= 400) throw new ConfigError(refusal(answer.status, answer.body));
  return answer.body as Body;
}

/** What is wrong, in plain words, from any of the error formats (spec 04, section 10). */
export function refusal(status: number, body: unknown): string {
  const { message, errors } = (body ?? {}) as Readonly<{ message?: unknown; errors?: { message: string }[] }>;
  if (errors) return errors.map((error) => error.message).join('\n');
  if (typeof message !== 'object' || message === null) return String(message ?? `The answer was ${status}.`);
  return Object.entries(message)
    .flatMap(([field, texts]) =>
      [texts].flat().map((text) => (field.startsWith('_') ? `${text}` : `${field}: ${text}`)),
    )
    .join('\n');
}

type Page = Readonly<{ data: readonly Item[]; links?: Readonly<{ next?: string }> }>;

/** Every entry of a list of the admin API, whose pages are followed. */
export async function askAll(call: AdminCall, path: string): Promise<readonly Item[]> {
  const all: Item[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { data, links }: Page = await ask<Page>(call, 'GET', next);
    all.push(...data);
    // An address with the host, of which this process needs none.
    next = data.length > 0 ? links?.next?.replace(/^https?:\/\/[^/]+/, '') : undefined;
  }
  return all;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isId(text: string): boolean {
  return uuid.test(text);
}

/**
 * The one of `found` that `text` names by its id or by one of its `names`. Throws a ConfigError if there is none, or more
 * than one.
 */
export function theOne(
  kind: string,
  text: string,
  found: readonly Item[],
  names: (item: Item) => readonly unknown[],
): Item {
  const byId = found.find(({ id }) => id === text.toLowerCase());
  const matching = byId ? [byId] : found.filter((item) => names(item).includes(text));
  if (matching.length === 1) return matching[0]!;
  throw new ConfigError(
    matching.length === 0
      ? `There is no ${kind} "${text}".`
      : `"${text}" is the name of more than one ${kind}. Give one of their ids:\n${matching.map(({ id }) => `  ${id}`).join('\n')}`,
  );
}

/** The service that an argument names. */
export async function serviceNamed(call: AdminCall, text: string): Promise<Item> {
  if (isId(text)) return await read(call, `/service/${text}`, 'service', text);
  return theOne(
    'service',
    text,
    await askAll(call, `/service?name=${encodeURIComponent(text)}`),
    ({ name }) => [name],
  );
}

/** The person that an argument names: by id, address (in any case) or name. */
export async function userNamed(call: AdminCall, text: string): Promise<Item> {
  if (isId(text)) return await read(call, `/user/${text}`, 'person', text);
  if (text.includes('@')) {
    const { status, body } = await call('POST', '/user/email', { email: text });
    if (status === 200) return (body as { data: Item }).data;
  }
  return theOne('person', text, await askAll(call, `/user?search=${encodeURIComponent(text)}`), (user) => [
    user.name,
    user.email_address,
  ]);
}

async function read(call: AdminCall, path: string, kind: string, text: string): Promise<Item> {
  const { status, body } = await call('GET', path);
  if (status === 404) throw new ConfigError(`There is no ${kind} "${text}".`);
  if (status >= 400) throw new ConfigError(refusal(status, body));
  return (body as { data: Item }).data;
}

/** A number as the API takes it. What is none stays as it is: the API says what it must be. */
export function numberIn(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/** Throws a ConfigError for anything but yes and no. */
export function yesOrNo(option: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === 'yes' || text === 'no') return text === 'yes';
  throw new ConfigError(`--${option} must be yes or no, not "${text}".`);
}

/** What an option with a comma-separated list names. */
export function listIn(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** `fields` without those that were not given. Throws a ConfigError if that is none. */
export function changesIn(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw new ConfigError('There is nothing to change: name at least one option.');
  return Object.fromEntries(given);
}
