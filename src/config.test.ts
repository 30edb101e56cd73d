import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type Config, ConfigError, readConfig, variables } from './config.ts';

const secret = 'a secret of 24 characters';

test('with nothing set, every variable has its documented default', () => {
  assert.deepEqual(readConfig({}), {
    environment: 'development',
    host: '127.0.0.1',
    port: 6011,
    publicUrl: null,
    dataDir: '.despatch',
    databaseUrl: null,
    databasePoolSize: 20,
    databaseWaitSeconds: 60,
    secretKeys: null,
    salt: 'despatch',
    clientSecrets: null,
    adminSecret: null,
    demo: true,
    logLevel: 'info',
    statsdHost: null,
    statsdPort: 8125,
    statsdPrefix: '',
    statsdEnabled: true,
    queuePrefix: '',
    deliverRetries: 48,
    deliverRetrySeconds: 300,
    persistRetries: 5,
    persistRetrySeconds: 300,
    deliverConcurrency: 300,
    providerTimeoutSeconds: 10,
    fromNumber: 'DESPATCH',
    emailDomain: 'despatch.localhost',
    smsRatesFile: null,
    sandboxHost: '127.0.0.1',
    sandboxPort: 6012,
    sandboxUrl: null,
    gitCommit: '',
    buildTime: '',
  });
});

test('the default that people read is the one that applies, and giving it changes nothing', () => {
  const defaults = readConfig({});
  for (const [key, { names, standard, meaning }] of Object.entries(variables)) {
    const value = defaults[key as keyof Config];
    if (value === null) assert.ok(standard.length > 0, key);
    else if (value === '') assert.equal(standard, 'none', key);
    else {
      assert.equal(standard, value === true ? '1' : String(value), key);
      assert.deepEqual(readConfig({ [names[0]!]: standard }), defaults, key);
    }
    assert.match(meaning, /\.$/, key);
  }
});

test('a value that is given is taken, trimmed, under each of its names', () => {
  const own = { SECRET_KEY: secret };
  const table: [Record<string, string>, Partial<Config>][] = [
    [{ PORT: ' 0 ' }, { port: 0 }],
    [
      { PORT: '  ', HOST: '' },
      { port: 6011, host: '127.0.0.1' },
    ],
    [{ API_HOST_NAME: 'https://api.example.com//' }, { publicUrl: 'https://api.example.com' }],
    [{ ...own, DATABASE_URL: 'postgres://u:p@h/d' }, { databaseUrl: 'postgres://u:p@h/d' }],
    [{ ...own, SQLALCHEMY_DATABASE_URI: 'postgresql://h/d' }, { databaseUrl: 'postgresql://h/d' }],
    [
      { ...own, DATABASE_URL: 'postgres://h/one', SQLALCHEMY_DATABASE_URI: 'postgres://h/two' },
      { databaseUrl: 'postgres://h/one' },
    ],
    [{ SECRET_KEY: `${secret}, another ${secret}` }, { secretKeys: [secret, `another ${secret}`] }],
    [
      { INTERNAL_CLIENT_API_KEYS: '{"notify-admin":["a","b"]}' },
      { clientSecrets: { 'notify-admin': ['a', 'b'] } },
    ],
    [
      { DESPATCH_DEMO: 'No', STATSD_ENABLED: '0' },
      { demo: false, statsdEnabled: false },
    ],
    [{ DESPATCH_DEMO: 'TRUE' }, { demo: true }],
    [{ NOTIFY_LOG_LEVEL: 'DEBUG' }, { logLevel: 'debug' }],
    [{ FROM_NUMBER: '447700900123' }, { fromNumber: '447700900123' }],
    [{ NOTIFY_EMAIL_DOMAIN: 'Mail.Example.com' }, { emailDomain: 'mail.example.com' }],
    [{ NOTIFICATION_QUEUE_PREFIX: 'preview_1.-' }, { queuePrefix: 'preview_1.-' }],
    [{ SANDBOX_URL: 'http://sandbox:6012/' }, { sandboxUrl: 'http://sandbox:6012' }],
  ];
  for (const [environment, expected] of table)
    assert.deepEqual(
      { ...readConfig(environment), ...expected },
      readConfig(environment),
      inspect(environment),
    );
});

