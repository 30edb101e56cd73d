import type { TSchema } from 'typebox';
import { literalText } from '../../ground/json.ts';
import { type Formats, type Node, type Violation, violationsOf } from './check.ts';

/** What v2 says of `document` under an object schema, each text once; empty when it is valid. */
export function faultsOf(schema: TSchema, document: unknown, formats: Formats): string[] {
  return schemaTexts(violationsOf(schema, document, formats));
}

/**
 * The texts of v2 (spec 01, section 3.2): one sentence for each violation, which begins with the name of its field. They
 * print values as Python would, without apostrophes.
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

/** What v1 and the admin API say of `document` under an object schema; empty when it is valid. */
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
    return Object.fromEntries(unknown.map(({ field }) => [field, ['Not permitted to be updated']]));
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
