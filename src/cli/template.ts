import { type CompiledEmail, emailBody, measureEmail, renderEmail } from '../content/template/email.ts';
import { type Personalisation, personalisationOf } from '../content/template/personalisation.ts';
import { additionalKeys, missingPlaceholders } from '../content/template/placeholder.ts';
import { type CompiledSms, maxSmsCharacters, renderSms } from '../content/template/sms.ts';
import { placeholdersIn } from '../content/template/template.ts';
import { parseLossless } from '../ground/json.ts';
import { ConfigError } from '../ground/problem.ts';
import { readOptions } from './arguments.ts';
import { readFileOf, readTemplate, readType } from './template-file.ts';

/** `despatch template …`: of a file, which needs no database, or of those in the database. */
export async function template(args: readonly string[]): Promise<void> {
  if (args[0] === 'render') return render(args.slice(1));
  const { noun } = await import('./stored-template.ts');
  await (await import('./noun.ts')).runNoun(noun, args);
}

/**
 * `despatch template render --file t.md --type email [--subject …] [--data d.json] [--prefix name] [--html]`: prints
 * what would be sent, its size and its cost. Needs no database. Exit code 1 if the message could not be sent.
 */
function render(args: readonly string[]): void {
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
