import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db } from '../database/connection.ts';
import { type Cipher, CipherError } from '../ground/cipher.ts';
import { ConfigError } from '../ground/problem.ts';
import { readTextFile } from '../ground/text.ts';
import { pasteableKey } from '../tenant/key/key.ts';
import { findKeys } from '../tenant/key/store.ts';
import { defaultSender } from '../tenant/service/service.ts';
import { findService } from '../tenant/service/store.ts';

/** The content of `credentials.json` in the data directory. */
export type Credentials = {
  api: string;
  admin: Readonly<{ issuer: string; secret: string }>;
  services: {
    id: string;
    name: string;
    keys: Partial<Record<'normal' | 'team' | 'test', string>>;
    templates: Partial<Record<'sms' | 'email', string>>;
    senders: { sms: string | null; email: string | null };
  }[];
};

/**
 * The demo service's credentials, for people and programs on this machine, with keys in the form that clients use.
 * Other services' keys are never written to a file.
 */
export async function collectCredentials(
  db: Db,
  cipher: Cipher,
  api: string,
  admin: Credentials['admin'],
): Promise<Credentials> {
  const rows = await db
    .selectFrom('services')
    .select(['id', 'name'])
    .where('demo', '=', true)
    .orderBy('created_at')
    .execute();
  const services: Credentials['services'] = [];
  for (const { id, name } of rows) {
    const keys: Credentials['services'][number]['keys'] = {};
    for (const key of await findKeys(db, cipher, id))
      if (key.expiresAt === null) keys[key.keyType] ??= pasteableKey(key);
    const templates: Credentials['services'][number]['templates'] = {};
    const found = await db
      .selectFrom('templates')
      .select(['id', 'template_type'])
      .where('service_id', '=', id)
      .where('archived', '=', false)
      .orderBy('created_at')
      .orderBy('id')
      .limit(100)
      .execute();
    for (const template of found) templates[template.template_type] ??= template.id;
    const service = await findService(db, id);
    const senders = {
      sms: defaultSender(service?.smsSenders ?? [])?.id ?? null,
      email: defaultSender(service?.emailReplyTos ?? [])?.id ?? null,
    };
    services.push({ id, name, keys, templates, senders });
  }
  return { api, admin, services };
}

/**
 * Throws a ConfigError if SECRET_KEY does not decrypt the stored secrets: such a process could not send any
 * stored message, so it must not start.
 */
export async function checkSecretKey(db: Db, cipher: Cipher): Promise<void> {
  const row = await db
    .selectFrom('api_keys')
    .select(['id', 'secret'])
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (!row) return;
  try {
    cipher.open(row.secret, row.id);
  } catch (cause) {
    if (!(cause instanceof CipherError)) throw cause;
    throw new ConfigError(
      'SECRET_KEY (or DANGEROUS_SALT) is not the one this database was written with: its keys and messages cannot be read. Set the old one, or put it into the list after the new one.',
      { cause },
    );
  }
}

/** Replaces the file atomically; only its owner can read it. Returns its path. */
export function writeCredentials(dataDir: string, credentials: Credentials): string {
  const path = join(dataDir, 'credentials.json');
  mkdirSync(dataDir, { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
  return path;
}

/**
 * null if there is no file: no server has been started with this data directory. Throws a ConfigError if somebody has
 * damaged it.
 */
export function readCredentials(dataDir: string): Credentials | null {
  const path = join(dataDir, 'credentials.json');
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readTextFile(path)) as Credentials;
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${path} is not JSON. Start the server: it writes the file anew.`, { cause });
  }
}

/**
 * A random secret that is generated once and kept in the data directory; only its owner can read it. Processes
 * that start at the same time all get the same one.
 */
export function keptSecret(dataDir: string, name: string): string {
  const path = join(dataDir, name);
  mkdirSync(dataDir, { recursive: true });
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
    try {
      // Unlike a rename, a link does not replace the file of another process.
      linkSync(draft, path);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  chmodSync(path, 0o600);
  return readTextFile(path).trim();
}
