import type { TSchema } from 'typebox';
import { parseUuid } from '../../ground/id.ts';
import { literalText, numberSource } from '../../ground/json.ts';

/**
 * One translator from a JSON Schema and a document to the error texts of spec 01 section 3.2. The schemas are the
 * TypeBox objects that also document the API, so a rule is written once. Texts print values as Python would, without
 * any apostrophe.
 *
 * Order: `type` of the document; each property in the schema's order; missing required ones; additional ones. Every
 * failure is told, each text once.
 */
export type Format = (text: string) => string | null;

/** Formats by name: each answers the text of the fault, or null for a good value. */
export type Formats = Readonly<Record<string, Format>>;

type Node = Readonly<{
  type?: string | readonly string[];
  anyOf?: readonly Node[];
  properties?: Readonly<Record<string, Node>>;
  required?: readonly string[];
  additionalProperties?: boolean;
  items?: Node;
  enum?: readonly string[];
  maxLength?: number;
  minimum?: number;
  format?: string;
}>;

/** The faults of `document` under an object schema; none when it is valid. */
export function faultsOf(schema: TSchema, document: unknown, formats: Formats): string[] {
  const node = schema as unknown as Node;
  if (!isObject(document)) return [wrongType('', document, ['object'])];
  const faults: string[] = [];
  const properties = node.properties ?? {};
  for (const [name, property] of Object.entries(properties))
    if (Object.hasOwn(document, name))
      faults.push(...propertyFaults(name, property, document[name], formats));
  for (const name of node.required ?? [])
    if (!Object.hasOwn(document, name)) faults.push(`${name} is a required property`);
  if (node.additionalProperties === false) {
    const unknown = Object.keys(document)
      .filter((name) => !Object.hasOwn(properties, name))
      .sort();
    if (unknown.length > 0)
      faults.push(
        `Additional properties are not allowed (${unknown.map(literal).join(', ')} ${unknown.length === 1 ? 'was' : 'were'} unexpected)`,
      );
  }
  return [...new Set(faults.map((fault) => fault.replaceAll("'", '')))];
}

function propertyFaults(name: string, node: Node, value: unknown, formats: Formats): string[] {
  // Any failure of these two is told in one way, wrong type and null included.
  if (node.format === 'uuid')
    return typeof value === 'string' && parseUuid(value) !== null ? [] : [`${name} is not a valid UUID`];
  if (node.format === 'https_url')
    return typeof value === 'string' && isHttpsUrl(value) ? [] : [`${name} is not a valid https url`];
  const alternatives = node.anyOf ?? [node];
  const types = alternatives.flatMap(({ type }) => type ?? []);
  const fitting = alternatives.find(
    ({ type }) => type === undefined || [type].flat().some((one) => isOfType(value, one)),
  );
  if (!fitting) return [wrongType(`${name} `, value, types)];
  const faults: string[] = [];
  if (fitting.enum && !fitting.enum.includes(value as string))
    faults.push(`${name} ${literal(value)} is not one of [${fitting.enum.join(', ')}]`);
  if (typeof value === 'string') {
    if (fitting.maxLength !== undefined && codePoints(value) > fitting.maxLength)
      faults.push(`${name} ${literal(value)} is too long`);
    const fault = fitting.format === undefined ? null : formats[fitting.format]?.(value);
    if (fault) faults.push(`${name} ${fault}`);
  }
  // The text names the list, not the place in it (spec 01, section 3.2).
  if (fitting.items && Array.isArray(value))
    for (const item of value) faults.push(...propertyFaults(name, fitting.items, item, formats));
  const number = numberOf(value);
  if (fitting.minimum !== undefined && number !== null && number < fitting.minimum)
    faults.push(`${name} ${literal(value)} is less than the minimum of ${fitting.minimum}`);
  return faults;
}

function wrongType(prefix: string, value: unknown, types: readonly string[]): string {
  return `${prefix}${literal(value)} is not of type ${types.join(', ')}`.replaceAll("'", '');
}

/** A value as the texts show it; the caller takes the apostrophes out. */
export function literal(value: unknown): string {
  const text = literalText(value);
  // A top-level string stands bare; inside a list or an object the quotes are apostrophes and go with the others.
  return typeof value === 'string' && text.startsWith("'") ? text.slice(1, -1) : text;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && numberSource(value) === null;
}

/** A number, or null: also one that was kept with its source text (see literal.ts). */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const source = numberSource(value);
  return source === null ? null : Number(source);
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(numberOf(value));
    case 'number':
      return numberOf(value) !== null;
    default:
      return typeof value === type;
  }
}

/** Scheme, authority, path, query, fragment; brackets in the authority alone, `#` once. Linear at any length. */
const httpsUrl = (() => {
  const character = "A-Za-z0-9\\-._~!$&'()*+,;=:@%";
  const path = `//[${character}[\\]]*(?:/[${character}/]*)?|[${character}/]*`;
  return new RegExp(`^https[a-z0-9+.-]*:(?:${path})(?:\\?[${character}/?]*)?(?:#[${character}/?]*)?$`);
})();

/** An RFC 3986 URI in ASCII that begins with `https`, in lower case (spec 01, section 3.2). */
function isHttpsUrl(text: string): boolean {
  return httpsUrl.test(text) && !/%(?![0-9A-Fa-f]{2})/.test(text) && URL.canParse(text);
}
