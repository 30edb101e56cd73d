import type { LogLevel } from './log.ts';

/** A setting could not be understood; the message names the variable and says what it takes. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Reads one variable: `text` is what was given, undefined where it was not (an empty value counts as not given). */
type Reader<T> = (name: string, text: string | undefined) => T;
type Variable<T> = Readonly<{ names: readonly string[]; read: Reader<T>; standard: string; meaning: string }>;

function variable<T>(
  name: string | readonly string[],
  read: Reader<T>,
  standard: string,
  meaning: string,
): Variable<T> {
  return { names: typeof name === 'string' ? [name] : name, read, standard, meaning };
}

const text =
  <Default extends string | null>(standard: Default): Reader<string | Default> =>
  (_, given) =>
    given ?? standard;

function whole(standard: number, least: number, most: number): Reader<number> {
  return (name, given) => {
    if (given === undefined) return standard;
    const value = Number(given);
    if (!/^\d+$/.test(given) || value < least || value > most)
      throw new ConfigError(`${name} must be a whole number from ${least} to ${most}, not "${given}".`);
    return value;
  };
}

function flag(standard: boolean): Reader<boolean>;
function flag(standard: null): Reader<boolean | null>;
function flag(standard: boolean | null): Reader<boolean | null> {
  return (name, given) => {
    if (given === undefined) return standard;
    if (['1', 'true', 'yes', 'on'].includes(given.toLowerCase())) return true;
    if (['0', 'false', 'no', 'off'].includes(given.toLowerCase())) return false;
    throw new ConfigError(`${name} must be 1 or 0, not "${given}".`);
  };
}

function oneOf<T extends string>(standard: T, values: readonly T[]): Reader<T> {
  return (name, given) => {
    if (given === undefined) return standard;
    const found = values.find((value) => value === given.toLowerCase());
    if (!found) throw new ConfigError(`${name} must be one of ${values.join(', ')}, not "${given}".`);
    return found;
  };
}

function url(protocols: readonly string[]): Reader<string | null>;
function url(protocols: readonly string[], standard: string): Reader<string>;
function url(protocols: readonly string[], standard: string | null = null): Reader<string | null> {
  return (name, given) => {
    if (given === undefined) return standard;
    const parsed = URL.canParse(given) ? new URL(given) : null;
    // The value itself is not repeated: a database URL holds a password.
    if (!parsed || !protocols.includes(parsed.protocol.slice(0, -1)))
      throw new ConfigError(`${name} must be a URL that begins with ${protocols.join(':// or ')}://.`);
    return given.replace(/\/+$/, '');
  };
}

/** A key of a provider, sent as it is; it is not repeated. */
const providerKey: Reader<string | null> = (name, given) => {
  if (given !== undefined && !/^[\x21-\x7e]+$/.test(given))
    throw new ConfigError(`${name} must be a key of printable characters without spaces.`);
  return given ?? null;
};

const userAndPassword: Reader<string | null> = (name, given) => {
  if (given !== undefined && !/^[^:\s]+:\S+$/.test(given))
    throw new ConfigError(`${name} must be a user and a password with a colon between them.`);
  return given ?? null;
};

const region: Reader<string> = (name, given) => {
  if (given !== undefined && !/^[a-z]{2}(-[a-z]+)+-\d$/.test(given))
    throw new ConfigError(`${name} must be a region such as eu-west-1, not "${given}".`);
  return given ?? 'eu-west-1';
};

