import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { temporaryEmbedded } from '../embedded-postgres/embedded.ts';
import { Child, type ChildOptions } from './child-process.ts';

export type HarnessOptions = Readonly<{
  /** Where product processes write their CPU profiles; null for none. */
  profileDir: string | null;
}>;

/**
 * What one scenario runs on: a temporary folder, a new durable PostgreSQL, and processes. `end()` stops and removes all
 * of it in reverse order, whether the scenario finished or not.
 */
export class Harness {
  readonly profileDir: string | null;
  /** The data directory of the product, shared by its processes: it makes them one installation. */
  readonly dataDir: string;
  readonly secretKey = randomBytes(24).toString('base64url');
  readonly #directory: string;
  readonly #undo: (() => Promise<unknown>)[] = [];
  #ended: Promise<void> | null = null;

  constructor({ profileDir }: HarnessOptions) {
    this.profileDir = profileDir;
    this.#directory = mkdtempSync(join(tmpdir(), 'despatch-bench-'));
    this.dataDir = join(this.#directory, 'data');
    mkdirSync(this.dataDir);
  }

  /** A new durable PostgreSQL, and a connection for the benchmark itself. */
  async openDatabase(): Promise<{ url: string; dataPath: string; client: pg.Client }> {
    const { url, dataPath } = await this.startDatabase();
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    this.onEnd(() => client.end());
    await client.connect();
    return { url, dataPath, client };
  }

  /** Only PostgreSQL, which restarts by itself when it is killed. `dataPath`: its data directory. */
  async startDatabase(): Promise<{ url: string; dataPath: string }> {
    const starting = temporaryEmbedded({ durable: true });
    // Registered before it has started: an interrupt meanwhile must not leave it behind.
    this.onEnd(async () => (await starting).stop());
    const { url, dataDir } = await starting;
    return { url, dataPath: join(dataDir, 'postgres') };
  }

  startChild(options: Omit<ChildOptions, 'logFile'>): Child {
    this.#refuseEnded();
    const child = new Child({ ...options, logFile: join(this.#directory, `${options.name}.log`) });
    this.onEnd(() => child.stop());
    return child;
  }

  /** Registers something that the scenario wants undone at the end. */
  onEnd(undo: () => Promise<unknown>): void {
    this.#refuseEnded();
    this.#undo.push(undo);
  }

  #refuseEnded(): void {
    if (this.#ended) throw new Error('The run was ended.');
  }

  end(): Promise<void> {
    this.#ended ??= this.#cleanUp();
    return this.#ended;
  }

  async #cleanUp(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse())
      await undo().catch((error: unknown) => console.error('Something could not be cleaned up:', error));
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/**
 * Runs `work` on a harness of its own and cleans up afterwards. If an interrupt ends the run, the process exits with
 * 130.
 */
export async function withHarness<T>(
  options: HarnessOptions,
  work: (harness: Harness) => Promise<T>,
): Promise<T> {
  const harness = new Harness(options);
  let interrupted = false;
  const interrupt = () => {
    if (interrupted) return;
    interrupted = true;
    console.error('Interrupted: cleaning up.');
    void harness.end().then(() => process.exit(130));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(harness);
  } catch (error) {
    // Errors caused by the clean-up are not reported; the process is about to exit.
    if (interrupted) await new Promise(() => {});
    throw error;
  } finally {
    await harness.end();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/**
 * Runs what the command line asks for and sets the exit code: the result of `run`, 1 if it throws, or 2 with a sentence
 * if the command line is wrong. `readPlan` throws an error whose message is that sentence.
 */
export async function runCommand<Plan extends object>(
  help: string,
  readPlan: (args: readonly string[]) => Plan | 'help',
  run: (plan: Plan) => Promise<number>,
): Promise<void> {
  let plan: Plan | 'help';
  try {
    plan = readPlan(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
  if (plan === 'help') {
    console.log(help);
    return;
  }
  try {
    process.exitCode = await run(plan);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
