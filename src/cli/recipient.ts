import { createWriteStream, rmSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { finished } from 'node:stream/promises';
import { ConfigError } from '../ground/problem.ts';
import type { LocalApi } from '../process/local-api.ts';
import { type Erased, eraseRecipient } from '../upkeep/erase.ts';
import { exportRecipient, type Write } from '../upkeep/export.ts';
import { readPerson } from '../upkeep/person.ts';
import type { Scope } from '../upkeep/store-person.ts';
import { type AdminCall, withAdminCall } from './admin-call.ts';
import { readOptions } from './arguments.ts';
import { serviceNamed } from './ask.ts';

/**
 * `despatch erase`: erases everything personal of a recipient, and prints what and how much, never whom
 * (docs/operations.md, "A person asks").
 */
export async function erase(args: readonly string[]): Promise<void> {
  const options = readOptions(args, ['recipient', 'service'], ['cancel-pending', 'yes', 'json']);
  const person = personIn(options);
  if (options['yes'] === undefined) await confirm(options['service']);
  const cancelPending = options['cancel-pending'] !== undefined;
  const erased = await withAdminCall(async (call, local) =>
    eraseRecipient(local, { ...(await scopeOf(call, person, options)), cancelPending }),
  );
  console.log(options['json'] === undefined ? reportOf(erased) : JSON.stringify(erased, null, 2));
}

/** `despatch export`: writes everything that is kept of a recipient as JSON, for whoever asks what is known of them. */
export async function exportAll(args: readonly string[]): Promise<void> {
  const options = readOptions(args, ['recipient', 'service', 'output']);
  const person = personIn(options);
  await withAdminCall(async (call, local) => {
    const scope = await scopeOf(call, person, options);
    const write = (to: Write) => exportRecipient(exporting(call, local), scope, to);
    await (options['output'] === undefined
      ? write(writeTo(process.stdout))
      : inFile(options['output'], write));
  });
}

const exporting = (call: AdminCall, { db, cipher }: LocalApi) => ({ db, cipher, call });

type Options = Readonly<Record<string, string | undefined>>;

function personIn({ recipient }: Options) {
  if (recipient === undefined)
    throw new ConfigError('--recipient is missing: a phone number or an email address.');
  const person = readPerson(recipient);
  if (!person) throw new ConfigError('--recipient must be a phone number or an email address.');
  return person;
}

async function scopeOf(call: AdminCall, person: Scope['person'], { service }: Options): Promise<Scope> {
  return { person, serviceId: service === undefined ? null : (await serviceNamed(call, service)).id };
}

async function confirm(service: string | undefined): Promise<void> {
  if (!process.stdin.isTTY)
    throw new ConfigError(
      'There is no terminal to confirm it: give --yes, and what is erased is gone for good.',
    );
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const where = service === undefined ? 'all services' : `the service "${service}"`;
    const answer = await lines.question(
      `Everything personal of this recipient in ${where} will be gone for good. Type "erase" to go on: `,
    );
    if (answer.trim() !== 'erase') throw new ConfigError('Nothing was erased.');
  } finally {
    lines.close();
  }
}

const notes: Readonly<Record<string, string>> = {
  messages_still_to_be_sent:
    'not erased: sent to the recipient unless you run it with --cancel-pending. What a provider may have already is never cancelled: run it again later',
  rows_of_files_still_to_be_sent: 'not erased: likewise, or wait for the end of their jobs',
  suppressions: 'kept with the recipient, so that no message goes there again; a service can remove its own',
  people_who_sign_in: 'not erased: people of the platform are ended with `despatch user end`',
  invitations: 'not erased: deleted 30 days after they were last sent',
};

function reportOf({ erased, kept }: Erased): string {
  const words = (name: string) => name.replaceAll('_', ' ');
  const number = (count: number) => count.toLocaleString('en-GB');
  return [
    'Erased:',
    ...Object.entries(erased).map(([name, count]) => `  ${words(name)}: ${number(count)}`),
    'Still there:',
    ...Object.entries(kept).map(
      ([name, count]) => `  ${words(name)}: ${number(count)}${count > 0 ? ` (${notes[name]})` : ''}`,
    ),
    'Not looked for: what messages to other people, templates, references and names of files say of the recipient.',
  ].join('\n');
}

function writeTo(stream: NodeJS.WritableStream): Write {
  return (text) =>
    new Promise((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
}

/** A new file that only its owner reads. Throws a ConfigError if it cannot be written. */
async function inFile(path: string, write: (to: Write) => Promise<void>): Promise<void> {
  const stream = createWriteStream(path, { mode: 0o600, flags: 'wx' });
  let isOurs = false;
  try {
    await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject));
    isOurs = true;
    await write(writeTo(stream));
    stream.end();
    await finished(stream);
  } catch (error) {
    stream.destroy();
    // Half a file looks like the whole one, and is as personal.
    if (isOurs) rmSync(path, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new ConfigError(`${path} exists already: name a file that does not.`);
    if (syscall !== undefined) throw new ConfigError(`${path} could not be written (${code}).`);
    throw error;
  }
}
