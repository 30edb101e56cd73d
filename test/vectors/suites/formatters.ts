import { clean } from '../../../src/content/recipient/characters.ts';
import { renderHtml } from '../../../src/content/template/markdown/html.ts';
import { parseMarkdown } from '../../../src/content/template/markdown/parse.ts';
import { renderPlainText } from '../../../src/content/template/markdown/plain-text.ts';
import { sanitiseText } from '../../../src/content/template/sanitise.ts';
import { autolink } from '../../../src/content/template/text/autolink.ts';
import { decodeReferences, escapeHtml } from '../../../src/content/template/text/escape.ts';
import {
  breakGovUk,
  enDashes,
  smartQuotes,
  stripUnsupported,
} from '../../../src/content/template/text/typography.ts';
import { normaliseWhiteSpace, trimBeforePunctuation } from '../../../src/content/template/text/whitespace.ts';
import {
  emailLocalPart,
  fileSize,
  formattedList,
  htmlId,
  trimInvisible,
} from '../../../src/content/template/text/wording.ts';
import { plainCases, type Suite } from '../suite.ts';

type Options = Record<string, unknown>;

const onText: Record<string, (text: string) => string> = {
  unlink_govuk_escaped: breakGovUk,
  escape_html: escapeHtml,
  remove_whitespace_before_punctuation: trimBeforePunctuation,
  make_quotes_smart: smartQuotes,
  replace_hyphens_with_en_dashes: enDashes,
  strip_all_whitespace: trimInvisible,
  strip_and_remove_obscure_whitespace: clean,
  strip_unsupported_characters: stripUnsupported,
  normalise_whitespace: normaliseWhiteSpace,
  make_string_safe_for_email_local_part: emailLocalPart,
  make_string_safe_for_id: htmlId,
};

const others: Record<string, (input: never, options: Options) => unknown> = {
  formatted_list: (items: unknown[], options) =>
    formattedList(items, {
      ...rename(options, 'conjunction', 'conjunction'),
      ...rename(options, 'before_each', 'beforeEach'),
      ...rename(options, 'after_each', 'afterEach'),
      ...rename(options, 'separator', 'separator'),
      ...rename(options, 'prefix', 'prefix'),
      ...rename(options, 'prefix_plural', 'prefixPlural'),
      ...rename(options, 'max_items_shown', 'maxItems'),
      ...rename(options, 'word_for_items_not_shown', 'wordForOthers'),
    }),
  autolink_urls: (text: string, { classes }) => autolink(text, { classes: classes as string }),
  format_file_size: (bytes: number) => fileSize(bytes),
  take_chain: (text: string, { steps }) => (steps as string[]).reduce(applyStep, text),
  sanitise_personalisation_item: (value: string) => {
    const sanitised = sanitiseText(value);
    return {
      sanitised,
      plain_after_markdown_trimmed: decodeReferences(renderPlainText(parseMarkdown(sanitised))).trim(),
      html_after_markdown: renderHtml(parseMarkdown(escapeHtml(sanitised))).replace(/\s+style="[^"]*"/g, ''),
    };
  },
};

function rename(options: Options, from: string, to: string): Options {
  return options[from] === undefined ? {} : { [to]: options[from] };
}

/** The steps of `take_chain`, which the product has no function for: it composes functions directly. */
function applyStep(text: string, step: string): string {
  if (step === 'upper-case') return text.toUpperCase();
  const [, verb, argument] = /^(append|prefix with) '?(.*?)'?$/.exec(step) ?? [];
  if (verb === undefined) throw new Error(`No such step: ${step}`);
  return verb === 'append' ? text + argument : `${argument}${text}`;
}

export default {
  file: 'formatters',
  cases: plainCases,
  judge: (vector) => {
    const name = vector['fn'] as string;
    const run = onText[name] ?? others[name];
    if (!run) throw new Error(`No such function: ${name}`);
    return {
      expected: vector['expected'],
      got: run(vector['input'] as never, (vector['options'] ?? {}) as Options),
    };
  },
} satisfies Suite;
