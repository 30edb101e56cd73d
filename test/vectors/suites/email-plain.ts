import {
  compileEmail,
  emailPlainText,
  emailSubject,
  measureEmail,
} from '../../../src/content/template/email.ts';
import { parseMarkdown } from '../../../src/content/template/markdown/parse.ts';
import { renderPlainText } from '../../../src/content/template/markdown/plain-text.ts';
import { personalisationOf } from '../../../src/content/template/personalisation.ts';
import { plainCases, type Suite } from '../suite.ts';

type Case = {
  op: string;
  input?: string;
  subject?: string;
  content?: string;
  content_parts?: [string, number][];
  values?: Record<string, unknown>;
  unsubscribe_link?: string;
  expected: unknown;
};

function got(vector: Case): unknown {
  const content = vector.content ?? vector.content_parts?.map(([text, times]) => text.repeat(times)).join('');
  const template = compileEmail(vector.subject ?? '', content ?? '');
  const values = personalisationOf(vector.values);
  const measure = () => measureEmail(template, values);
  switch (vector.op) {
    case 'markdown':
      return renderPlainText(parseMarkdown(vector.input!));
    case 'template':
      return emailPlainText(template, values, { unsubscribeLink: vector.unsubscribe_link });
    case 'subject':
      return emailSubject(template, values);
    case 'content_count':
      return measure().characters;
    case 'is_empty':
      return measure().empty;
    case 'size':
      return { bytes: measure().bytes, too_long: measure().tooLong };
    default:
      throw new Error(`No such operation: ${vector.op}`);
  }
}

export default {
  file: 'email-plain',
  cases: plainCases,
  judge: (vector) => ({ expected: vector['expected'], got: got(vector as unknown as Case) }),
} satisfies Suite;
