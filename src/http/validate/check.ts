import type { TSchema } from 'typebox';
import { parseUuid } from '../../ground/id.ts';
import { numberSource } from '../../ground/json.ts';

/**
 * The one walk over a schema and a document. It finds what is wrong; how that reads is up to the error format of the
 * route: `schema.ts` has the texts of v2, `fields.ts` those of v1 and the admin API. The schemas are the TypeBox objects
 * that also document the API, so a rule is written once.
 */

/** A format of the caller's: the text of the fault, or null for a good value. */
export type Format = (text: string) => string | null;
export type Formats = Readonly<Record<string, Format>>;

/** The part of JSON Schema that is checked. */
export type Node = Readonly<{
  type?: string | readonly string[];
  anyOf?: readonly Node[];
  properties?: Readonly<Record<string, Node>>;
  required?: readonly string[];
  additionalProperties?: boolean;
  items?: Node;
  enum?: readonly unknown[];
  maxLength?: number;
  minItems?: number;
  minimum?: number;
  maximum?: number;
  format?: string;
  /** The name of a path parameter in errors, where it differs. */
  errorName?: string;
}>;

/** One broken rule. `node` is the schema that the value broke, `text` what a format of the caller's said. */
export type Violation = Readonly<{
  rule: keyof typeof checkedKeywords | 'document';
  /** Empty for the document itself. */
  field: string;
  value: unknown;
  node: Node;
  /** The types that would have been right. */
  types?: readonly string[];
  text?: string;
}>;

/** Every keyword that the walk knows; the others only describe. */
const checkedKeywords = {
  type: true,
  required: true,
  additionalProperties: true,
  enum: true,
  maxLength: true,
  minItems: true,
  minimum: true,
  maximum: true,
  format: true,
} as const;
const otherKeywords = [
  'anyOf',
  'properties',
  'items',
  'description',
  'examples',
  'default',
  '$id',
  'errorName',
];

/** A good document has none, so the usual case allocates nothing. */
const none: readonly Violation[] = Object.freeze([]);

/**
 * The violations of an object schema, in this order: properties in the order of the schema, missing ones, unknown ones in
 * alphabetical order. A document that is not an object has that one violation only.
 */
export function violationsOf(schema: TSchema, document: unknown, formats: Formats): readonly Violation[] {
  const node = schema as unknown as Node;
  if (!isObject(document)) return [{ rule: 'document', field: '', value: document, node, types: ['object'] }];
  let found: Violation[] | null = null;
  const properties = node.properties ?? {};
  for (const name in properties)
    if (Object.hasOwn(document, name)) {
      const faults = propertyViolations(name, properties[name]!, document[name], formats);
      if (faults.length > 0) found = found ? [...found, ...faults] : [...faults];
    }
  for (const field of node.required ?? [])
    if (!Object.hasOwn(document, field)) {
      found ??= [];
      found.push({ rule: 'required', field, value: undefined, node });
    }
  if (node.additionalProperties === false) {
    const unknown = Object.keys(document).filter((name) => !Object.hasOwn(properties, name));
    if (unknown.length > 0) {
      found ??= [];
      for (const field of unknown.sort())
        found.push({ rule: 'additionalProperties', field, value: document[field], node });
    }
  }
  return found ?? none;
}

