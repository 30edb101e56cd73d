import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { passwordFault } from '../ground/password-rules.ts';
import { ConfigError } from '../ground/problem.ts';

/**
 * A password that somebody chooses, which is never an argument, where other people of the machine would see it: asked
 * for twice on the terminal, or the first line of standard input. Throws a ConfigError if nobody should have it.
 */
export async function readPassword(fromInput: boolean): Promise<string> {
  const password = fromInput ? firstLine(await readAll(process.stdin)) : await askTwice();
  const fault = await passwordFault(password);
  if (fault) throw new ConfigError(fault);
  return password;
}

function firstLine(text: string): string {
  return text.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0]!;
}

async function askTwice(): Promise<string> {
  if (!process.stdin.isTTY)
    throw new ConfigError(
      'There is no terminal to ask for the password: give --password-stdin, and the password on standard input.',
    );
  // Nothing of what is typed is shown.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  // In its raw mode the terminal sends no signal.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const ask = async (what: string) => {
      process.stderr.write(`${what}: `);
      const line = await lines.question('');
      process.stderr.write('\n');
      return line;
    };
    const password = await ask('Password');
    if ((await ask('The same again')) !== password) throw new ConfigError('The two passwords differ.');
    return password;
  } finally {
    lines.close();
  }
}
