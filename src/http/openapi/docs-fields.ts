import { type Html, html } from '../../ground/html.ts';
import { inline, prose } from './docs-text.ts';
import type { JsonSchema } from './schema.ts';

type Node = Readonly<{
  $ref?: string;
  type?: string | readonly string[];
  const?: unknown;
  enum?: readonly unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  description?: string;
  examples?: readonly unknown[];
  anyOf?: readonly Node[];
  items?: Node;
  properties?: Readonly<Record<string, Node>>;
  required?: readonly string[];
  additionalProperties?: boolean | Node;
}>;

/** The fields of an object schema, those of objects in it below them; null where it has none to tell. */
export function fieldList(schema: JsonSchema): Html | null {
  const node = schema as Node;
  const fields = Object.entries(node.properties ?? {});
  if (fields.length === 0) return null;
  return html`<dl class="fields">${fields.map(([name, one]) =>
    field(name, one, node.required?.includes(name) ?? false),
  )}</dl>${node.additionalProperties === false ? html`<p class="quiet">Any other property is refused.</p>` : null}`;
}

/** One named value with its type, its rules and what it means. */
export function field(name: string, schema: JsonSchema, isRequired: boolean): Html {
  const node = schema as Node;
  return html`<div><dt><code>${name}</code> <span class="type">${typeOf(node)}</span>${
    isRequired ? html` <span class="required">required</span>` : null
  }</dt><dd>${node.description ? prose(node.description) : null}${rules(node)}${inner(node)}</dd></div>`;
}

/** The type in words; a named schema as a link to it. */
export function typeOf(node: Node): Html {
  if (node.$ref) {
    const name = node.$ref.slice(node.$ref.lastIndexOf('/') + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (node.anyOf) return joined(node.anyOf.map(typeOf), ' or ');
  if (node.const !== undefined) return html`<code>${JSON.stringify(node.const)}</code>`;
  if (node.type === 'array') return node.items ? html`list of ${typeOf(node.items)}` : html`list`;
  const types = [node.type ?? 'any value'].flat().join(' or ');
  return html`${node.format ? `${types} (${node.format})` : types}`;
}

function joined(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, index) => (index === 0 ? part : html`${between}${part}`))}`;
}

function rules(node: Node): Html | null {
  const { minLength, maxLength, minimum, maximum, minItems, maxItems, pattern, examples, description } = node;
  const texts: string[] = [];
  // Where the description tells the values one by one, a second list would only repeat them.
  const values = node.enum?.filter((value) => !description?.includes(`\`${value}\``)) ?? [];
  if (values.length > 0) texts.push(`One of ${values.map((value) => `\`${value}\``).join(', ')}.`);
  if (minLength !== undefined) texts.push(`At least ${count(minLength, 'character')}.`);
  if (maxLength !== undefined) texts.push(`At most ${count(maxLength, 'character')}.`);
  if (minimum !== undefined) texts.push(`At least ${minimum}.`);
  if (maximum !== undefined) texts.push(`At most ${maximum}.`);
  if (minItems !== undefined) texts.push(`At least ${count(minItems, 'item')}.`);
  if (maxItems !== undefined) texts.push(`At most ${count(maxItems, 'item')}.`);
  if (pattern !== undefined) texts.push(`Matches \`${pattern}\`.`);
  const own = examples?.filter((example) => !/^\{.*\}$/.test(String(example))) ?? [];
  if (own.length > 0) texts.push(`For example ${own.map((example) => `\`${example}\``).join(', ')}.`);
  return texts.length === 0 ? null : html`<p class="rules">${inline(texts.join(' '))}</p>`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** What a list or an object holds in turn. */
function inner(node: Node): Html | null {
  if (node.anyOf) {
    const parts = node.anyOf.map(inner).filter((part) => part !== null);
    return parts.length === 0 ? null : html`${joined(parts, ' or ')}`;
  }
  if (node.items) return inner(node.items);
  return fieldList(node as JsonSchema);
}
