import {
  isYes,
  normaliseKey,
  normaliseKeys,
  personalisationOf,
  valueText,
} from '../../../src/content/template/personalisation.ts';
import {
  additionalKeys,
  missingPlaceholders,
  parsePlaceholder,
  parseText,
  placeholdersOf,
  substitute,
} from '../../../src/content/template/placeholder.ts';
import { type Judgement, plainCases, type Suite } from '../suite.ts';

type Values = Readonly<Record<string, unknown>> | null;
type Case = {
  op: string;
  content: string;
  subject?: string | null;
  values: Values;
  body: string;
  value: unknown;
  key: string;
  field: 'html' | 'plain' | 'both';
  html?: 'escape' | 'passthrough';
  redact?: boolean;
  with_brackets?: boolean;
  markdown_lists?: boolean;
  expected: unknown;
};

const operations: Record<string, (vector: Case) => unknown> = {
  extract: ({ content }) => parseText(content).placeholders,
  str2bool: ({ value }) => isYes(valueText(value)),
  placeholder_name: ({ body }) => parsePlaceholder(withoutBrackets(body)).name,
  is_conditional: ({ body }) => parsePlaceholder(withoutBrackets(body)).text !== null,
  conditional_text: ({ body }) => parsePlaceholder(withoutBrackets(body)).text,
  conditional_body: ({ body, value }) =>
    substitute(parseText(`((${body}))`), personalisationOf({ [parsePlaceholder(body).name]: value }), {
      field: 'plain',
      html: 'passthrough',
      lists: 'sentence',
    }),
  template: ({ subject, content, values }) => {
    const placeholders = placeholdersOf(...[subject, content].map((text) => parseText(text ?? '')));
    return {
      placeholders,
      missing: missingPlaceholders(placeholders, personalisationOf(values)),
      additional: additionalKeys(placeholders, values ?? {}),
    };
  },
  key_lookup: ({ values, key }) => normaliseKeys(values ?? {}).has(normaliseKey(key)),
  normalised_keys: ({ values }) => Object.fromEntries(normaliseKeys(values ?? {})),
};

function render(vector: Case): Judgement[] {
  const fields = vector.field === 'both' ? (['html', 'plain'] as const) : [vector.field];
  return fields.map((field) => ({
    part: field,
    expected: vector.expected,
    got: substitute(parseText(vector.content), personalisationOf(vector.values), {
      field,
      html: vector.html ?? 'escape',
      lists: vector.markdown_lists ? 'markdown' : 'sentence',
      redact: vector.redact ?? false,
      brackets: vector.with_brackets ?? true,
    }),
  }));
}

/** Some cases have the whole placeholder, others only the text inside its brackets. */
function withoutBrackets(body: string): string {
  return body.replace(/^\(\(/, '').replace(/\)\)$/, '');
}

export default {
  file: 'placeholders',
  cases: plainCases,
  judge: (raw) => {
    const vector = raw as unknown as Case;
    if (vector.op === 'render') return render(vector);
    return { expected: vector.expected, got: operations[vector.op]?.(vector) };
  },
} satisfies Suite;
