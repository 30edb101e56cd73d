import { escapeHtml } from './escape.ts';
import { linkAddresses } from './link.ts';
import type { Personalisation } from './personalisation.ts';
import { type Mode, modes, substitute } from './placeholder.ts';
import type { CompiledSms } from './sms.ts';
import { downgradeToSms } from './sms-alphabet.ts';
import { normaliseLines, squeezeNewlines, trim, trimBeforePunctuation } from './whitespace.ts';

export type SmsPreviewOptions = {
  /** The service's name where the message would begin with it. */
  readonly prefix?: string | null;
  /** Show characters as typed instead of as they will be sent. */
  readonly keepCharacters?: boolean;
  /** Show `hidden` for a missing value (spec 02 section 1.6). */
  readonly redact?: boolean;
};

/**
 * The body of a text message as HTML for a web page (spec 02 section 4.8): escaped, `<br>` for line breaks, links
 * around addresses. The element around it should carry `dir="auto"`. Never throws.
 */
export function previewSms(
  sms: CompiledSms,
  personalisation: Personalisation,
  { prefix = null, keepCharacters = false, redact = false }: SmsPreviewOptions = {},
): string {
  const mode: Mode = redact ? { ...modes.smsPreview, redact } : modes.smsPreview;
  const heading = prefix === null ? '' : trim(escapeHtml(prefix));
  const body = substitute(sms.text, personalisation, mode);
  const punctuated = trimBeforePunctuation(heading === '' ? body : `${heading}: ${body}`);
  const shown = keepCharacters ? punctuated : downgradeToSms(punctuated);
  return linkAddresses(cleanLines(shown).replaceAll('\n', '<br>'));
}

/** The same in short for a list of messages: no prefix, links or `<br>`, and missing values always hidden. */
export function previewSmsLine(sms: CompiledSms, personalisation: Personalisation): string {
  return cleanLines(
    trimBeforePunctuation(downgradeToSms(substitute(sms.text, personalisation, modes.smsLine))),
  );
}

function cleanLines(text: string): string {
  return trim(squeezeNewlines(normaliseLines(text)));
}
