import { ConfigError } from '../ground/config-error.ts';
import type { LogLevel } from '../ground/log.ts';
import {
  flag,
  jsonObject,
  list,
  matching,
  oneOf,
  type Reader,
  text,
  url,
  type Variable,
  variable,
  whole,
} from './setting.ts';

/** A key of a provider, sent as it is; it is not repeated. */
const providerKey = matching(null, /^[\x21-\x7e]+$/, 'a key of printable characters without spaces', {
  repeats: false,
});

const userAndPassword = matching(null, /^[^:\s]+:\S+$/, 'a user and a password with a colon between them', {
  repeats: false,
});

const domain = matching(
  'despatch.localhost',
  /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i,
  'a domain name such as mail.example.com',
);

const uuid = matching(null, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'a UUID');

const topicArns = list([], (name, arn) => {
  if (!/^arn:aws[\w-]*:sns:[a-z0-9-]+:\d+:[\w-]+(\.fifo)?$/.test(arn))
    throw new ConfigError(
      `${name} must be one or more ARNs of SNS topics, separated by commas, not "${arn}".`,
    );
});

const secretKeys: Reader<readonly string[] | null> = {
  standard: null,
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

const restingPoints = jsonObject(
  { mmg: 51, firetext: 49 },
  (value): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 100,
  'from provider to a weight of 0 to 100, such as {"mmg": 51, "firetext": 49}',
);

/** Whole seconds. */
const delays: Reader<readonly number[] | null> = {
  standard: null,
  read(name, given) {
    const parts = given.split(',').map((part) => part.trim());
    if (!parts.every((part) => /^[1-9]\d{0,5}$/.test(part)))
      throw new ConfigError(`${name} must be whole seconds separated by commas, such as 10,60,300.`);
    return parts.map(Number);
  },
};

/** Every environment variable the product reads: its default as people read it, and what it means. */
export const variables = {
  simulatedRecipients: variable(
    'SIMULATED_RECIPIENTS',
    list(null),
    'Numbers and addresses that are answered like any other, but neither stored nor sent to; separated by commas.',
    'those of the official documentation',
  ),
  environment: variable(
    'NOTIFY_ENVIRONMENT',
    text('development'),
    'Name of this installation; part of every metric.',
  ),
  host: variable('HOST', text('127.0.0.1'), 'Address the HTTP API listens on; 0.0.0.0 for every interface.'),
  port: variable('PORT', whole(6011, 0, 65_535), 'Port of the HTTP API; 0 takes a free one.'),
  publicUrl: variable(
    'API_HOST_NAME',
    url(['http', 'https']),
    'Base URL of the API as callers and providers see it.',
    'the request’s own scheme and host',
  ),
  dataDir: variable(
    'DESPATCH_DATA_DIR',
    text('.despatch'),
    'Folder of the embedded database, made secrets and credentials.json.',
  ),
  databaseUrl: variable(
    ['DATABASE_URL', 'SQLALCHEMY_DATABASE_URI'],
    url(['postgres', 'postgresql']),
    'A PostgreSQL server of your own, 15 or later.',
    'embedded PostgreSQL in the data folder',
  ),
  databasePoolSize: variable(
    'DATABASE_POOL_SIZE',
    whole(20, 4, 500),
    'Most database connections of one process.',
  ),
  databaseWaitSeconds: variable(
    'DATABASE_WAIT_SECONDS',
    whole(60, 0, 86_400),
    'How long a start waits for a database that does not answer before it gives up.',
  ),
  secretKeys: variable(
    'SECRET_KEY',
    secretKeys,
    'Secrets for encryption at rest, separated by commas: the first encrypts, all decrypt.',
    'made and kept in the data folder (embedded database only)',
  ),
  salt: variable('DANGEROUS_SALT', text('despatch'), 'Salt for the keys derived from SECRET_KEY.'),
  clientSecrets: variable(
    'INTERNAL_CLIENT_API_KEYS',
    clientSecrets,
    'Secrets of internal clients: JSON from client name to a list of secrets.',
    'made and kept in the data folder',
  ),
  adminUserName: variable(
    'ADMIN_CLIENT_USER_NAME',
    text('notify-admin'),
    'Name of the internal client that may use the admin API.',
  ),
  adminSecret: variable('ADMIN_CLIENT_SECRET', text(null), 'One more secret of that client.'),
  demo: variable(
    'DESPATCH_DEMO',
    flag(true),
    'Whether an empty database gets a demo service with keys and templates.',
  ),
  logLevel: variable(
    ['LOG_LEVEL', 'NOTIFY_LOG_LEVEL'],
    oneOf<LogLevel>('info', ['debug', 'info', 'warn', 'error', 'silent']),
    'debug, info, warn, error or silent.',
  ),
  statsdHost: variable(
    'STATSD_HOST',
    text(null),
    'Host that takes StatsD metrics over UDP.',
    'none: no StatsD',
  ),
  statsdPort: variable('STATSD_PORT', whole(8125, 1, 65_535), 'Port that takes StatsD metrics.'),
  statsdPrefix: variable('STATSD_PREFIX', text(''), 'Put in front of every StatsD metric.'),
  statsdEnabled: variable('STATSD_ENABLED', flag(true), '0 turns StatsD off although a host is set.'),
  queuePrefix: variable(
    'NOTIFICATION_QUEUE_PREFIX',
    matching('', /^[\w.-]{0,40}$/, 'at most 40 letters, digits, "_", "-" and "."'),
    'Put in front of every queue name.',
  ),
  deliverRetries: variable(
    'DELIVER_MAX_RETRIES',
    whole(48, 0, 1000),
    'How often a message that no provider took is tried again.',
  ),
  deliverRetrySeconds: variable(
    'DELIVER_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    'Seconds between these tries.',
  ),
  deliverRetryDelays: variable(
    'DELIVER_RETRY_DELAYS',
    delays,
    'Seconds before each try again, separated by commas, in place of the two above; 10,60,300,3600,14400 is the course of 2016.',
    'none: the two above',
  ),
  smsFirstRetryImmediate: variable(
    'SMS_FIRST_RETRY_IMMEDIATE',
    flag(false),
    'Whether a text that no provider took is tried again at once the first time.',
  ),
  persistRetries: variable(
    'PERSIST_MAX_RETRIES',
    whole(5, 0, 1000),
    'How often storing an accepted message is tried again.',
  ),
  persistRetrySeconds: variable(
    'PERSIST_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    'Seconds between these tries.',
  ),
  deliverConcurrency: variable(
    'DELIVER_CONCURRENCY',
    whole(300, 1, 10_000),
    'Most messages one process is sending at once per queue.',
  ),
  providerTimeoutSeconds: variable(
    'PROVIDER_TIMEOUT_SECONDS',
    whole(10, 1, 120),
    'How long a provider may take to answer; after that the result is unknown.',
  ),
  smsProviderStrategy: variable(
    'SMS_PROVIDER_STRATEGY',
    oneOf<'ordered' | 'weighted'>('ordered', ['ordered', 'weighted']),
    'ordered: the provider of the lowest priority number gets every text; weighted: each gets a share of them.',
  ),
  smsProviderErrorThreshold: variable(
    'SMS_PROVIDER_ERROR_THRESHOLD',
    whole(50, 1, 1_000_000),
    'Strategy weighted: more errors than this within the interval take 10 off the weight of a provider.',
  ),
  smsProviderErrorIntervalSeconds: variable(
    'SMS_PROVIDER_ERROR_INTERVAL',
    whole(60, 1, 3600),
    'Seconds that these errors are counted in.',
  ),
  smsProviderRestingPoints: variable(
    'SMS_PROVIDER_RESTING_POINTS',
    restingPoints,
    'Strategy weighted: the weights that providers drift back to.',
  ),
  slowCheckServiceId: variable(
    'FUNCTIONAL_TEST_PROVIDER_SERVICE_ID',
    uuid,
    'Service whose texts tell whether a provider is slow (strategy ordered).',
    'none: not checked',
  ),
  slowCheckTemplateId: variable(
    'FUNCTIONAL_TEST_PROVIDER_SMS_TEMPLATE_ID',
    uuid,
    'Template of these texts.',
    'none: not checked',
  ),
  circuitWindowSeconds: variable(
    'PROVIDER_CIRCUIT_WINDOW_SECONDS',
    whole(60, 5, 3600),
    'Seconds over which a provider’s failures are counted.',
  ),
  circuitLeastFailures: variable(
    'PROVIDER_CIRCUIT_LEAST_FAILURES',
    whole(10, 1, 100_000),
    'Fewer failures within these seconds never open its circuit.',
  ),
  circuitFailurePercent: variable(
    'PROVIDER_CIRCUIT_FAILURE_PERCENT',
    whole(50, 1, 100),
    'Share of failed and unanswered calls from which a provider is left alone for a while.',
  ),
  circuitOpenSeconds: variable(
    'PROVIDER_CIRCUIT_OPEN_SECONDS',
    whole(15, 1, 3600),
    'Seconds until a provider that was left alone is tried with one message; doubles up to 5 minutes while that fails.',
  ),
  sendingTimeoutSeconds: variable(
    'SENDING_NOTIFICATIONS_TIMEOUT_PERIOD',
    whole(259_200, 60, 31_536_000),
    'Seconds after which a message that nobody confirmed has failed.',
  ),
  callbackTimeoutSeconds: variable(
    'SERVICE_CALLBACK_TIMEOUT_SECONDS',
    whole(5, 1, 120),
    'How long the callback address of a service may take to answer.',
  ),
  callbackRetries: variable(
    'CALLBACK_MAX_RETRIES',
    whole(5, 0, 1000),
    'How often a callback that a service did not take is tried again.',
  ),
  callbackRetrySeconds: variable(
    'CALLBACK_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    'Seconds between these tries, where the answer names no other time.',
  ),
  callbackConcurrency: variable(
    'CALLBACK_CONCURRENCY',
    whole(10, 1, 1000),
    'Most callbacks one process is making at once to one address.',
  ),
  callbackAllowPrivate: variable(
    'CALLBACK_ALLOW_PRIVATE',
    flag(false),
    'Whether callbacks may go to private and loopback addresses, and over plain HTTP.',
  ),
  fromNumber: variable(
    'FROM_NUMBER',
    matching(
      'DESPATCH',
      /^(?=.*[a-zA-Z0-9])[a-zA-Z0-9 ._&-]{3,11}$|^\d{5,15}$/,
      'a sender of 3 to 11 letters and digits, or a number',
    ),
    'SMS sender of a service that has none of its own.',
  ),
  emailDomain: variable(
    'NOTIFY_EMAIL_DOMAIN',
    { ...domain, read: (name, given) => domain.read(name, given).toLowerCase() },
    'Domain of the addresses emails are sent from.',
  ),
  smsRatesFile: variable(
    'SMS_RATES_FILE',
    text(null),
    'JSON file with the rates and receipts of countries (spec of the file: docs/operations.md).',
    'the table in the box',
  ),
  sandboxHost: variable('SANDBOX_HOST', text('127.0.0.1'), 'Address the sandbox listens on.'),
  sandboxPort: variable(
    'SANDBOX_PORT',
    whole(6012, 0, 65_535),
    'Port of the sandbox; 0 takes a free one (role sandbox in the same process only).',
  ),
  sandboxUrl: variable(
    'SANDBOX_URL',
    url(['http', 'https']),
    'Base URL of a sandbox that runs elsewhere.',
    'the sandbox of this process',
  ),
  mmgUrl: variable(
    'MMG_URL',
    url(['http', 'https'], 'https://api.mmg.co.uk/jsonv2a/api.php'),
    'Where texts are handed to MMG.',
  ),
  mmgApiKey: variable('MMG_API_KEY', providerKey, 'Key of MMG, sent as it is after Basic.', 'none: not used'),
  mmgReceiptUrl: variable(
    'MMG_RECEIPT_URL',
    url(['http', 'https']),
    'Where MMG is told to post receipts: the public URL of /notifications/sms/mmg.',
    'as the account says',
  ),
  mmgReceiptAuth: variable(
    'MMG_RECEIPT_AUTH',
    userAndPassword,
    'user:password that receipts of MMG must show; put into MMG_RECEIPT_URL by itself.',
    'none: open',
  ),
  firetextUrl: variable(
    'FIRETEXT_URL',
    url(['http', 'https'], 'https://www.firetext.co.uk/api/sendsms/json'),
    'Where texts are handed to Firetext.',
  ),
  firetextApiKey: variable('FIRETEXT_API_KEY', providerKey, 'Key of Firetext.', 'none: not used'),
  firetextInternationalApiKey: variable(
    'FIRETEXT_INTERNATIONAL_API_KEY',
    providerKey,
    'Key of Firetext for numbers abroad.',
    'FIRETEXT_API_KEY',
  ),
  firetextReceiptUrl: variable(
    'FIRETEXT_RECEIPT_URL',
    url(['http', 'https']),
    'Where Firetext is told to post receipts: the public URL of /notifications/sms/firetext.',
    'as the account says',
  ),
  firetextReceiptAuth: variable(
    'FIRETEXT_RECEIPT_AUTH',
    userAndPassword,
    'user:password that receipts of Firetext must show; put into FIRETEXT_RECEIPT_URL by itself.',
    'none: open',
  ),
  mmgInboundUsers: variable(
    'MMG_INBOUND_SMS_USERNAME',
    list([]),
    'Users that received texts of MMG may show; separated by commas.',
    'none: all are refused',
  ),
  mmgInboundPasswords: variable(
    'MMG_INBOUND_SMS_AUTH',
    list([]),
    'Passwords of these users; separated by commas.',
    'none: all are refused',
  ),
  firetextInboundPasswords: variable(
    'FIRETEXT_INBOUND_SMS_AUTH',
    list([]),
    'Passwords that received texts of Firetext may show, with the user notify; separated by commas.',
    'none: all are refused',
  ),
  loadtestingUrl: variable(
    'LOADTESTING_URL',
    url(['http', 'https']),
    'A server that speaks as Firetext does, for the provider loadtesting.',
    'none: no call is made',
  ),
  loadtestingApiKey: variable('LOADTESTING_API_KEY', providerKey, 'Key of the provider loadtesting.'),
  loadtestingLatencyMilliseconds: variable(
    'LOADTESTING_LATENCY_MS',
    whole(0, 0, 60_000),
    'How long a call of the provider loadtesting takes without LOADTESTING_URL.',
  ),
  sesEnabled: variable(
    'SES_ENABLED',
    flag(false),
    'Whether emails go through Amazon SES; keys alone do not say so, as many machines have some for other ends.',
  ),
  sesUrl: variable(
    ['SES_URL', 'SES_STUB_URL'],
    url(['http', 'https']),
    'A server that speaks as Amazon SES does.',
    'Amazon’s of the region',
  ),
  awsRegion: variable(
    'AWS_REGION',
    matching('eu-west-1', /^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-west-1'),
    'Region of Amazon SES.',
  ),
  awsAccessKeyId: variable(
    'AWS_ACCESS_KEY_ID',
    providerKey,
    'Key for Amazon SES.',
    'the role of the machine',
  ),
  awsSecretAccessKey: variable('AWS_SECRET_ACCESS_KEY', providerKey, 'Secret of AWS_ACCESS_KEY_ID.'),
  awsSessionToken: variable('AWS_SESSION_TOKEN', providerKey, 'Token of a temporary AWS_ACCESS_KEY_ID.'),
  sesTopicArns: variable(
    'SES_SNS_TOPIC_ARNS',
    topicArns,
    'SNS topics whose receipts are taken, each with a valid signature; separated by commas.',
    'none: any, signatures are not checked',
  ),
  smtpUrl: variable(
    'SMTP_URL',
    url(['smtp', 'smtps']),
    'Mail server: smtp://user:password@host:587, or smtps:// for TLS from the first byte.',
    'none: not used',
  ),
  smtpConnections: variable(
    'SMTP_CONNECTIONS',
    whole(20, 1, 1000),
    'Most connections of one process to the mail server.',
  ),
  documentMaxBytes: variable(
    'DOCUMENT_MAX_BYTES',
    // A whole request has to fit into the 16 MiB that the API takes.
    whole(2_097_152, 1, 10_485_760),
    'Most bytes of a file that is sent as a link, before base64.',
  ),
  adminBaseUrl: variable(
    'ADMIN_BASE_URL',
    url(['http', 'https'], 'http://localhost:6012'),
    'Base URL of the admin pages, for links in texts.',
  ),
  gitCommit: variable('GIT_COMMIT', text(''), 'Shown by /_status.'),
  buildTime: variable('BUILD_TIME', text(''), 'Shown by /_status.'),
} as const satisfies Record<string, Variable<unknown>>;

export type Config = Readonly<{
  [Key in keyof typeof variables]: (typeof variables)[Key] extends Variable<infer T> ? T : never;
}>;

/** Throws a ConfigError that names the first variable which is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const config: Record<string, unknown> = {};
  for (const [key, { names, reader }] of Object.entries(variables) as [string, Variable<unknown>][]) {
    const name = names.find((candidate) => (environment[candidate] ?? '').trim() !== '');
    config[key] = name === undefined ? reader.standard : reader.read(name, environment[name]!.trim());
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
