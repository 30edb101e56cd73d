import { type CompiledEmail, emailBody, measureEmail, renderEmail } from '../content/template/email.ts';
import { type Personalisation, personalisationOf } from '../content/template/personalisation.ts';
import { additionalKeys, missingPlaceholders } from '../content/template/placeholder.ts';
import { type CompiledSms, maxSmsCharacters, renderSms } from '../content/template/sms.ts';
import { compileContent, placeholdersIn } from '../content/template/template.ts';
import type { NotificationType } from '../database/tables.ts';
import { parseLossless } from '../ground/json.ts';
import { ConfigError } from '../ground/problem.ts';
import { readTextFile } from '../ground/text.ts';
import { readOptions } from './arguments.ts';

/** The text of the file named by an option. Throws a ConfigError if it cannot be read or is not UTF-8. */
export function readFileOf(option: string, path: string | undefined): string {
  if (path === undefined) throw new ConfigError(`--${option} is missing: give the path of a file.`);
  return readTextFile(path, `--${option}`);
}

/** The message type of `--type`. Throws a ConfigError for any other. */
export function readType(given: string | undefined): NotificationType {
  if (given === 'sms' || given === 'email') return given;
  throw new ConfigError('--type must be sms or email.');
}

/** Parses a template file. An email's subject is its first line, `Subject: …`, unless `subject` is given. */
export function readTemplate(type: NotificationType, text: string, subject: string | undefined) {
  const first = type === 'email' ? /^Subject:[ \t]*(.*)\r?\n(?:\r?\n)?/i.exec(text) : null;
  const content = first && subject === undefined ? text.slice(first[0].length) : text;
  return compileContent(type, subject ?? first?.[1] ?? '', content);
}

/**
 * `despatch template render --file t.md --type email [--subject …] [--data d.json] [--prefix name] [--html]`: prints
 * what would be sent, its size and its cost. Needs no database. Exit code 1 if the message could not be sent.
 */
export function template([action, ...args]: readonly string[]): void {
  if (action !== 'render') throw new ConfigError('`despatch template` has one action: render.');
  const options = readOptions(args, ['file', 'type', 'subject', 'data', 'prefix'], ['html']);
  const type = readType(options['type']);
  const compiled = readTemplate(type, readFileOf('file', options['file']), options['subject']);
  const data = options['data'] === undefined ? {} : readData(options['data']);
  const values = personalisationOf(data);
  const placeholders = placeholdersIn(compiled);
  const faults: string[] = [];
  const missing = missingPlaceholders(placeholders, values);
  if (missing.length > 0) faults.push(`Missing personalisation: ${missing.join(', ')}`);

  if (compiled.type === 'sms') faults.push(...printSms(compiled.sms, values, options['prefix'] ?? null));
  else faults.push(...printEmail(compiled.email, values, options['html'] !== undefined));
  const unused = additionalKeys(placeholders, data);
  if (unused.length > 0) console.error(`Not used by the template: ${unused.join(', ')}`);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

/** Prints a text message and returns the reasons why it cannot be sent. */
function printSms(sms: CompiledSms, values: Personalisation, prefix: string | null): string[] {
  const rendered = renderSms(sms, values, prefix);
  console.log(rendered.text);
  const { characters, encoding, fragments } = rendered;
  const [parts, units] = fragments === 1 ? ['fragment', 'unit'] : ['fragments', 'units'];
  console.log(
    `\n${characters} characters, ${encoding}, ${fragments} ${parts}, ${fragments} cost ${units} within the UK`,
  );
  if (rendered.empty) return ['Your message is empty.'];
  if (rendered.aboveLimit === 0) return [];
  return [
    `Your message is too long. Text messages cannot be longer than ${maxSmsCharacters} characters. Your message is ${rendered.charactersWithoutPrefix} characters long.`,
  ];
}

/** Prints an email and returns the reasons why it cannot be sent. */
function printEmail(email: CompiledEmail, values: Personalisation, asHtml: boolean): string[] {
  const { subject, text, html } = renderEmail(email, values);
  const { bytes, tooLong, empty } = measureEmail(email, values);
  console.log(asHtml ? html : `Subject: ${subject}\n\n${text}`);
  // With --html only the HTML goes to standard output, so that it can be redirected to a file.
  (asHtml ? console.error : console.log)(`\n${bytes} bytes of content, 0 cost units`);
  if (empty || emailBody(email, values) === '') return ['Your message is empty.'];
  return tooLong ? [`Your message is too long: ${bytes} bytes.`] : [];
}

function readData(path: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = parseLossless(readFileOf('data', path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${path} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new ConfigError(`${path} must contain a JSON object from placeholder to value.`);
  return data as Record<string, unknown>;
}
