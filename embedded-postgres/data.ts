/** The data directory of the embedded server: created completely or not at all, and checked for its version. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readTextFile } from '../src/ground/text.ts';
import { type Binaries, environment } from './binaries.ts';

/**
 * The password of the only database user, stored with mode 0600 in the data directory; created the first time.
 *
 * @throws if there is data but no password
 */
export function keepPassword(dataDir: string, dataPath: string): string {
  const file = join(dataDir, 'postgres-password');
  if (!existsSync(file)) {
    if (existsSync(dataPath))
      throw new Error(
        `The password of the database in ${dataPath} is gone: put back ${file}, ` +
          `or move ${dataPath} away to start with an empty database.`,
      );
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, randomBytes(24).toString('hex'), { mode: 0o600, flush: true });
    try {
      linkSync(draft, file); // unlike a rename, never replaces the file of another process
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  return readTextFile(file).trim();
}

/**
 * Creates the data directory the first time and checks it later. The caller holds the lock of `dataDir`.
 *
 * @throws with a sentence that says what to do if initdb fails, or if the data belongs to another major version or user
 */
export async function prepareData(
  dataDir: string,
  dataPath: string,
  password: string,
  binaries: Binaries,
  durable: boolean,
): Promise<void> {
  // Left by a killed initdb.
  for (const name of readdirSync(dataDir).filter((each) => each.startsWith('postgres.new-')))
    rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  if (!existsSync(dataPath)) await createData(dataDir, dataPath, password, binaries, durable);
  const { uid } = statSync(dataPath);
  const { owner } = binaries.account;
  if (owner && uid !== owner.uid) giveTo(dataPath, owner);
  else if (!owner && process.getuid && uid !== process.getuid())
    throw new Error(
      `${dataPath} belongs to user ${uid}, and Despatch runs as user ${process.getuid()}: start it as that ` +
        'user or as root, or give the directory to this user with chown -R.',
    );
  const created = readVersion(dataPath);
  if (created === undefined)
    throw new Error(
      `${dataPath} is not a PostgreSQL data directory (it has no PG_VERSION): put back its files from a backup, ` +
        'or move it away to start with an empty database.',
    );
  const major = binaries.version.split('.')[0];
  if (created !== major)
    throw new Error(
      `${dataPath} was created by PostgreSQL ${created}, but this Despatch includes PostgreSQL ${major}. To keep the ` +
        'data, start the Despatch release that created it, save it with pg_dump, move the directory away, ' +
        'start this release and load it with psql; or set DATABASE_URL to a server that has the data.',
    );
}

function readVersion(dataPath: string): string | undefined {
  try {
    return readFileSync(join(dataPath, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function createData(
  dataDir: string,
  dataPath: string,
  password: string,
  binaries: Binaries,
  durable: boolean,
): Promise<void> {
  // Created next to its final place, so that the last step is a rename: a kill at any moment leaves no partial
  // directory.
  const draft = mkdtempSync(join(dataDir, 'postgres.new-'));
  try {
    const data = join(draft, 'data');
    const passwordFile = join(draft, 'password');
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const { owner } = binaries.account;
    if (owner) giveTo(draft, owner);
    await runInitdb(binaries, [
      `--pgdata=${data}`,
      '--username=despatch',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ]);
    renameSync(data, dataPath);
    // A power cut must not undo the rename: the next start would remove the data under its old name.
    if (durable && process.platform !== 'win32') syncDirectory(dataDir);
  } finally {
    rmSync(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

function runInitdb(binaries: Binaries, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const [file, rest] = binaries.command('initdb', args);
    const child = spawn(file, rest, {
      ...binaries.account.ids,
      cwd: '/',
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => {
        output += text;
      });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      const tail = output.trim().split('\n').slice(-8).join('\n');
      reject(
        new Error(
          `PostgreSQL could not create its data directory (initdb ended with ${signal ?? code}). Nothing is left ` +
            `behind; fix the problem below (a full disk, missing permissions) and start again:\n${tail}`,
        ),
      );
    });
  });
}

function giveTo(path: string, owner: { uid: number; gid: number }): void {
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(path, name), owner.uid, owner.gid);
  lchownSync(path, owner.uid, owner.gid); // last, so that an interrupted chown is noticed and repeated
}

function syncDirectory(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
