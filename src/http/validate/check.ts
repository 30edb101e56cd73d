import type { TSchema } from 'typebox';
import { parseUuid } from '../../ground/id.ts';
import { literalText, numberSource } from '../../ground/json.ts';

/**
 * Checks documents against schemas. One walk finds the violations; the error format of the route chooses their texts:
 * `schemaTexts` gives those of v2, `fieldTexts` those of v1 and the admin API. The schemas are the TypeBox objects that
 * also document the API, so a rule is written once.
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
  /** The types that are allowed. */
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
 * The violations of an object schema, in this order: properties in the order of the schema, missing ones, unknown ones
 * in alphabetical order. A document that is not an object has that one violation only.
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
  if (whole && !(value === null && types().includes('null'))) {
    if (!isWhole(whole.format!, value, formats)) return [{ rule: 'format', field, value, node: whole }];
    return isTooLong(value, whole) ? [{ rule: 'maxLength', field, value, node: whole }] : none;
  }
  const fitting = alternatives.find(({ type }) => type === undefined || isOfTypes(value, type));
  if (!fitting) return [{ rule: 'type', field, value, node, types: types() }];
  const found: Violation[] = [];
  const add = (rule: Violation['rule'], text?: string) =>
    found.push({ rule, field, value, node: fitting, ...(text !== undefined && { text }) });
  if (fitting.enum && !fitting.enum.includes(value)) add('enum');
  if (typeof value === 'string') {
    if (isTooLong(value, fitting)) add('maxLength');
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

function isTooLong(value: unknown, { maxLength }: Node): boolean {
  return maxLength !== undefined && typeof value === 'string' && codePoints(value) > maxLength;
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

/** Formats that need nothing from the caller. The error format has their texts, so they are empty here. */
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

/** Throws if a schema has a keyword that the walk would ignore, so that no rule is documented but not checked. */
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

/** The v2 texts for the faults of `document` under an object schema, each once; empty when it is valid. */
export function faultsOf(schema: TSchema, document: unknown, formats: Formats): string[] {
  return schemaTexts(violationsOf(schema, document, formats));
}

/**
 * The texts of v2 (spec 01, section 3.2): one sentence for each violation, which begins with the name of its field.
 * They print values as Python would, without apostrophes.
 */
export function schemaTexts(violations: readonly Violation[]): string[] {
  if (violations.length === 0) return [];
  const unknown = violations.filter(({ rule }) => rule === 'additionalProperties');
  const texts = violations.filter((one) => !unknown.includes(one)).map(schemaText);
  if (unknown.length > 0) {
    const names = unknown.map(({ field }) => literal(field)).join(', ');
    const verb = unknown.length === 1 ? 'was' : 'were';
    texts.push(`Additional properties are not allowed (${names} ${verb} unexpected)`);
  }
  return [...new Set(texts.map((text) => text.replaceAll("'", '')))];
}

const schemaFormatTexts: Readonly<Record<string, string>> = {
  uuid: 'is not a valid UUID',
  related_id: 'is not a valid UUID',
  https_url: 'is not a valid https url',
  text: 'contains a null character',
  date: 'is not a valid date',
};

function schemaText({ rule, field, value, node, types = [], text }: Violation): string {
  switch (rule) {
    case 'document':
      return `${literal(value)} is not of type ${types.join(', ')}`;
    case 'type':
      return `${field} ${literal(value)} is not of type ${types.join(', ')}`;
    case 'required':
      return `${field} is a required property`;
    case 'enum':
      return `${field} ${literal(value)} is not one of [${node.enum?.join(', ')}]`;
    case 'maxLength':
      return `${field} ${literal(value)} is too long`;
    case 'minItems':
      return `${field} ${literal(value)} is too short`;
    case 'minimum':
      return `${field} ${literal(value)} is less than the minimum of ${node.minimum}`;
    case 'maximum':
      return `${field} ${literal(value)} is greater than the maximum of ${node.maximum}`;
    default:
      return `${field} ${text || schemaFormatTexts[node.format ?? '']}`;
  }
}

/** A value as the texts show it; the caller removes the apostrophes. */
export function literal(value: unknown): string {
  const text = literalText(value);
  // A top-level string has no quotes; inside a list or an object they are apostrophes and removed with the others.
  return typeof value === 'string' && text.startsWith("'") ? text.slice(1, -1) : text;
}

/** The first fault of each field, by field. */
export type FieldFaults = Readonly<Record<string, readonly string[]>>;

/** The v1 and admin texts for the faults of `document` under an object schema; empty when it is valid. */
export function fieldFaults(schema: TSchema, document: unknown, formats: Formats): FieldFaults {
  return fieldTexts(violationsOf(schema, document, formats), [schema]);
}

/**
 * The texts of v1 and the admin API (spec 01, section 2.1; spec 04, section 0.3), with the fields in the order of
 * `schemas`. If the request has fields that it may not have, only those are named.
 */
export function fieldTexts(violations: readonly Violation[], schemas: readonly TSchema[]): FieldFaults {
  if (violations.some(({ rule }) => rule === 'document')) return { _schema: ['Invalid input type.'] };
  const unknown = violations.filter(({ rule }) => rule === 'additionalProperties');
  if (unknown.length > 0)
    return Object.fromEntries(
      unknown.map(({ field, text }) => [field, [text ?? 'Not permitted to be updated']]),
    );
  const found = new Map<string, string>();
  for (const violation of violations)
    if (!found.has(violation.field)) found.set(violation.field, fieldText(violation));
  const order = schemas.flatMap((schema) => Object.keys((schema as unknown as Node).properties ?? {}));
  const entries = [...found].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return Object.fromEntries(entries.map(([field, text]) => [field, [text]]));
}

const typeTexts: Readonly<Record<string, string>> = {
  string: 'Not a valid string.',
  integer: 'Not a valid integer.',
  number: 'Not a valid number.',
  boolean: 'Not a valid boolean.',
  object: 'Not a valid mapping type.',
  array: 'Not a valid list.',
};
const fieldFormatTexts: Readonly<Record<string, string>> = {
  uuid: 'Not a valid UUID.',
  related_id: 'Not a valid UUID.',
  https_url: 'Not a valid URL.',
  text: 'Not a valid string.',
  date: 'Not a valid date.',
};

function fieldText({ rule, value, node, types = [], text }: Violation): string {
  if (rule === 'required') return 'Missing data for required field.';
  if (value === null) return 'Field may not be null.';
  switch (rule) {
    case 'enum':
      return 'Not a valid choice.';
    case 'maxLength':
      return `Longer than maximum length ${node.maxLength}.`;
    case 'minItems':
      return `Shorter than minimum length ${node.minItems}.`;
    case 'minimum':
    case 'maximum':
      return rangeText(node);
    case 'format':
      return text || fieldFormatTexts[node.format ?? ''] || 'Invalid value.';
    default:
      return typeTexts[types.find((type) => type !== 'null') ?? ''] ?? 'Invalid value.';
  }
}

function rangeText({ minimum, maximum }: Node): string {
  if (minimum !== undefined && maximum !== undefined) return `Must be between ${minimum} and ${maximum}.`;
  if (minimum === 1) return 'Not a positive integer';
  return minimum === undefined ? `Must be at most ${maximum}.` : `Must be at least ${minimum}.`;
}
