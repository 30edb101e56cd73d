import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { temporaryEmbedded } from '../embedded-postgres/embedded.ts';
import { Child, type ChildOptions } from './child-process.ts';

export type HarnessOptions = Readonly<{
  /** Where product processes write their CPU profiles; null: none is taken. */
  profileDir: string | null;
}>;

/**
 * What one scenario runs on: a temporary folder, a new and durable PostgreSQL, and processes. `end()` stops and
 * removes all of it, in the reverse order of its making, whether the scenario came to its end or not.
 */
export class Harness {
  readonly profileDir: string | null;
  /** Of the product, shared by its processes: that is how they are one installation. */
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

  /** A new PostgreSQL that writes to the disk what it says it has written, and a connection of the benchmark's own. */
  async openDatabase(): Promise<{ url: string; client: pg.Client }> {
    const { url } = await this.startDatabase();
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    this.onEnd(() => client.end());
    await client.connect();
    return { url, client };
  }

  /** The PostgreSQL alone; it starts again by itself when it is killed. `dataPath`: its data directory. */
  async startDatabase(): Promise<{ url: string; dataPath: string }> {
    const starting = temporaryEmbedded({ durable: true });
    // Noted before it has started: an interrupt meanwhile must not leave it behind.
    this.onEnd(async () => (await starting).stop());
    const { url, dataDir } = await starting;
    return { url, dataPath: join(dataDir, 'postgres') };
  }

  startChild({ name, args, environment }: Omit<ChildOptions, 'logFile'>): Child {
    this.#refuseEnded();
    const child = new Child({ name, args, environment, logFile: join(this.#directory, `${name}.log`) });
    this.onEnd(() => child.stop());
    return child;
  }

  /** Has something of the scenario's own undone at the end. */
  onEnd(undo: () => Promise<unknown>): void {
    this.#refuseEnded();
    this.#undo.push(undo);
  }

  #refuseEnded(): void {
    if (this.#ended) throw new Error('The run was ended.');
  }

  end(): Promise<void> {
    this.#ended ??= this.#clear();
    return this.#ended;
  }

  async #clear(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse())
      await undo().catch((error: unknown) => console.error('Something could not be cleared away:', error));
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/**
 * Runs `work` on a harness of its own and clears that away afterwards, also when an interrupt ends the run: then the
 * process ends with 130.
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
    console.error('Interrupted: clearing away.');
    void harness.end().then(() => process.exit(130));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(harness);
  } catch (error) {
    // What breaks because it is being cleared away is no news; the process is about to end.
    if (interrupted) await new Promise(() => {});
    throw error;
  } finally {
    await harness.end();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
