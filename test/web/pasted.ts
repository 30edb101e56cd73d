import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

/** Runs what a page says to paste into a terminal; returns what it printed. */
export async function pasted(code: string): Promise<string> {
  const shell = spawn('bash', ['-c', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  shell.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  const status = await new Promise((resolve) => shell.on('close', resolve));
  assert.equal(status, 0);
  return printed;
}
