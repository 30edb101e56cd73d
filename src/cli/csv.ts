import { createReadStream, statSync } from 'node:fs';
import { readConfig } from '../config/config.ts';
import { type CheckedRow, type CsvTemplate, checkCsv, readRows } from '../content/recipient/csv/check.ts';
import { type CsvForm, type Survey, surveyCsv } from '../content/recipient/csv/file.ts';
import { csvProblemText, maxCsvBytes } from '../content/recipient/csv/record.ts';
import { reportCsv } from '../content/recipient/csv/report.ts';
import { type Rates, readRates } from '../content/recipient/international-rates.ts';
import { parsePhoneNumber } from '../content/recipient/phone-number.ts';
import { emailBody, emailSubject } from '../content/template/email.ts';
import { personalisationOf } from '../content/template/personalisation.ts';
import { emailRows, smsRows } from '../content/template/recipient-rows.ts';
import { type CompiledSms, renderSms } from '../content/template/sms.ts';
import type { Content } from '../content/template/template.ts';
import { ConfigError } from '../ground/problem.ts';
import { cannotRead, faultIn } from '../ground/text.ts';
import { readCommand } from './arguments.ts';
import { readFileOf, readTemplate, readType } from './template-file.ts';

/** How many messages are rendered. */
const previewRows = 3;

/**
 * `despatch csv check file.csv --type sms --template t.md [--subject …] [--prefix …] [--international] [--json]`:
 * checks a file as an upload would, and prints its columns, errors and cost, and the first messages. Needs no database.
 * Exit code 1 if the file could not be sent.
 */
export async function csv([action, ...args]: readonly string[]): Promise<void> {
  if (action !== 'check') throw new ConfigError('`despatch csv` has one action: check.');
  const { options, plain } = readCommand(
    args,
    ['type', 'template', 'subject', 'prefix'],
    ['international', 'json'],
    1,
  );
  const [path] = plain;
  if (path === undefined) throw new ConfigError('`despatch csv check` needs the path of a file.');
  const type = readType(options['type']);
  const compiled = readTemplate(type, readFileOf('template', options['template']), options['subject']);
  const template = compiled.type === 'sms' ? smsRows(compiled.sms) : emailRows(compiled.email);
  const expected = [type === 'sms' ? 'phone number' : 'email address', ...template.placeholders];

  const bytes = await readFileToLimit(path);
  const survey = await surveyCsv(sourceOf(bytes), { expected });
  if (!survey.ok) {
    console.error(problemOf(survey, bytes, path));
    process.exitCode = 1;
    return;
  }
  const international = options['international'] !== undefined;
  const rates = readRates(readConfig(process.env).delivery.smsRatesFile);
  const check = await checkCsv(sourceOf(bytes), survey.form, template, {
    permissions: { international, ukLandlines: false },
    ...(!international && { remainingInternational: 0 }),
    rates,
  });
  const report = reportCsv(check);
  if (options['json'] !== undefined) console.log(JSON.stringify(report, null, 2));
  else {
    printReport(report);
    if (compiled.type === 'sms')
      await printCost(bytes, survey.form, template, compiled.sms, options['prefix'] ?? null, rates);
    printPreview(check.initialRows, compiled);
  }
  if (!report.valid) process.exitCode = 1;
}

function onOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** The bytes of a file or pipe, of which a pipe can be read only once; of a file that is too large, one too many. */
async function readFileToLimit(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(path, { end: maxCsvBytes })) chunks.push(chunk as Buffer);
  } catch (cause) {
    throw cannotRead(path, cause);
  }
  return Buffer.concat(chunks);
}

async function* sourceOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** The text that an upload would get, and what to do where that does not say it. */
function problemOf(survey: Extract<Survey, { ok: false }>, bytes: Buffer, path: string): string {
  const { problem } = survey;
  const { size } = statSync(path);
  const text = csvProblemText(problem, size > maxCsvBytes ? { ...survey, bytes: size } : survey);
  if (problem === 'damaged-text') return `${text}. As UTF-8, ${faultIn(bytes)}. Save it as CSV in UTF-8.`;
  if (problem !== 'not-text') return `${text}.`;
  if (bytes.subarray(0, 2).toString() === 'PK')
    return `${text}. It looks like a workbook: save it as CSV in UTF-8.`;
  return `${text}. It is damaged or in an unknown encoding: as UTF-8, ${faultIn(bytes)}. Save it as CSV in UTF-8.`;
}

function printReport(report: ReturnType<typeof reportCsv>): void {
  const { notificationCount, columns, errors, errorCount, duplicateCount, valid } = report;
  const messages = notificationCount === 1 ? 'message' : 'messages';
  console.log(`${notificationCount} ${messages}; columns: ${columns.map(onOneLine).join(', ')}`);
  for (const { row, column, message } of errors) {
    const where = [
      row === null ? 'file' : `row ${row}`,
      ...(column === null ? [] : [onOneLine(column)]),
    ].join(', ');
    console.log(`  ${where}: ${message}`);
  }
  if (errorCount > errors.length) console.log(`  and ${errorCount - errors.length} more errors`);
  if (duplicateCount > 0) console.log(`${duplicateCount} rows repeat the recipient of an earlier row`);
  console.log(valid ? 'The file can be sent.' : 'The file cannot be sent as it is.');
}

/**
 * Prints the fragments and cost units of all rows with a valid number: one unit per fragment in the UK (spec 06,
 * section 3.5).
 */
async function printCost(
  bytes: Buffer,
  form: CsvForm,
  template: CsvTemplate,
  sms: CompiledSms,
  prefix: string | null,
  rates: Rates,
): Promise<void> {
  let fragments = 0;
  let units = 0;
  for await (const { recipient, personalisation } of readRows(sourceOf(bytes), form, template)) {
    const number = typeof recipient === 'string' ? parsePhoneNumber(recipient, rates) : null;
    if (!number?.ok) continue;
    const needed = renderSms(sms, personalisationOf(Object.fromEntries(personalisation)), prefix).fragments;
    fragments += needed;
    units += needed * (number.phoneNumber.rateMultiplier ?? 1);
  }
  console.log(
    `${fragments} fragment${fragments === 1 ? '' : 's'}, ${units} cost unit${units === 1 ? '' : 's'}`,
  );
}

/** Prints the first messages as they would be sent. */
function printPreview(rows: readonly CheckedRow[], compiled: Content): void {
  for (const { index, recipient, personalisation } of rows.slice(0, previewRows)) {
    const values = personalisationOf(Object.fromEntries(personalisation));
    const text =
      compiled.type === 'sms'
        ? renderSms(compiled.sms, values).text
        : `${emailSubject(compiled.email, values)}\n${emailBody(compiled.email, values)}`;
    console.log(
      `\nrow ${index + 2} to ${typeof recipient === 'string' ? recipient : 'nobody'}:\n${text.replace(/^/gm, '  ')}`,
    );
  }
}