/** The parts of a list with commas; empty ones are left out. */
function listed(given: string): readonly string[] {
  return given
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const topicArns: Reader<readonly string[]> = (name, given) => {
  const arns = listed(given ?? '');
  const wrong = arns.find((arn) => !/^arn:aws[\w-]*:sns:[a-z0-9-]+:\d+:[\w-]+(\.fifo)?$/.test(arn));
  if (wrong !== undefined)
    throw new ConfigError(
      `${name} must be one or more ARNs of SNS topics, separated by commas, not "${wrong}".`,
    );
  return arns;
};

const secretKeys: Reader<readonly string[] | null> = (name, given) => {
  if (given === undefined) return null;
  const keys = given.split(',').map((key) => key.trim());
  if (keys.some((key) => key.length < 16))
    throw new ConfigError(
      `${name} must be one or more secrets of at least 16 characters, separated by commas.`,
    );
  return keys;
};

const clientSecrets: Reader<Readonly<Record<string, readonly string[]>> | null> = (name, given) => {
  if (given === undefined) return null;
  const wrong = new ConfigError(
    `${name} must be a JSON object from client name to a list of secrets, such as {"notify-admin": ["…"]}.`,
  );
  let parsed: unknown;
  try {
    parsed = JSON.parse(given);
  } catch {
    throw wrong;
  }
  const isList = (value: unknown) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((entry) => typeof entry === 'string' && entry !== '');
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong;
  if (!Object.values(parsed).every(isList)) throw wrong;
  return parsed as Record<string, string[]>;
};

const senderName: Reader<string> = (name, given) => {
  if (given === undefined) return 'DESPATCH';
  if (!/^(?=.*[a-zA-Z0-9])[a-zA-Z0-9 ._&-]{3,11}$|^\d{5,15}$/.test(given))
    throw new ConfigError(
      `${name} must be a sender of 3 to 11 letters and digits, or a number, not "${given}".`,
    );
  return given;
};

const domain: Reader<string> = (name, given) => {
  if (given === undefined) return 'despatch.localhost';
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(given))
    throw new ConfigError(`${name} must be a domain name such as mail.example.com, not "${given}".`);
  return given.toLowerCase();
};

const queuePrefix: Reader<string> = (name, given) => {
  if (given !== undefined && !/^[\w.-]{0,40}$/.test(given))
    throw new ConfigError(`${name} may hold letters, digits, "_", "-" and "." only, at most 40.`);
  return given ?? '';
};

const recipients: Reader<readonly string[] | null> = (_, given) =>
  given === undefined ? null : listed(given);

