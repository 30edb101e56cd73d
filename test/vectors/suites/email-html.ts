import {
  compileEmail,
  emailHtmlBody,
  emailPreheader,
  emailTitle,
} from '../../../src/content/template/email.ts';
import { parseMarkdown } from '../../../src/content/template/markdown/document.ts';
import { renderHtml } from '../../../src/content/template/markdown/html.ts';
import { personalisationOf } from '../../../src/content/template/personalisation.ts';
import { plainCases, type Suite } from '../suite.ts';

type Case = {
  op: string;
  input?: string;
  subject?: string;
  content?: string;
  values?: Record<string, unknown>;
  unsubscribe_link?: string;
};

function got(vector: Case): string {
  const template = compileEmail(vector.subject ?? '', vector.content ?? '');
  const values = personalisationOf(vector.values);
  switch (vector.op) {
    case 'markdown':
      return renderHtml(parseMarkdown(vector.input!));
    case 'template':
      return emailHtmlBody(template, values, { unsubscribeLink: vector.unsubscribe_link });
    case 'subject':
      return emailTitle(template, values);
    case 'preheader':
      return emailPreheader(template, values);
    default:
      throw new Error(`No such operation: ${vector.op}`);
  }
}

export default {
  file: 'email-html',
  cases: plainCases,
  judge: (vector) => ({
    expected: vector['expected'],
    // As the file says, its expectations have no style attributes.
    got: got(vector as unknown as Case).replace(/\s+style="[^"]*"/g, ''),
  }),
} satisfies Suite;
