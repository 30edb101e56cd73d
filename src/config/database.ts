import { ConfigError } from '../ground/problem.ts';
import { jsonObject, type Reader, setting, text, url, whole } from './setting.ts';

export const database = {
  url: setting(
    ['DATABASE_URL', 'SQLALCHEMY_DATABASE_URI'],
    url(['postgres', 'postgresql']),
    'A PostgreSQL server of your own, 15 or later.',
    'embedded PostgreSQL in the data folder',
  ),
  poolSize: setting('DATABASE_POOL_SIZE', whole(20, 4, 500), 'Maximum database connections of one process.'),
  readPoolSize: setting<number | null>(
    'DATABASE_READ_POOL_SIZE',
    { ...whole(1, 1, 250), fallback: null },
    'Those of them that only requests that read use; sending has the others, at least 4. A service gets half of them.',
    'a quarter of `DATABASE_POOL_SIZE`',
  ),
  waitSeconds: setting(
    'DATABASE_WAIT_SECONDS',
    whole(60, 0, 86_400),
    'How long a start waits for a database that does not answer before it gives up.',
  ),
};

const secretKeys: Reader<readonly string[] | null> = {
  ...{ fallback: null, isSecret: true },
  read(name, given) {
    const keys = given.split(',').map((key) => key.trim());
    if (keys.some((key) => key.length < 16))
      throw new ConfigError(
        `${name} must be one or more secrets of at least 16 characters, separated by commas.`,
      );
    return keys;
  },
};

const clientSecrets = jsonObject(
  null,
  (value): value is readonly string[] =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((entry) => typeof entry === 'string' && entry !== ''),
  'from client name to a list of secrets, such as {"notify-admin": ["…"]}',
);

/** Secrets that encrypt the database and authenticate internal clients. */
export const secrets = {
  keys: setting(
    'SECRET_KEY',
    secretKeys,
    'Secrets for encryption at rest, separated by commas: the first encrypts, all decrypt.',
    'generated and kept in the data folder (embedded database only)',
  ),
  salt: setting(
    'DANGEROUS_SALT',
    { ...text('despatch'), isSecret: true },
    'Salt for the keys derived from SECRET_KEY.',
  ),
  clients: setting(
    'INTERNAL_CLIENT_API_KEYS',
    { ...clientSecrets, isSecret: true },
    'Secrets of internal clients: a JSON object from client name to a list of secrets.',
    'generated and kept in the data folder',
  ),
  adminUserName: setting(
    'ADMIN_CLIENT_USER_NAME',
    text('notify-admin'),
    'Name of the internal client that may use the admin API.',
  ),
  adminSecret: setting(
    'ADMIN_CLIENT_SECRET',
    { ...text(null), isSecret: true },
    'Another secret of that client.',
  ),
};