function propertyViolations(
  field: string,
  node: Node,
  value: unknown,
  formats: Formats,
): readonly Violation[] {
  const alternatives = node.anyOf ?? [node];
  const types = () => alternatives.flatMap(({ type }) => type ?? []);
  const whole = alternatives.find(
    ({ format }) => format !== undefined && Object.hasOwn(wholeFormats, format),
  );
  if (whole && !(value === null && types().includes('null')))
    return isWhole(whole.format!, value, formats) ? none : [{ rule: 'format', field, value, node: whole }];
  const fitting = alternatives.find(({ type }) => type === undefined || isOfTypes(value, type));
  if (!fitting) return [{ rule: 'type', field, value, node, types: types() }];
  const found: Violation[] = [];
  const add = (rule: Violation['rule'], text?: string) =>
    found.push({ rule, field, value, node: fitting, ...(text !== undefined && { text }) });
  if (fitting.enum && !fitting.enum.includes(value)) add('enum');
  if (typeof value === 'string') {
    if (fitting.maxLength !== undefined && codePoints(value) > fitting.maxLength) add('maxLength');
    const text = fitting.format === undefined ? null : formatFault(fitting.format, value, formats);
    if (text !== null) add('format', text);
  }
  if (Array.isArray(value)) {
    if (fitting.minItems !== undefined && value.length < fitting.minItems) add('minItems');
    // The texts name the list, not the place in it (spec 01, section 3.2).
    if (fitting.items)
      for (const item of value) found.push(...propertyViolations(field, fitting.items, item, formats));
  }
  const number = numberOf(value);
  if (fitting.minimum !== undefined && number !== null && number < fitting.minimum) add('minimum');
  if (fitting.maximum !== undefined && number !== null && number > fitting.maximum) add('maximum');
  return found;
}

/**
 * Formats that judge a value as a whole: a wrong type or null is the same fault as a wrong text. A format of the
 * caller's by the same name replaces the rule for texts.
 */
const wholeFormats: Readonly<Record<string, (value: unknown) => boolean>> = {
  uuid: (value) => typeof value === 'string' && parseUuid(value) !== null,
  https_url: (value) => typeof value === 'string' && isHttpsUrl(value),
  // The id of something related: the handler answers 404 for one that is malformed or unknown (spec 04, section 0.3).
  related_id: (value) => value !== null,
};

function isWhole(format: string, value: unknown, formats: Formats): boolean {
  const own = formats[format];
  return own && typeof value === 'string' ? own(value) === null : wholeFormats[format]!(value);
}

/** Formats of texts that need nothing from the caller. Their text is that of the error format, so it is empty here. */
const textFormats: Formats = {
  // The database cannot store the null character.
  text: (value) => (value.includes('\0') ? '' : null),
  date: (value) => (isDate(value) ? null : ''),
};

function formatFault(format: string, value: string, formats: Formats): string | null {
  const check = formats[format] ?? (Object.hasOwn(textFormats, format) ? textFormats[format] : undefined);
  return check?.(value) ?? null;
}

function isDate(text: string): boolean {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}

/** Throws where a schema has a keyword that the walk would pass over, so that no rule is documented and not checked. */
export function assertCheckable(schema: TSchema, where: string): void {
  const visit = (node: Node, isRoot: boolean) => {
    for (const keyword of Object.keys(node)) {
      const isKnown = Object.hasOwn(checkedKeywords, keyword) || otherKeywords.includes(keyword);
      if (!isKnown || (keyword === 'properties' && !isRoot))
        throw new Error(`${where}: requests are not checked for "${keyword}"`);
    }
    const { properties = {}, anyOf = [], items } = node;
    for (const one of [...Object.values(properties), ...anyOf, ...(items ? [items] : [])]) visit(one, false);
  };
  visit(schema as unknown as Node, true);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && numberSource(value) === null;
}

/** A number, also one that was kept with its source text (ground/json.ts); null for anything else. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const source = numberSource(value);
  return source === null ? null : Number(source);
}

function isOfTypes(value: unknown, types: string | readonly string[]): boolean {
  return typeof types === 'string' ? isOfType(value, types) : types.some((type) => isOfType(value, type));
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

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Scheme, authority, path, query, fragment; brackets in the authority alone, `#` once. Linear at any length. */
const httpsUrl = (() => {
  const character = "A-Za-z0-9\\-._~!$&'()*+,;=:@%";
  const path = `//[${character}[\\]]*(?:/[${character}/]*)?|[${character}/]*`;
  return new RegExp(`^https[a-z0-9+.-]*:(?:${path})(?:\\?[${character}/?]*)?(?:#[${character}/?]*)?$`);
})();

/** An RFC 3986 URI in ASCII that begins with `https`, in lower case (spec 01, section 3.2). */
export function isHttpsUrl(text: string): boolean {
  return httpsUrl.test(text) && !/%(?![0-9A-Fa-f]{2})/.test(text) && URL.canParse(text);
}