/** Every environment variable the product reads: its default as people read it, and what it means. */
export const variables = {
  simulatedRecipients: variable(
    'SIMULATED_RECIPIENTS',
    recipients,
    'those of the official documentation',
    'Numbers and addresses that are answered like any other, but neither stored nor sent to; separated by commas.',
  ),
  environment: variable(
    'NOTIFY_ENVIRONMENT',
    text('development'),
    'development',
    'Name of this installation; part of every metric.',
  ),
  host: variable(
    'HOST',
    text('127.0.0.1'),
    '127.0.0.1',
    'Address the HTTP API listens on; 0.0.0.0 for every interface.',
  ),
  port: variable('PORT', whole(6011, 0, 65_535), '6011', 'Port of the HTTP API; 0 takes a free one.'),
  publicUrl: variable(
    'API_HOST_NAME',
    url(['http', 'https']),
    'the request’s own scheme and host',
    'Base URL of the API as callers and providers see it.',
  ),
  dataDir: variable(
    'DESPATCH_DATA_DIR',
    text('.despatch'),
    '.despatch',
    'Folder of the embedded database, made secrets and credentials.json.',
  ),
  databaseUrl: variable(
    ['DATABASE_URL', 'SQLALCHEMY_DATABASE_URI'],
    url(['postgres', 'postgresql']),
    'embedded PostgreSQL in the data folder',
    'A PostgreSQL server of your own, 15 or later.',
  ),
  databasePoolSize: variable(
    'DATABASE_POOL_SIZE',
    whole(20, 4, 500),
    '20',
    'Most database connections of one process.',
  ),
  databaseWaitSeconds: variable(
    'DATABASE_WAIT_SECONDS',
    whole(60, 0, 86_400),
    '60',
    'How long a start waits for a database that does not answer before it gives up.',
  ),
  secretKeys: variable(
    'SECRET_KEY',
    secretKeys,
    'made and kept in the data folder (embedded database only)',
    'Secrets for encryption at rest, separated by commas: the first encrypts, all decrypt.',
  ),
  salt: variable(
    'DANGEROUS_SALT',
    text('despatch'),
    'despatch',
    'Salt for the keys derived from SECRET_KEY.',
  ),
  clientSecrets: variable(
    'INTERNAL_CLIENT_API_KEYS',
    clientSecrets,
    'made and kept in the data folder',
    'Secrets of internal clients: JSON from client name to a list of secrets.',
  ),
  adminSecret: variable(
    'ADMIN_CLIENT_SECRET',
    text(null),
    'none',
    'One more secret of the client notify-admin.',
  ),
  demo: variable(
    'DESPATCH_DEMO',
    flag(true),
    '1',
    'Whether an empty database gets a demo service with keys and templates.',
  ),
  logLevel: variable(
    ['LOG_LEVEL', 'NOTIFY_LOG_LEVEL'],
    oneOf<LogLevel>('info', ['debug', 'info', 'warn', 'error', 'silent']),
    'info',
    'debug, info, warn, error or silent.',
  ),
  statsdHost: variable(
    'STATSD_HOST',
    text(null),
    'none: no StatsD',
    'Host that takes StatsD metrics over UDP.',
  ),
  statsdPort: variable('STATSD_PORT', whole(8125, 1, 65_535), '8125', 'Port that takes StatsD metrics.'),
  statsdPrefix: variable('STATSD_PREFIX', text(''), 'none', 'Put in front of every StatsD metric.'),
  statsdEnabled: variable('STATSD_ENABLED', flag(true), '1', '0 turns StatsD off although a host is set.'),
  queuePrefix: variable(
    'NOTIFICATION_QUEUE_PREFIX',
    queuePrefix,
    'none',
    'Put in front of every queue name.',
  ),
  deliverRetries: variable(
    'DELIVER_MAX_RETRIES',
    whole(48, 0, 1000),
    '48',
    'How often a message that no provider took is tried again.',
  ),
  deliverRetrySeconds: variable(
    'DELIVER_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    '300',
    'Seconds between these tries.',
  ),
  persistRetries: variable(
    'PERSIST_MAX_RETRIES',
    whole(5, 0, 1000),
    '5',
    'How often storing an accepted message is tried again.',
  ),
  persistRetrySeconds: variable(
    'PERSIST_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    '300',
    'Seconds between these tries.',
  ),
  deliverConcurrency: variable(
    'DELIVER_CONCURRENCY',
    whole(300, 1, 10_000),
    '300',
    'Most messages one process is sending at once per queue.',
  ),
  providerTimeoutSeconds: variable(
    'PROVIDER_TIMEOUT_SECONDS',
    whole(10, 1, 120),
    '10',
    'How long a provider may take to answer; after that the result is unknown.',
  ),
  fromNumber: variable(
    'FROM_NUMBER',
    senderName,
    'DESPATCH',
    'SMS sender of a service that has none of its own.',
  ),
  emailDomain: variable(
    'NOTIFY_EMAIL_DOMAIN',
    domain,
    'despatch.localhost',
    'Domain of the addresses emails are sent from.',
  ),
  smsRatesFile: variable(
    'SMS_RATES_FILE',
    text(null),
    'the table in the box',
    'JSON file with the rates and receipts of countries (spec of the file: docs/operations.md).',
  ),
  sandboxHost: variable('SANDBOX_HOST', text('127.0.0.1'), '127.0.0.1', 'Address the sandbox listens on.'),
  sandboxPort: variable(
    'SANDBOX_PORT',
    whole(6012, 0, 65_535),
    '6012',
    'Port of the sandbox; 0 takes a free one (role sandbox in the same process only).',
  ),
  sandboxUrl: variable(
    'SANDBOX_URL',
    url(['http', 'https']),
    'the sandbox of this process',
    'Base URL of a sandbox that runs elsewhere.',
  ),
  mmgUrl: variable(
    'MMG_URL',
    url(['http', 'https'], 'https://api.mmg.co.uk/jsonv2a/api.php'),
    'https://api.mmg.co.uk/jsonv2a/api.php',
    'Where texts are handed to MMG.',
  ),
  mmgApiKey: variable('MMG_API_KEY', providerKey, 'none: not used', 'Key of MMG, sent as it is after Basic.'),
  mmgReceiptUrl: variable(
    'MMG_RECEIPT_URL',
    url(['http', 'https']),
    'as the account says',
    'Where MMG is told to post receipts: the public URL of /notifications/sms/mmg.',
  ),
  mmgReceiptAuth: variable(
    'MMG_RECEIPT_AUTH',
    userAndPassword,
    'none: open',
    'user:password that receipts of MMG must show; put into MMG_RECEIPT_URL by itself.',
  ),
  firetextUrl: variable(
    'FIRETEXT_URL',
    url(['http', 'https'], 'https://www.firetext.co.uk/api/sendsms/json'),
    'https://www.firetext.co.uk/api/sendsms/json',
    'Where texts are handed to Firetext.',
  ),
  firetextApiKey: variable('FIRETEXT_API_KEY', providerKey, 'none: not used', 'Key of Firetext.'),
  firetextInternationalApiKey: variable(
    'FIRETEXT_INTERNATIONAL_API_KEY',
    providerKey,
    'FIRETEXT_API_KEY',
    'Key of Firetext for numbers abroad.',
  ),
  firetextReceiptUrl: variable(
    'FIRETEXT_RECEIPT_URL',
    url(['http', 'https']),
    'as the account says',
    'Where Firetext is told to post receipts: the public URL of /notifications/sms/firetext.',
  ),
  firetextReceiptAuth: variable(
    'FIRETEXT_RECEIPT_AUTH',
    userAndPassword,
    'none: open',
    'user:password that receipts of Firetext must show; put into FIRETEXT_RECEIPT_URL by itself.',
  ),
  loadtestingUrl: variable(
    'LOADTESTING_URL',
    url(['http', 'https']),
    'none: no call is made',
    'A server that speaks as Firetext does, for the provider loadtesting.',
  ),
  loadtestingApiKey: variable('LOADTESTING_API_KEY', providerKey, 'none', 'Key of the provider loadtesting.'),
  loadtestingLatencyMilliseconds: variable(
    'LOADTESTING_LATENCY_MS',
    whole(0, 0, 60_000),
    '0',
    'How long a call of the provider loadtesting takes without LOADTESTING_URL.',
  ),
  sesEnabled: variable(
    'SES_ENABLED',
    flag(false),
    '0',
    'Whether emails go through Amazon SES; keys alone do not say so, as many machines have some for other ends.',
  ),
  sesUrl: variable(
    ['SES_URL', 'SES_STUB_URL'],
    url(['http', 'https']),
    'Amazon’s of the region',
    'A server that speaks as Amazon SES does.',
  ),
  awsRegion: variable('AWS_REGION', region, 'eu-west-1', 'Region of Amazon SES.'),
  awsAccessKeyId: variable(
    'AWS_ACCESS_KEY_ID',
    providerKey,
    'the role of the machine',
    'Key for Amazon SES.',
  ),
  awsSecretAccessKey: variable('AWS_SECRET_ACCESS_KEY', providerKey, 'none', 'Secret of AWS_ACCESS_KEY_ID.'),
  awsSessionToken: variable(
    'AWS_SESSION_TOKEN',
    providerKey,
    'none',
    'Token of a temporary AWS_ACCESS_KEY_ID.',
  ),
  sesTopicArns: variable(
    'SES_SNS_TOPIC_ARNS',
    topicArns,
    'none: any, signatures are not checked',
    'SNS topics whose receipts are taken, each with a valid signature; separated by commas.',
  ),
  smtpUrl: variable(
    'SMTP_URL',
    url(['smtp', 'smtps']),
    'none: not used',
    'Mail server: smtp://user:password@host:587, or smtps:// for TLS from the first byte.',
  ),
  smtpConnections: variable(
    'SMTP_CONNECTIONS',
    whole(20, 1, 1000),
    '20',
    'Most connections of one process to the mail server.',
  ),
  documentMaxBytes: variable(
    'DOCUMENT_MAX_BYTES',
    // A whole request has to fit into the 16 MiB that the API takes.
    whole(2_097_152, 1, 10_485_760),
    '2097152',
    'Most bytes of a file that is sent as a link, before base64.',
  ),
  adminBaseUrl: variable(
    'ADMIN_BASE_URL',
    url(['http', 'https'], 'http://localhost:6012'),
    'http://localhost:6012',
    'Base URL of the admin pages, for links in texts.',
  ),
  gitCommit: variable('GIT_COMMIT', text(''), 'none', 'Shown by /_status.'),
  buildTime: variable('BUILD_TIME', text(''), 'none', 'Shown by /_status.'),
} as const satisfies Record<string, Variable<unknown>>;

export type Config = Readonly<{
  [Key in keyof typeof variables]: (typeof variables)[Key] extends Variable<infer T> ? T : never;
}>;

/** Throws a ConfigError that names the first variable which is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const config: Record<string, unknown> = {};
  for (const [key, { names, read }] of Object.entries(variables) as [string, Variable<unknown>][]) {
    const name = names.find((candidate) => (environment[candidate] ?? '').trim() !== '') ?? names[0]!;
    const given = environment[name]?.trim();
    config[key] = read(name, given === '' ? undefined : given);
  }
  const result = Object.freeze(config) as Config;
  if (result.databaseUrl && !result.secretKeys)
    throw new ConfigError(
      'SECRET_KEY must be set when DATABASE_URL is: it encrypts what is stored, and every process needs the same one.',
    );
  if (result.sesEnabled && result.awsAccessKeyId && !result.awsSecretAccessKey)
    throw new ConfigError('AWS_SECRET_ACCESS_KEY must be set when AWS_ACCESS_KEY_ID is, for SES_ENABLED.');
  return result;
}
