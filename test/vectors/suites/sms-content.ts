import { personalisationOf } from '../../../src/content/template/personalisation.ts';
import {
  compileSms,
  downgradeToAscii,
  downgradeToSms,
  previewSms,
  renderSms,
  unsupportedCharacters,
} from '../../../src/content/template/sms.ts';
import { plainCases, type Suite } from '../suite.ts';

type Case = {
  op: string;
  content: string;
  values: Readonly<Record<string, unknown>> | null;
  prefix: string | null;
  show_prefix?: boolean;
  input: string;
  expected: unknown;
};

const prefixOf = ({ prefix, show_prefix = true }: Case) => (show_prefix ? prefix : null);

const operations: Record<string, (vector: Case) => unknown> = {
  render: (vector) =>
    renderSms(compileSms(vector.content), personalisationOf(vector.values), prefixOf(vector)).text,
  encode: ({ input }) => ({ sms: downgradeToSms(input), ascii: downgradeToAscii(input) }),
  unsupported_characters: ({ input }) => unsupportedCharacters(input),
  preview_html: (vector) =>
    previewSms(compileSms(vector.content), personalisationOf(vector.values), { prefix: prefixOf(vector) }),
};

export default {
  file: 'sms-content',
  cases: plainCases,
  judge: (raw) => {
    const vector = raw as unknown as Case;
    return { expected: vector.expected, got: operations[vector.op]?.(vector) };
  },
} satisfies Suite;
