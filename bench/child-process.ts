import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { settings } from '../src/config/config.ts';

export type ChildOptions = Readonly<{
  name: string;
  /** What is run; Node.js, of the run itself, if nothing is given. */
  command?: string;
  /** What follows the command; for `node` its own options, the file and its arguments. */
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Receives all output of the process; reading a pipe would cost us time. */
  logFile: string;
}>;

const root = fileURLToPath(new URL('..', import.meta.url));
const stopMilliseconds = 40_000;

/** The scenario chooses the settings of the product; those of the current shell are not passed on. */
const productSettings = new Set<string>(settings.flatMap(({ names }) => names));

// Each child has one until it ends, and more than ten is no leak.
process.setMaxListeners(50);

/** A process started by a run, on the same Node.js as the run itself. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<void>;
  readonly #killAtExit = () => void this.#process.kill('SIGKILL');
  #stopping = false;

  constructor({ name, command = process.execPath, args, environment, logFile }: ChildOptions) {
    this.name = name;
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    const inherited = Object.entries(process.env).filter(([key]) => !productSettings.has(key));
    const path = [dirname(process.execPath), process.env['PATH']].join(delimiter);
    this.#process = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', log, log],
      env: { ...Object.fromEntries(inherited), PATH: path, ...environment },
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

  /**
   * Waits until `pattern` matches the log and returns the match.
   *
   * @throws with the end of the log if the process ends first
   */
  async logged(pattern: RegExp, milliseconds = 60_000): Promise<RegExpExecArray> {
    const patience = AbortSignal.timeout(milliseconds);
    for (;;) {
      const { running } = this;
      const found = pattern.exec(readFileSync(this.#logFile, 'utf8'));
      if (found) return found;
      if (this.#stopping) throw new Error(`The ${this.name} process was stopped before it was ready.`);
      if (!running || patience.aborted)
        throw new Error(
          `The ${this.name} process ${running ? 'did not become ready' : 'ended'}. Its last lines:\n${this.lastLines()}`,
        );
      await sleep(30);
    }
  }

  /** The lines of its log that match. */
  linesWith(pattern: RegExp): string[] {
    return readFileSync(this.#logFile, 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line));
  }

  lastLines(count = 15): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }

  /** The peak memory of the process so far, in bytes; null if the system does not report it. */
  get residentPeak(): number | null {
    return this.running ? residentPeak(this.#process.pid!) : null;
  }

  /** What the process has in memory now; null if the system does not report it. */
  get resident(): Resident | null {
    return this.running ? residentOf(this.#process.pid!) : null;
  }

  /** The processor time of the process so far; null if the system does not report it. */
  get processorSeconds(): number | null {
    return this.running ? processorSeconds(this.#process.pid!) : null;
  }

  /** Of that, what the kernel took. */
  get kernelSeconds(): number | null {
    return this.running ? processorSeconds(this.#process.pid!, 'kernel') : null;
  }

  /** Kills it with SIGKILL, as the loss of its machine would. */
  async kill(): Promise<void> {
    this.#stopping = true;
    if (this.running) this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to stop, and kills it if it does not. Returns whether it stopped by itself and without an error. */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    if (this.running) {
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), stopMilliseconds);
      await this.#exited;
      clearTimeout(timer);
    }
    return this.#process.exitCode === 0;
  }
}

/** A sentence for each process that ended without being asked to, with its last lines. */
export function unexpectedEnds(children: readonly Child[]): string[] {
  return children
    .filter(({ running }) => !running)
    .map((child) => `The ${child.name} process ended by itself. Its last lines:\n${child.lastLines()}`);
}

/**
 * The peak memory of a process, in bytes, as Linux records it; elsewhere its present memory according to `ps`; null if
 * neither is available.
 */
function residentPeak(pid: number): number | null {
  const kilobytes = fromKernel(pid) ?? fromPs(pid);
  return kilobytes === null ? null : kilobytes * 1024;
}

function fromKernel(pid: number): number | null {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Number(found[1]) : null;
  } catch {
    return null;
  }
}

function fromPs(pid: number): number | null {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  const kilobytes = Number.parseInt(stdout ?? '', 10);
  return Number.isNaN(kilobytes) ? null : kilobytes;
}

/** In bytes. `files`: pages of files, such as the program itself, which processes share that have the same files. */
export type Resident = Readonly<{ own: number; files: number }>;

/** As Linux accounts for it, within a few pages; null elsewhere. */
function residentOf(pid: number): Resident | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024;
    const own = bytes('RssAnon') + bytes('RssShmem');
    return Number.isNaN(own) ? null : { own, files: bytes('RssFile') };
  } catch {
    return null;
  }
}

/** Processor time of the program and of the kernel for it, or of the kernel alone. */
type Part = 'all' | 'kernel';

/** Of all its threads. Linux counts in hundredths of a second. */
export function processorSeconds(pid: number, part: Part = 'all'): number | null {
  const fields = statOf(pid);
  return fields && ((part === 'all' ? Number(fields[11]) : 0) + Number(fields[12])) / 100;
}

/** The processor time of a process and all its children, those that have ended too; null if the system does not report it. */
export function familySeconds(pid: number, part: Part = 'all'): number | null {
  const fields = statOf(pid);
  if (!fields) return null;
  const ended = ((part === 'all' ? Number(fields[13]) : 0) + Number(fields[14])) / 100;
  const children = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && Number(statOf(Number(name))?.[1]) === pid,
  );
  return [pid, ...children.map(Number)].reduce((sum, one) => sum + (processorSeconds(one, part) ?? 0), ended);
}

/** What Linux says of a process, from its state on (proc(5), from field 3); null if it does not. */
function statOf(pid: number): readonly string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  } catch {
    return null;
  }
}
