import type { TSchema } from 'typebox';
import { literalText } from '../../ground/json.ts';
import { type Formats, type Violation, violationsOf } from './check.ts';

/**
 * The texts of v2 (spec 01, section 3.2): one sentence for each violation that begins with the name of its field. They
 * print values as Python would, without apostrophes.
 */

/** The faults of `document` under an object schema, each text once; none when it is valid. */
export function faultsOf(schema: TSchema, document: unknown, formats: Formats): string[] {
  return schemaTexts(violationsOf(schema, document, formats));
}

export function schemaTexts(violations: readonly Violation[]): string[] {
  if (violations.length === 0) return [];
  const unknown = violations.filter(({ rule }) => rule === 'additionalProperties');
  const texts = violations.filter((one) => !unknown.includes(one)).map(textOf);
  if (unknown.length > 0) {
    const names = unknown.map(({ field }) => literal(field)).join(', ');
    const verb = unknown.length === 1 ? 'was' : 'were';
    texts.push(`Additional properties are not allowed (${names} ${verb} unexpected)`);
  }
  return [...new Set(texts.map((text) => text.replaceAll("'", '')))];
}

const wholeTexts: Readonly<Record<string, string>> = {
  uuid: 'is not a valid UUID',
  related_id: 'is not a valid UUID',
  https_url: 'is not a valid https url',
  text: 'contains a null character',
  date: 'is not a valid date',
};

function textOf({ rule, field, value, node, types = [], text }: Violation): string {
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
      return `${field} ${text || wholeTexts[node.format ?? '']}`;
  }
}

/** A value as the texts show it; the caller removes the apostrophes. */
export function literal(value: unknown): string {
  const text = literalText(value);
  // A top-level string stands bare; inside a list or an object the quotes are apostrophes and go with the others.
  return typeof value === 'string' && text.startsWith("'") ? text.slice(1, -1) : text;
}
