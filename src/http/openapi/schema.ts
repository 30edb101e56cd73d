import type { TSchema } from 'typebox';

/** A JSON Schema of the document (draft 2020-12, as OpenAPI 3.1 uses). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The properties of an object schema, of the document's or of ours. */
export function propertiesOf(schema: JsonSchema | TSchema | undefined): Readonly<Record<string, JsonSchema>> {
  return (schema as { properties?: Record<string, JsonSchema> } | undefined)?.properties ?? {};
}

/** Our own formats (validate/check.ts) in terms of JSON Schema. */
const formats: Readonly<Record<string, JsonSchema>> = {
  phone_number: {
    description:
      'A UK number, or an international one with its country code. Spaces, hyphens, brackets and a leading plus do not matter.',
    examples: ['07700 900123', '+44 7700 900123', '+49 1512 3456789'],
  },
  email_address: { format: 'email', maxLength: 320, examples: ['rowan@example.com'] },
  https_url: {
    format: 'uri',
    pattern: '^https',
    description: 'A URL that begins with `https`.',
    examples: ['https://example.com/unsubscribe?id=4711'],
  },
  datetime: {
    format: 'date-time',
    description: 'ISO 8601; UTC if it has no offset.',
  },
  text: {},
  sms_sender: {},
  related_id: {},
};

const nested = ['items', 'not', 'additionalProperties', 'contains', 'propertyNames'];
const nestedLists = ['anyOf', 'allOf', 'oneOf', 'prefixItems'];
const nestedMaps = ['properties', 'patternProperties'];

export type SchemaTranslator = Readonly<{
  translate: (schema: TSchema) => JsonSchema;
  /** The schemas with a name (`$id`), by that name; complete once everything is translated. */
  named: Readonly<Record<string, JsonSchema>>;
}>;

/**
 * Translates the schemas that requests are checked with into those of the document: our formats become documented ones,
 * and a schema with an `$id` appears once, under that name. Throws if two different ones have the same name.
 */
export function createSchemaTranslator(): SchemaTranslator {
  const named: Record<string, JsonSchema> = {};

  function translate(schema: unknown): JsonSchema {
    // Only enumerable properties: those that TypeBox keeps for itself are not.
    const { $id, errorName: _ours, ...rest } = schema as Record<string, unknown>;
    const plain = withFormat(mapNested(rest));
    if (typeof $id !== 'string') return plain;
    const known = named[$id];
    if (known && JSON.stringify(known) !== JSON.stringify(plain))
      throw new Error(`Two different schemas are called ${$id}`);
    named[$id] = plain;
    return { $ref: `#/components/schemas/${$id}` };
  }

  function mapNested(node: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(node).map(([keyword, value]) => {
        if (nested.includes(keyword) && isObject(value)) return [keyword, translate(value)];
        if (nestedLists.includes(keyword)) return [keyword, (value as unknown[]).map(translate)];
        if (nestedMaps.includes(keyword))
          return [
            keyword,
            Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, translate(one)])),
          ];
        return [keyword, value];
      }),
    );
  }

  return { translate, named };
}

function withFormat(node: Record<string, unknown>): JsonSchema {
  const format = formats[String(node['format'])];
  if (!format || !Object.hasOwn(formats, String(node['format']))) return node;
  const { format: _ours, ...rest } = node;
  const description = [rest['description'], format['description']].filter(Boolean).join(' ');
  return { ...rest, ...format, ...(description && { description }) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
