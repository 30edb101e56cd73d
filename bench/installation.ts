import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type pg from 'pg';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import { addTemplate } from '../src/content/template/store.ts';
import type { Db } from '../src/database/connection.ts';
import type { Cipher } from '../src/ground/cipher.ts';
import { pasteableKey } from '../src/tenant/key/key.ts';
import { addKey } from '../src/tenant/key/store.ts';
import { addService, addSmsSender } from '../src/tenant/service/store.ts';
import type { Child } from './child-process.ts';
import type { Harness } from './harness.ts';
import { startProvider } from './sandbox-client.ts';
import type { Figure } from './scenario.ts';

export type ServerOptions = Readonly<{
  /** Used in messages and file names; default: the roles. Must be unique on the harness. */
  name?: string;
  databaseUrl: string;
  /** As `despatch start --roles` takes them. */
  roles: string;
  /** Settings that differ from the product's defaults. */
  environment?: Readonly<Record<string, string>>;
  /** The checkout of the product; default: this one. */
  root?: string;
}>;

/** `url`: of the API; empty for a process without that role. */
export type Server = Readonly<{ child: Child; url: string }>;

/** Starts a process of the product, as `npm start` does, and waits until it is ready. */
export async function startServer(
  harness: Harness,
  { databaseUrl, roles, name = roles.replaceAll(',', '-'), environment = {}, root = '' }: ServerOptions,
): Promise<Server> {
  const { profileDir } = harness;
  const child = harness.startChild({
    name,
    command: join(root, 'bin/despatch'),
    args: ['start', '--roles', roles],
    environment: {
      SANDBOX: '1',
      DATABASE_URL: databaseUrl,
      SECRET_KEY: harness.secretKey,
      DESPATCH_DATA_DIR: harness.dataDir,
      PORT: '0',
      ...(profileDir !== null && { NODE_OPTIONS: `--cpu-prof "--cpu-prof-dir=${profileDir}"` }),
      ...environment,
    },
  });
  try {
    await child.logged(/^Despatch is running/m);
  } catch (error) {
    // One that is only slow would keep its port from the next.
    await child.kill();
    throw error;
  }
  const hasApi = roles.split(',').includes('api');
  return { child, url: hasApi ? (await child.logged(/^\s*API\s+(http:\S+)$/m))[1]! : '' };
}

/** A key and templates to send with. */
export type Account = Readonly<{ key: string; templates: Readonly<{ sms: string; email: string }> }>;

/**
 * The demo service's account, with limits that no run can reach; they are checked all the same (spec 06, section 10).
 *
 * @throws if the installation has no service that can send both types
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

/**
 * A provider, one API and one worker on a database of their own; the worker sends through that provider. `memory`: of
 * API and worker so far.
 */
export async function openInstallation(harness: Harness) {
  const { url: databaseUrl, client } = await harness.openDatabase();
  const provider = await startProvider(harness);
  const api = await startServer(harness, { databaseUrl, roles: 'api' });
  const worker = await startServer(harness, {
    databaseUrl,
    roles: 'worker,scheduler',
    environment: { SANDBOX_URL: provider.client.url, API_HOST_NAME: api.url },
  });
  return { databaseUrl, client, provider, api, worker, memory: watchMemory(harness, { api, worker }) };
}

const memoryLookMilliseconds = 200;

/**
 * Looks at the memory of both processes from now on. The result has the peak of each, and the most that both had at one
 * moment: as a container holding both is charged, the files that they share count once. Where the system does not say
 * so much, the sum of the peaks.
 */
export function watchMemory(
  harness: Harness,
  servers: Readonly<{ api: Server; worker: Server }>,
): () => Figure[] {
  const children = [servers.api.child, servers.worker.child] as const;
  let most = 0;
  const look = () => {
    const [api, worker] = children.map(({ resident }) => resident);
    if (api && worker) most = Math.max(most, api.own + worker.own + Math.max(api.files, worker.files));
  };
  const timer = setInterval(look, memoryLookMilliseconds);
  harness.onEnd(async () => clearInterval(timer));
  return () => {
    look();
    const [api, worker] = children.map(({ residentPeak }) => residentPeak ?? Number.NaN) as [number, number];
    const figure = (key: string, meaning: string, bytes: number) =>
      ({ key, meaning, value: bytes / 2 ** 20, unit: 'MiB' }) as const;
    return [
      figure('api_memory_mib', 'most memory of the API', api),
      figure('worker_memory_mib', 'most memory of the worker', worker),
      {
        ...figure('memory_mib', 'most memory of both at one moment, shared files once', most || api + worker),
        target: { under: 512 },
      },
    ];
  };
}

/** Adds another service with limits that no run can reach. */
export async function addTenant(db: Db, cipher: Cipher): Promise<Account> {
  const id = randomUUID();
  const name = `Tide Office ${id.slice(0, 8)}`;
  await addService(db, {
    ...{ id, name, restricted: false, prefixSms: true, permissions: ['sms', 'email'] },
    emailFrom: `tide.office.${id.slice(0, 8)}`,
    rateLimit: 12_000_000,
    limits: { sms: 2_000_000_000, email: 2_000_000_000 },
  });
  await addSmsSender(db, id, { id: randomUUID(), text: 'TIDES', isDefault: true });
  const templates = { sms: randomUUID(), email: randomUUID() };
  for (const type of ['sms', 'email'] as const)
    await addTemplate(db, {
      ...{ id: templates[type], serviceId: id, type, name: 'Tide' },
      subject: type === 'email' ? '((title))' : null,
      content: 'Hello ((name)), ((title)) until ((date)).',
    });
  const key = {
    id: randomUUID(),
    serviceId: id,
    name: 'bench',
    keyType: 'normal',
    secret: randomUUID(),
  } as const;
  await addKey(db, cipher, key);
  return { key: pasteableKey(key), templates };
}