const numbers: [string, number, number][] = [
  ['PORT', 0, 65_535],
  ['DATABASE_POOL_SIZE', 4, 500],
  ['DATABASE_WAIT_SECONDS', 0, 86_400],
  ['STATSD_PORT', 1, 65_535],
  ['DELIVER_MAX_RETRIES', 0, 1000],
  ['DELIVER_RETRY_DELAY_SECONDS', 1, 86_400],
  ['PERSIST_MAX_RETRIES', 0, 1000],
  ['PERSIST_RETRY_DELAY_SECONDS', 1, 86_400],
  ['DELIVER_CONCURRENCY', 1, 10_000],
  ['PROVIDER_TIMEOUT_SECONDS', 1, 120],
  ['SANDBOX_PORT', 0, 65_535],
];
const wrong: Record<string, string[]> = {
  API_HOST_NAME: ['api.example.com', 'ftp://api.example.com', 'https://', 'postgres://h/d'],
  DATABASE_URL: ['localhost:5432', 'mysql://h/d', 'postgres://u:p@h:port/d'],
  SQLALCHEMY_DATABASE_URI: ['http://h/d'],
  SECRET_KEY: ['short', `${secret},short`, `${secret},`],
  INTERNAL_CLIENT_API_KEYS: ['secret', '[]', 'null', '1', '{"a":"b"}', '{"a":[]}', '{"a":[""]}', '{"a":[1]}'],
  DESPATCH_DEMO: ['2', 'maybe'],
  LOG_LEVEL: ['loud'],
  NOTIFY_LOG_LEVEL: ['WARNING'],
  STATSD_ENABLED: ['never'],
  NOTIFICATION_QUEUE_PREFIX: ['a b', 'é', 'x'.repeat(41)],
  FROM_NUMBER: ['ab', 'twelve chars', 'a/b', '...', '1234567890123456'],
  NOTIFY_EMAIL_DOMAIN: ['localhost', 'a@b.example', 'mail..example'],
  SANDBOX_URL: ['sandbox:6012', 'ws://sandbox'],
};
for (const [name, least, most] of numbers)
  wrong[name] = [String(least - 1), String(most + 1), '1.5', '1e1', 'x', '0x10'];
const freeText = [
  ...['NOTIFY_ENVIRONMENT', 'HOST', 'DESPATCH_DATA_DIR', 'DANGEROUS_SALT', 'ADMIN_CLIENT_SECRET'],
  ...['STATSD_HOST', 'STATSD_PREFIX', 'SMS_RATES_FILE', 'SANDBOX_HOST', 'GIT_COMMIT', 'BUILD_TIME'],
];

test('each wrong value is a ConfigError that names its variable, and no variable is left out of this test', () => {
  for (const [name, values] of Object.entries(wrong))
    for (const value of values)
      assert.throws(
        () => readConfig({ [name]: value }),
        (error) =>
          error instanceof ConfigError &&
          / (must|may) /.exec(error.message)?.index === name.length &&
          error.message.startsWith(name),
        `${name}=${value}`,
      );
  const names = Object.values(variables).flatMap((variable) => variable.names);
  assert.deepEqual([...Object.keys(wrong), ...freeText].toSorted(), names.toSorted());
});

test('the least and the most of each number are taken', () => {
  for (const [name, least, most] of numbers)
    for (const value of [least, most])
      assert.ok(Object.values(readConfig({ [name]: String(value) })).includes(value), `${name}=${value}`);
});

test('a database of your own demands SECRET_KEY', () => {
  for (const name of ['DATABASE_URL', 'SQLALCHEMY_DATABASE_URI'])
    assert.throws(() => readConfig({ [name]: 'postgres://u:hunter2@h/d' }), {
      name: 'ConfigError',
      message: /^SECRET_KEY must be set when DATABASE_URL is/,
    });
});

test('no error repeats a secret', () => {
  const environments = [
    { DATABASE_URL: 'postgres://u:hunter2@h/d' },
    { DATABASE_URL: 'mysql://u:hunter2@h/d' },
    { DATABASE_URL: 'postgres://u:hunter2@h:port/d' },
    { SECRET_KEY: 'hunter2' },
    { SECRET_KEY: `${secret},hunter2` },
    { INTERNAL_CLIENT_API_KEYS: 'hunter2' },
    { INTERNAL_CLIENT_API_KEYS: '{"notify-admin":"hunter2"}' },
    { SANDBOX_URL: 'ftp://u:hunter2@h' },
    { ADMIN_CLIENT_SECRET: 'hunter2', PORT: 'x' },
  ];
  for (const environment of environments)
    assert.throws(
      () => readConfig(environment),
      (error) => error instanceof ConfigError && !inspect(error, { depth: 9 }).includes('hunter2'),
      inspect(environment),
    );
});

test('a configuration cannot be changed', () => {
  assert.throws(() => Object.assign(readConfig({}), { port: 1 }), TypeError);
});
