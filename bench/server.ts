import type pg from 'pg';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import type { Child } from './child-process.ts';
import type { Harness } from './harness.ts';

export type ServerOptions = Readonly<{
  /** In messages and files; the roles unless given. Has to be new for each process on the harness. */
  name?: string;
  databaseUrl: string;
  /** As `despatch start --roles` takes them. */
  roles: string;
  /** Settings that differ from the product's defaults. */
  environment?: Readonly<Record<string, string>>;
}>;

/** `url`: of the API, empty for a process without that role. */
export type Server = Readonly<{ child: Child; url: string }>;

/** Starts a process of the product on the harness and waits until it runs. */
export async function startServer(
  harness: Harness,
  { databaseUrl, roles, name = roles.replaceAll(',', '-'), environment = {} }: ServerOptions,
): Promise<Server> {
  const profile = harness.profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${harness.profileDir}`];
  const child = harness.startChild({
    name,
    args: [...profile, 'src/main.ts', 'start', '--roles', roles],
    environment: {
      DATABASE_URL: databaseUrl,
      SECRET_KEY: harness.secretKey,
      DESPATCH_DATA_DIR: harness.dataDir,
      PORT: '0',
      ...environment,
    },
  });
  await child.logged(/^Despatch is running/m);
  const hasApi = roles.split(',').includes('api');
  return { child, url: hasApi ? (await child.logged(/^\s*API\s+(http:\S+)$/m))[1]! : '' };
}

/** The key and the templates that the benchmark sends with: those of the demo service of a new installation. */
export type Account = Readonly<{ key: string; templates: Readonly<{ sms: string; email: string }> }>;

/**
 * The account, with limits that no run can reach: they are checked all the same (spec 06, section 10). Throws when the
 * installation on the harness has no service that can send both types.
 */
export async function openAccount(harness: Harness, client: pg.Client): Promise<Account> {
  await client.query(
    `update services set rate_limit = 12000000, sms_limit = 2000000000, email_limit = 2000000000`,
  );
  await client.query(`select pg_notify('despatch_changed', 'service:' || id) from services`);
  return readAccount(harness);
}

function readAccount(harness: Harness): Account {
  const service = readCredentials(harness.dataDir)?.services[0];
  const { sms, email } = service?.templates ?? {};
  const key = service?.keys.normal;
  if (!key || !sms || !email) throw new Error('The new installation has no demo service to send with.');
  return { key, templates: { sms, email } };
}
