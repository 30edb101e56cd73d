/**
 * A template as the checking of files of recipients needs it (spec 03 section 4.4): its placeholders, and whether
 * the values of a row make a message that cannot be sent.
 */
import type { CsvTemplate } from '../recipient/csv/check.ts';
import type { CellValue } from '../recipient/csv/row.ts';
import type { Personalisation } from './personalisation.ts';
import { modes, type ParsedText, placeholdersOf, substitute } from './placeholder.ts';
import { type CompiledSms, renderSms } from './sms.ts';
import { trim } from './whitespace.ts';

/** A text message: too long beyond 918 characters, empty with none, both without the service's prefix. */
export function smsRows(sms: CompiledSms): CsvTemplate {
  return {
    type: 'sms',
    placeholders: sms.placeholders,
    judge: (values) => {
      const { empty, aboveLimit } = renderSms(sms, valuesOf(values));
      if (empty) return 'empty';
      return aboveLimit > 0 ? 'too-long' : null;
    },
  };
}

/**
 * An email: its length is not checked here (spec 03 section 4.4), and it is empty only when its content is, or is
 * placeholders from end to end that come to nothing (spec 02 section 5.5).
 */
export function emailRows(email: {
  readonly subject: ParsedText;
  readonly content: ParsedText;
}): CsvTemplate {
  const { content } = email.content;
  const canBeEmpty = content === '' || (content.startsWith('((') && content.endsWith('))'));
  return {
    type: 'email',
    placeholders: placeholdersOf(email.subject, email.content),
    judge: (values) => {
      if (!canBeEmpty) return null;
      return trim(substitute(email.content, valuesOf(values), modes.emailBody)) === '' ? 'empty' : null;
    },
  };
}

/** Never empty: a row is values given, so a placeholder without a column counts as its own text. */
function valuesOf(values: ReadonlyMap<string, CellValue>): Personalisation {
  const get = (key: string) => values.get(key);
  return { empty: false, get, getEscaped: get };
}
