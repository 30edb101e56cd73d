import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const rooms = join(import.meta.dirname, '../../src/web');
const sources = readdirSync(rooms, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(rooms, file), 'utf8'))
  .join('\n');
const namesIn = (pattern: RegExp) => [...sources.matchAll(pattern)].map(([, name]) => name!);

/** What pages ask queries for; not for a stream, which does not end. */
export const queryFields = [...new Set(namesIn(/\bget\('(?!_live)(\w+)'\)/g))];

/** What pages ask forms for, by name or as they make the name up; not whether somebody is sure. */
export const formFields = [
  ...new Set([
    ...namesIn(/\b(?:text|all|has)\('(?!_onward|confirmed)(\w+)'\)/g),
    ...namesIn(/\bname: '([\w-]+)'/g),
    ...['value:name', 'value:time', 'value-1', 'sms', 'email', 'phone number', 'ids', 'id'],
  ]),
];

/** A query or form in which each of these fields has this value. */
export function allOf(
  fields: readonly string[],
  value: string,
  more: readonly [string, string][] = [],
): string {
  return new URLSearchParams([...more, ...fields.map((name): [string, string] => [name, value])]).toString();
}
