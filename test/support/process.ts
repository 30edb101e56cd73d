import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** A process of the product, started as users start it. */
export type ProductProcess = {
  child: ChildProcess;
  /** Everything it has printed. */
  output: string[];
  /** Base URL of its API or sandbox, as printed. */
  url(kind: 'API' | 'Inbox'): string;
  kill(signal: NodeJS.Signals): Promise<void>;
};

/** The part of our environment that speeds up the start of a process (scripts/test.ts). */
export const compileCache: Readonly<Record<string, string>> = process.env['NODE_COMPILE_CACHE']
  ? { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] }
  : {};

/** The command as users run it; `node` is the one that runs the tests. */
const despatch = join(import.meta.dirname, '../../bin/despatch');
const path = [dirname(process.execPath), process.env['PATH']].join(delimiter);

/** Runs `despatch start …` and resolves when it is ready. */
export async function startProcess(
  args: readonly string[],
  environment: Record<string, string>,
): Promise<ProductProcess> {
  const child = spawn(despatch, ['start', ...args], {
    env: { PATH: path, ...compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const started = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream! }).on('line', (line) => {
        output.push(line);
        if (line.startsWith('Despatch is running')) setImmediate(resolve);
      });
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}:\n${output.join('\n')}`)));
  });
  await started;
  return {
    child,
    output,
    url(kind) {
      const line = output.find((text) => text.startsWith(`  ${kind} `));
      if (!line) throw new Error(`No ${kind} in the output:\n${output.join('\n')}`);
      return /https?:\S+/.exec(line)![0];
    },
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    },
  };
}

/** Starts a command, such as `keys rotate`. `ended`: its exit code, null if it was killed, and all that it wrote. */
export function startCommand(args: readonly string[], environment: Record<string, string>) {
  const child = spawn(despatch, [...args], {
    env: { PATH: path, ...compileCache, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, out, err }));
  return {
    ended,
    async kill(signal: NodeJS.Signals) {
      child.kill(signal);
      await ended;
    },
  };
}

/** Runs a command, such as `doctor --json`, to its end. */
export async function runCommand(args: readonly string[], environment: Record<string, string>) {
  return await startCommand(args, environment).ended;
}
