/**
 * A template as the check of recipient files needs it (spec 03, section 4.4): its placeholders, and whether the values
 * of a row make a message that cannot be sent.
 */
import type { CsvTemplate } from '../recipient/csv/check.ts';
import type { CellValue } from '../recipient/csv/row.ts';
import { mayBeEmpty } from './email.ts';
import type { Personalisation } from './personalisation.ts';
import { modes, type ParsedText, placeholdersOf, substitute } from './placeholder.ts';
import { type CompiledSms, renderSms } from './sms.ts';
import { trim } from './text/whitespace.ts';

/** A text message: too long above 918 characters, empty with none; the service's prefix does not count. */
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

/** An email: its length is not checked here; it is empty as spec 02, section 5.5, says. */
export function emailRows(email: {
  readonly subject: ParsedText;
  readonly content: ParsedText;
}): CsvTemplate {
  const canBeEmpty = mayBeEmpty(email.content);
  return {
    type: 'email',
    placeholders: placeholdersOf(email.subject, email.content),
    judge: (values) => {
      if (!canBeEmpty) return null;
      return trim(substitute(email.content, valuesOf(values), modes.emailBody)) === '' ? 'empty' : null;
    },
  };
}

/** Not `empty` even without columns: a placeholder that the row leaves missing counts as its own text. */
function valuesOf(values: ReadonlyMap<string, CellValue>): Personalisation {
  const get = (key: string) => values.get(key);
  return { empty: false, get, getEscaped: get };
}
