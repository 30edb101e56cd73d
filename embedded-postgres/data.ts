/** The data directory of the embedded server: made whole or not at all, and of the right version. */
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
import { type Binaries, environment } from './binaries.ts';

/**
 * The password of the one database user, kept with mode 0600 in the data directory; made at first. Throws when
 * there is data but no password.
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
      linkSync(draft, file); // unlike a rename it never replaces what another process made meanwhile
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  return readFileSync(file, 'utf8').trim();
}

/**
 * Makes the data directory at first, checks it later. The caller holds the lock of `dataDir`. Throws a sentence
 * that says what to do when initdb fails, or the data are of another major version, or of another user.
 */
export async function prepareData(
  dataDir: string,
  dataPath: string,
  password: string,
  binaries: Binaries,
  durable: boolean,
): Promise<void> {
  // What a killed initdb left.
  for (const name of readdirSync(dataDir).filter((each) => each.startsWith('postgres.new-')))
    rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  if (!existsSync(dataPath)) await makeData(dataDir, dataPath, password, binaries, durable);
  const { uid } = statSync(dataPath);
  const { owner } = binaries.account;
  if (owner && uid !== owner.uid) giveTo(dataPath, owner);
  else if (!owner && process.getuid && uid !== process.getuid())
    throw new Error(
      `${dataPath} belongs to user ${uid}, and Despatch runs as user ${process.getuid()}: start it as that ` +
        'user or as root, or give the directory to this user with chown -R.',
    );
  const made = readVersion(dataPath);
  if (made === undefined)
    throw new Error(
      `${dataPath} is not a PostgreSQL data directory (it has no PG_VERSION): put back its files from a backup, ` +
        'or move it away to start with an empty database.',
    );
  const major = binaries.version.split('.')[0];
  if (made !== major)
    throw new Error(
      `${dataPath} was made by PostgreSQL ${made}, and this Despatch brings PostgreSQL ${major}. To keep the ` +
        'data, start the Despatch release that made them, save them with pg_dump, move the directory away, ' +
        'start this release and load them with psql; or set DATABASE_URL to a server that has them.',
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

async function makeData(
  dataDir: string,
  dataPath: string,
  password: string,
  binaries: Binaries,
  durable: boolean,
): Promise<void> {
  // Beside its final place, so that the last step is one rename: a kill at any moment leaves no half directory.
  const workshop = mkdtempSync(join(dataDir, 'postgres.new-'));
  try {
    const data = join(workshop, 'data');
    const passwordFile = join(workshop, 'password');
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const { owner } = binaries.account;
    if (owner) giveTo(workshop, owner);
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
    // The rename must not be lost in a power cut either: the next start removes what is left under the old name.
    if (durable && process.platform !== 'win32') syncDirectory(dataDir);
  } finally {
    rmSync(workshop, { recursive: true, force: true, maxRetries: 5 });
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
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => {
        said += text;
      });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      const tail = said.trim().split('\n').slice(-8).join('\n');
      reject(
        new Error(
          `PostgreSQL could not make its data directory (initdb ended with ${signal ?? code}). Nothing is left ` +
            `behind; put right what it says (a full disk, missing rights) and start again:\n${tail}`,
        ),
      );
    });
  });
}

function giveTo(path: string, owner: { uid: number; gid: number }): void {
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(path, name), owner.uid, owner.gid);
  lchownSync(path, owner.uid, owner.gid); // last: a chown that was cut short is seen and done again
}

function syncDirectory(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
