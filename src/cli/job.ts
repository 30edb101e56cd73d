import { readFileSync, writeFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { ConfigError } from '../ground/problem.ts';
import { platformUserId } from '../tenant/user/store.ts';
import type { AdminCall } from './admin-call.ts';
import { ask, askAll, type Item, numberIn, refusal, serviceNamed, theOne } from './ask.ts';
import { type Job, summaryOf, watch } from './job-progress.ts';
import type { Action, Given, Noun } from './noun.ts';
import { templateNamed } from './stored-template.ts';

/** What is wrong with a file, as the API shows it. */
type Upload = Readonly<{
  id: string;
  valid: boolean;
  notification_count: number;
  error_count: number;
  errors: readonly Readonly<{ row: number; column: string | null; message: string }>[];
  summary?: readonly string[];
}>;

async function pathOf(call: AdminCall, { options }: Given): Promise<string> {
  return `/service/${(await serviceNamed(call, options['service']!)).id}`;
}

async function jobNamed(call: AdminCall, given: Given): Promise<{ path: string; job: Job }> {
  const base = await pathOf(call, given);
  const text = given.plain[0]!;
  const { status, body } = await call('GET', `${base}/job/${encodeURIComponent(text)}`);
  const job =
    status === 200
      ? (body as { data: Job }).data
      : (theOne('job', text, await askAll(call, `${base}/job?name=${encodeURIComponent(text)}`), (one) => [
          one['original_file_name'],
        ]) as unknown as Job);
  return { path: `${base}/job/${job.id}`, job };
}

/** An action that the API does at once. */
function steer(action: string, summary: string): Action {
  return {
    usage: '<job> --service <service>',
    summary,
    async run(call, given) {
      const { path } = await jobNamed(call, given);
      return { data: (await ask(call, 'POST', `${path}/${action}`)).data };
    },
  };
}

/** Throws a ConfigError that names the first faults. */
function refuseFaulty({ valid, notification_count: rows, error_count: count, errors }: Upload): void {
  if (valid) return;
  const lines = errors.map(({ row, column, message }) =>
    column === null ? `row ${row}: ${message}` : `row ${row}, ${column}: ${message}`,
  );
  const more = count > errors.length ? [`and ${count - errors.length} more`] : [];
  throw new ConfigError(
    [`Nothing was sent: the file is not right (${rows} rows).`, ...lines, ...more].join('\n'),
  );
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

/** Where the rows that failed are written. */
function failedNameOf(fileName: string): string {
  return `${basename(fileName, extname(fileName))}-failed.csv`;
}

/** Waits for the last message of a job, and keeps the rows that failed as a file. */
async function waitFor(call: AdminCall, path: string, fileName: string): Promise<string> {
  const job = await watch(call, path);
  const { text, failed } = summaryOf(job);
  if (failed === 0) return text;
  process.exitCode = 1;
  const name = failedNameOf(fileName);
  await download(call, `${path}/csv?status=failed`, name);
  return `${text}\nThe rows that failed are in ${name}.`;
}

async function download(call: AdminCall, path: string, file: string): Promise<void> {
  const { status, body } = await call('GET', path);
  if (status >= 400) throw new ConfigError(refusal(status, body));
  writeFileSync(file, String(body));
}

/** Files of recipients (spec 04, section 6). */
export const noun: Noun = {
  name: 'job',
  summary: 'files of recipients, and what became of their messages',
  columns: [
    'id',
    'original_file_name',
    'job_status',
    'rows_done',
    'rows_total',
    'scheduled_for',
    'created_at',
  ],
  actions: {
    list: {
      usage: '--service <service> [--search <part of the file name>]',
      summary: 'Lists the jobs of a service, those begun last first.',
      async run(call, given) {
        const search = given.options['search'];
        const query = search === undefined ? '' : `?name=${encodeURIComponent(search)}`;
        return { data: await askAll(call, `${await pathOf(call, given)}/job${query}`) };
      },
    },
    show: {
      usage: '<job> --service <service> [--watch]',
      summary: 'Shows a job and its messages by status; with --watch until the last one has ended.',
      async run(call, given) {
        const { path, job } = await jobNamed(call, given);
        const now = given.options['watch'] ? await watch(call, path) : job;
        return { data: now, text: summaryOf(now).text };
      },
    },
    send: {
      usage: '<file> --service <service> --template <template> [--at <time>] [--hold <seconds>] [--watch]',
      summary:
        'Checks a file (CSV, TSV, XLSX, ODS) and sends to everybody in it; with --watch it waits for the last message, and exits with 1 if one failed.',
      async run(call, given) {
        const { options, plain } = given;
        const bytes = readFile(plain[0]!);
        const base = await pathOf(call, given);
        const { template } = await templateNamed(call, { ...given, plain: [options['template']!] });
        const name = basename(plain[0]!);
        const query = new URLSearchParams({ template_id: template.id, file_name: name });
        const { data: upload } = await ask<{ data: Upload }>(call, 'POST', `${base}/upload?${query}`, bytes);
        refuseFaulty(upload);
        const { data } = await ask<{ data: Item }>(call, 'POST', `${base}/job`, {
          ...{ id: upload.id, created_by: platformUserId },
          ...(options['at'] !== undefined && { scheduled_for: options['at'] }),
          ...(options['hold'] !== undefined && { hold_seconds: numberIn(options['hold']) }),
        });
        if (!options['watch']) return { data, text: summaryOf(data as unknown as Job).text };
        const path = `${base}/job/${data.id}`;
        const text = await waitFor(call, path, name);
        return { data: (await ask(call, 'GET', path)).data, text };
      },
    },
    download: {
      usage: '<job> --service <service> --to <file> [--failed]',
      summary: 'Writes what became of each row to a CSV file; with --failed only of those that failed.',
      async run(call, given) {
        const { path, job } = await jobNamed(call, given);
        const { to, failed } = given.options;
        await download(call, `${path}/csv${failed ? '?status=failed' : ''}`, to!);
        return { data: { job: job.id, file: to }, text: `Written to ${to}.` };
      },
    },
    pause: steer('pause', 'Holds up a job: what is not handed over waits until `resume`.'),
    resume: steer('resume', 'Goes on with a job that was paused.'),
    stop: steer(
      'stop',
      'Ends a job: what is not handed over is not sent, and the answer says how many were.',
    ),
    cancel: steer('cancel', 'Cancels a job that is scheduled.'),
  },
};
