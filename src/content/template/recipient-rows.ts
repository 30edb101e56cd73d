/**
 * A template as the check of recipient files needs it (spec 03, section 4.4): its placeholders, and whether the values
 * of a row make a message that cannot be sent.
 */
import type { CsvTemplate } from '../recipient/csv/check.ts';
import type { CellValue } from '../recipient/csv/row.ts';
import { mayBeEmpty } from './email.ts';
import type { Personalisation } from './personalisation.ts';
import { filledLength, modes, type ParsedText, placeholdersOf, substitute } from './placeholder.ts';
import { type CompiledSms, renderSms } from './sms.ts';
import { trim } from './text/whitespace.ts';

/** UTF-16 units of a text message that is too long whatever is taken away from it: rendering them would take long. */
const farTooLong = 50_000;

/** How long the message of a row is. */
export type RowMessage = Readonly<{
  /** In characters: of a text as it is sent, with its prefix; of an email with its subject, as they are filled in. */
  length: number;
  /** Of a text that is not far too long, else 0. */
  fragments: number;
}>;

/**
 * A text message: too long above 918 characters, empty with none; the service's prefix does not count. `seen` is called
 * with each message as it is sent, with `prefix`.
 */
export function smsRows(
  sms: CompiledSms,
  prefix: string | null = null,
  seen: (message: RowMessage) => void = () => undefined,
): CsvTemplate {
  return {
    type: 'sms',
    placeholders: sms.placeholders,
    judge: (row) => {
      const values = valuesOf(row);
      const length = filledLength(sms.text, values);
      if (length > farTooLong) {
        seen({ length, fragments: 0 });
        return 'too-long';
      }
      const { characters, fragments, empty, aboveLimit } = renderSms(sms, values, prefix);
      seen({ length: characters, fragments });
      if (empty) return 'empty';
      if (aboveLimit === 0) return null;
      // Behind a prefix, white space at the start of the text stays.
      return prefix === null || renderSms(sms, values).aboveLimit > 0 ? 'too-long' : null;
    },
  };
}

/** An email: its length is not checked here; it is empty as spec 02, section 5.5, says. */
export function emailRows(
  email: { readonly subject: ParsedText; readonly content: ParsedText },
  seen: (message: RowMessage) => void = () => undefined,
): CsvTemplate {
  const canBeEmpty = mayBeEmpty(email.content);
  return {
    type: 'email',
    placeholders: placeholdersOf(email.subject, email.content),
    judge: (row) => {
      const values = valuesOf(row);
      const length = filledLength(email.subject, values) + filledLength(email.content, values);
      seen({ length, fragments: 0 });
      if (!canBeEmpty) return null;
      return trim(substitute(email.content, values, modes.emailBody)) === '' ? 'empty' : null;
    },
  };
}

/** Not `empty` even without columns: a placeholder that the row leaves missing counts as its own text. */
function valuesOf(values: ReadonlyMap<string, CellValue>): Personalisation {
  const get = (key: string) => values.get(key);
  return { empty: false, get, getEscaped: get };
}
