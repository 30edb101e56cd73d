import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { variables } from '../src/config/config.ts';
import { residentPeak } from './memory.ts';

export type ChildOptions = Readonly<{
  name: string;
  /** What comes after `node`: its own options, the file, the arguments. */
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Everything the process writes goes here: a pipe would cost the one who reads it. */
  logFile: string;
}>;

const root = fileURLToPath(new URL('..', import.meta.url));
const stopMilliseconds = 15_000;

/** Settings of the product are the scenario's to choose, not those of the shell that a run is started from. */
const productSettings = new Set<string>(Object.values(variables).flatMap(({ names }) => names));

/** A process that a run has started, on the Node.js that the run itself uses. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<void>;
  readonly #killAtExit = () => void this.#process.kill('SIGKILL');
  #stopping = false;

  constructor({ name, args, environment, logFile }: ChildOptions) {
    this.name = name;
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    const inherited = Object.entries(process.env).filter(([key]) => !productSettings.has(key));
    this.#process = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', log, log],
      env: { ...Object.fromEntries(inherited), ...environment },
    });
    closeSync(log);
    process.on('exit', this.#killAtExit);
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = () => {
      process.off('exit', this.#killAtExit);
      resolve();
    };
    this.#process.once('exit', ended);
    this.#process.once('error', ended);
    this.#exited = promise;
  }

  get running(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && !this.#process.signalCode;
  }

  /** What `pattern` finds in the log, as soon as it does. Throws with the end of the log when the process ends first. */
  async logged(pattern: RegExp, milliseconds = 60_000): Promise<RegExpExecArray> {
    const patience = AbortSignal.timeout(milliseconds);
    for (;;) {
      const { running } = this;
      const found = pattern.exec(readFileSync(this.#logFile, 'utf8'));
      if (found) return found;
      if (this.#stopping) throw new Error(`The ${this.name} process was stopped before it was ready.`);
      if (!running || patience.aborted)
        throw new Error(
          `The ${this.name} process ${running ? 'did not get ready' : 'ended'}. Its last lines:\n${this.lastLines()}`,
        );
      await sleep(30);
    }
  }

  lastLines(count = 15): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }

  /** The most memory the process has held so far, in bytes; null where the system does not say. */
  get residentPeak(): number | null {
    return this.running ? residentPeak(this.#process.pid!) : null;
  }

  /** Ends it with SIGKILL, as a machine that is lost would. */
  async kill(): Promise<void> {
    this.#stopping = true;
    if (this.running) this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to stop, and ends it when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.running) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), stopMilliseconds);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** A sentence for each process that ended although nobody had asked it to, with the last it said. */
export function unexpectedEnds(children: readonly Child[]): string[] {
  return children
    .filter(({ running }) => !running)
    .map((child) => `The ${child.name} process ended by itself. Its last lines:\n${child.lastLines()}`);
}
