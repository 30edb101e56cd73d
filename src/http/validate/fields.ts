import type { TSchema } from 'typebox';
import { type Formats, type Node, type Violation, violationsOf } from './check.ts';

/** The texts of v1 and the admin API (spec 01, section 2.1; spec 04, section 0.3): the first fault of each field, by field. */
export type FieldFaults = Readonly<Record<string, readonly string[]>>;

/** The faults of `document` under an object schema; empty when it is valid. */
export function fieldFaults(schema: TSchema, document: unknown, formats: Formats): FieldFaults {
  return fieldTexts(violationsOf(schema, document, formats), [schema]);
}

/** The fields stand in the order of `schemas`; where some are unknown, those are the only ones named. */
export function fieldTexts(violations: readonly Violation[], schemas: readonly TSchema[]): FieldFaults {
  if (violations.some(({ rule }) => rule === 'document')) return { _schema: ['Invalid input type.'] };
  const unknown = violations.filter(({ rule }) => rule === 'additionalProperties');
  if (unknown.length > 0)
    return Object.fromEntries(unknown.map(({ field }) => [field, ['Not permitted to be updated']]));
  const found = new Map<string, string>();
  for (const violation of violations)
    if (!found.has(violation.field)) found.set(violation.field, textOf(violation));
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
const formatTexts: Readonly<Record<string, string>> = {
  uuid: 'Not a valid UUID.',
  related_id: 'Not a valid UUID.',
  https_url: 'Not a valid URL.',
  text: 'Not a valid string.',
  date: 'Not a valid date.',
};

function textOf({ rule, value, node, types = [], text }: Violation): string {
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
      return text || formatTexts[node.format ?? ''] || 'Invalid value.';
    default:
      return typeTexts[types.find((type) => type !== 'null') ?? ''] ?? 'Invalid value.';
  }
}

function rangeText({ minimum, maximum }: Node): string {
  if (minimum !== undefined && maximum !== undefined) return `Must be between ${minimum} and ${maximum}.`;
  if (minimum === 1) return 'Not a positive integer';
  return minimum === undefined ? `Must be at most ${maximum}.` : `Must be at least ${minimum}.`;
}
