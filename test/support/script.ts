import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a script of the repository as a user would. Stops it if the test ends first. */
export async function runScript(t: TestContext, script: string, ...args: string[]) {
  const child = spawn(process.execPath, [script, ...args], { cwd: root });
  t.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  let output = '';
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output, complaints };
}
