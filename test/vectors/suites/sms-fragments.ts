import { personalisationOf } from '../../../src/content/template/personalisation.ts';
import { compileSms, type RenderedSms, renderSms } from '../../../src/content/template/sms.ts';
import { plainCases, type Suite } from '../suite.ts';

type Parts = readonly (readonly [string, number])[];
type Case = {
  op: string;
  content?: string;
  content_parts?: Parts;
  prefix?: string | null;
  prefix_parts?: Parts;
  values?: Readonly<Record<string, unknown>> | null;
  text: string;
  expected: unknown;
};

function joined(text: string | null | undefined, parts: Parts | undefined): string | null {
  return parts ? parts.map(([part, times]) => part.repeat(times)).join('') : (text ?? null);
}

function rendered(vector: Case, values: Case['values']): RenderedSms {
  const sms = compileSms(joined(vector.content, vector.content_parts) ?? '');
  return renderSms(sms, personalisationOf(values), joined(vector.prefix, vector.prefix_parts));
}

function counts(vector: Case): { without_values: number; with_values: number } {
  return {
    without_values: rendered(vector, null).characters,
    with_values: rendered(vector, vector.values).characters,
  };
}

const operations: Record<string, (vector: Case) => unknown> = {
  content_count: counts,
  content_count_prefix: counts,
  utf16_length: ({ text }) => text.length,
  fragments: (vector) => {
    const { fragments, abovePreviousBoundary, characters } = rendered(vector, null);
    return {
      fragment_count: fragments,
      above_previous_boundary: abovePreviousBoundary,
      content_count: characters,
    };
  },
  non_gsm_characters: (vector) => rendered(vector, vector.values).unicodeLetters,
  is_empty: (vector) => rendered(vector, vector.values).empty,
  too_long: (vector) => {
    const { aboveLimit } = rendered(vector, vector.values);
    return { too_long: aboveLimit > 0, above_limit: aboveLimit };
  },
};

export default {
  file: 'sms-fragments',
  cases: plainCases,
  judge: (raw) => {
    const vector = raw as unknown as Case;
    return { expected: vector.expected, got: operations[vector.op]?.(vector) };
  },
} satisfies Suite;
