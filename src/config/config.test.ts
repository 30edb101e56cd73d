import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError } from '../ground/problem.ts';
import { areas, type Config, readConfig, settings } from './config.ts';
import type { Area } from './setting.ts';

const secret = 'a secret of 24 characters';

test('with nothing set, every variable has its documented default', () => {
  assert.deepEqual(readConfig({}), {
    installation: {
      environment: 'development',
      dataDir: '.despatch',
      demo: true,
      logLevel: 'info',
      metricsPort: 0,
      logJson: null,
      queuePrefix: '',
    },
    api: {
      host: '127.0.0.1',
      port: 6011,
      publicUrl: null,
      simulatedRecipients: null,
      adminBaseUrl: null,
      invitationDays: 2,
      alertMinutes: 5,
      gitCommit: '',
      buildTime: '',
    },
    database: { url: null, poolSize: 20, readPoolSize: null, waitSeconds: 60 },
    secrets: {
      keys: null,
      salt: 'despatch',
      clients: null,
      adminSecret: null,
      adminUserName: 'notify-admin',
    },
    statsd: { host: null, port: 8125, prefix: '', enabled: true },
    traces: {
      exporter: null,
      url: null,
      endpoint: null,
      headers: null,
      serviceName: 'despatch',
      sampler: 'parentbased_always_on',
      samplerShare: 1,
    },
    delivery: {
      retries: 48,
      retrySeconds: 300,
      retryDelays: null,
      smsFirstRetryImmediate: false,
      scheduledJobMaxDays: 7,
      scheduledJobsEvery: 'hour',
      persistRetries: 5,
      persistRetrySeconds: 300,
      concurrency: 300,
      sendingTimeoutSeconds: 259_200,
      fromNumber: 'DESPATCH',
      emailDomain: 'despatch.localhost',
      smsRatesFile: null,
      freeSmsFragments: 250_000,
    },
    providers: {
      timeoutSeconds: 10,
      smsStrategy: 'ordered',
      errorThreshold: 50,
      errorIntervalSeconds: 60,
      restingPoints: { mmg: 51, firetext: 49 },
      slowCheckServiceId: null,
      slowCheckTemplateId: null,
    },
    circuit: { windowSeconds: 60, leastFailures: 10, failurePercent: 50, openSeconds: 15 },
    callbacks: { timeoutSeconds: 5, retries: 5, retrySeconds: 300, concurrency: 10, allowPrivate: false },
    sandbox: { enabled: null, host: '127.0.0.1', port: 6012, url: null },
    web: {
      host: '127.0.0.1',
      port: 6013,
      apiUrl: null,
      productName: 'Despatch',
      logoFile: null,
      brandColour: '#0b5c66',
      sessionHours: 21,
      secret: null,
      secondStep: true,
      registration: null,
      contact: null,
      undoSeconds: 60,
    },
    mmg: {
      url: 'https://api.mmg.co.uk/jsonv2a/api.php',
      apiKey: null,
      receiptUrl: null,
      receiptAuth: null,
      inboundUsers: [],
      inboundPasswords: [],
    },
    firetext: {
      url: 'https://www.firetext.co.uk/api/sendsms/json',
      apiKey: null,
      internationalApiKey: null,
      receiptUrl: null,
      receiptAuth: null,
      inboundPasswords: [],
    },
    loadtesting: { url: null, apiKey: null, latencyMilliseconds: 0 },
    ses: {
      enabled: false,
      url: null,
      region: 'eu-west-1',
      accessKeyId: null,
      secretAccessKey: null,
      sessionToken: null,
      topicArns: [],
    },
    smtp: { url: null, connections: 20 },
    documents: { maxBytes: 2_097_152, dailyFiles: 10_000, dailyBytes: 1_073_741_824, baseUrl: null },
  });
});

test('each documented default is the one that applies, and setting it changes nothing', () => {
  const defaults = readConfig({});
  for (const [name, area] of Object.entries(areas) as [keyof Config, Area][])
    for (const [key, { names, shownDefault, meaning }] of Object.entries(area)) {
      const value: unknown = defaults[name][key as never];
      const title = `${name}.${key}`;
      if (value === null) assert.ok(shownDefault.length > 0, title);
      else if (value === '') assert.equal(shownDefault, 'none', title);
      else if (Array.isArray(value)) assert.match(shownDefault, /^none/, title);
      else {
        const shown = typeof value === 'boolean' ? String(Number(value)) : String(value);
        assert.equal(shownDefault, typeof value === 'object' ? JSON.stringify(value) : shown, title);
        assert.deepEqual(readConfig({ [names[0]!]: shownDefault }), defaults, title);
      }
      assert.match(meaning, /\.$/, title);
    }
});

test('a variable that is set is read, trimmed, under each of its names', () => {
  const own = { SECRET_KEY: secret };
  const table: [Record<string, string>, { [Name in keyof Config]?: Partial<Config[Name]> }][] = [
    [{ PORT: ' 0 ' }, { api: { port: 0 } }],
    [{ INVITATION_EXPIRATION_DAYS: '7' }, { api: { invitationDays: 7 } }],
    [{ DOCUMENT_MAX_BYTES: '1000' }, { documents: { maxBytes: 1000 } }],
    [
      { ADMIN_BASE_URL: 'https://admin.example.com/' },
      { api: { adminBaseUrl: 'https://admin.example.com' } },
    ],
    [{ PORT: '  ', HOST: '' }, { api: { port: 6011, host: '127.0.0.1' } }],
    [{ API_HOST_NAME: 'https://api.example.com//' }, { api: { publicUrl: 'https://api.example.com' } }],
    [{ ...own, DATABASE_URL: 'postgres://u:p@h/d' }, { database: { url: 'postgres://u:p@h/d' } }],
    [{ ...own, SQLALCHEMY_DATABASE_URI: 'postgresql://h/d' }, { database: { url: 'postgresql://h/d' } }],
    [
      { ...own, DATABASE_URL: 'postgres://h/one', SQLALCHEMY_DATABASE_URI: 'postgres://h/two' },
      { database: { url: 'postgres://h/one' } },
    ],
    [{ SECRET_KEY: `${secret}, another ${secret}` }, { secrets: { keys: [secret, `another ${secret}`] } }],
    [
      { INTERNAL_CLIENT_API_KEYS: '{"notify-admin":["a","b"]}' },
      { secrets: { clients: { 'notify-admin': ['a', 'b'] } } },
    ],
    [{ DELIVER_RETRY_DELAYS: '10, 60,300' }, { delivery: { retryDelays: [10, 60, 300] } }],
    [
      { SMS_PROVIDER_RESTING_POINTS: '{"one":60,"two":40}' },
      { providers: { restingPoints: { one: 60, two: 40 } } },
    ],
    [
      { DESPATCH_DEMO: 'No', STATSD_ENABLED: '0' },
      { installation: { demo: false }, statsd: { enabled: false } },
    ],
    [{ DESPATCH_DEMO: 'TRUE' }, { installation: { demo: true } }],
    [{ NOTIFY_LOG_LEVEL: 'DEBUG' }, { installation: { logLevel: 'debug' } }],
    [{ LOGGING_STDOUT_JSON: '1' }, { installation: { logJson: true } }],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: 'Api-Key=a%20b, other=c' },
      { traces: { headers: { 'api-key': 'a b', other: 'c' } } },
    ],
    [{ OTEL_TRACES_SAMPLER_ARG: '0.25' }, { traces: { samplerShare: 0.25 } }],
    [{ FROM_NUMBER: '447700900123' }, { delivery: { fromNumber: '447700900123' } }],
    [{ NOTIFY_EMAIL_DOMAIN: 'Mail.Example.com' }, { delivery: { emailDomain: 'mail.example.com' } }],
    [{ NOTIFICATION_QUEUE_PREFIX: 'preview_1.-' }, { installation: { queuePrefix: 'preview_1.-' } }],
    [{ SANDBOX: 'off' }, { sandbox: { enabled: false } }],
    [{ SANDBOX: 'on' }, { sandbox: { enabled: true } }],
    [{ SANDBOX_URL: 'http://sandbox:6012/' }, { sandbox: { url: 'http://sandbox:6012' } }],
    [
      { MMG_URL: 'http://h/api', MMG_API_KEY: 'bWU6MQ==' },
      { mmg: { url: 'http://h/api', apiKey: 'bWU6MQ==' } },
    ],
    [
      { WEB_REGISTRATION: 'harbour.example, council.example' },
      { web: { registration: ['harbour.example', 'council.example'] } },
    ],
    [{ WEB_BRAND_COLOUR: '#123456' }, { web: { brandColour: '#123456' } }],
    [{ MMG_RECEIPT_AUTH: 'mmg:a:b' }, { mmg: { receiptAuth: 'mmg:a:b' } }],
    [{ SES_STUB_URL: 'http://h' }, { ses: { url: 'http://h' } }],
    [{ SES_ENABLED: '1' }, { ses: { enabled: true } }],
    [
      { SES_SNS_TOPIC_ARNS: 'arn:aws:sns:eu-west-1:1:a, arn:aws-cn:sns:cn-north-1:1:b,' },
      { ses: { topicArns: ['arn:aws:sns:eu-west-1:1:a', 'arn:aws-cn:sns:cn-north-1:1:b'] } },
    ],
    [{ SMTP_URL: 'smtp://u:p@mail.example:25' }, { smtp: { url: 'smtp://u:p@mail.example:25' } }],
  ];
  for (const [environment, expected] of table) {
    const config = readConfig(environment);
    for (const [name, values] of Object.entries(expected) as [keyof Config, object][])
      assert.deepEqual({ ...config[name], ...values }, config[name], inspect(environment));
  }
});

const numbers: [string, number, number][] = [
  ['INVITATION_EXPIRATION_DAYS', 1, 30],
  ['NOTIFICATIONS_ALERT', 1, 1440],
  ['SCHEDULED_JOB_MAX_DAYS', 1, 365],
  ['FREE_SMS_FRAGMENT_LIMIT', 0, 1_000_000_000],
  ['DOCUMENT_MAX_BYTES', 1, 10_485_760],
  ['DOCUMENT_DAILY_FILES', 0, 1_000_000_000],
  ['DOCUMENT_DAILY_BYTES', 0, 1_000_000_000_000_000],
  ['PORT', 0, 65_535],
  ['DATABASE_POOL_SIZE', 4, 500],
  ['DATABASE_READ_POOL_SIZE', 1, 250],
  ['DATABASE_WAIT_SECONDS', 0, 86_400],
  ['STATSD_PORT', 1, 65_535],
  ['DELIVER_MAX_RETRIES', 0, 1000],
  ['DELIVER_RETRY_DELAY_SECONDS', 1, 86_400],
  ['PERSIST_MAX_RETRIES', 0, 1000],
  ['PERSIST_RETRY_DELAY_SECONDS', 1, 86_400],
  ['DELIVER_CONCURRENCY', 1, 10_000],
  ['PROVIDER_TIMEOUT_SECONDS', 1, 120],
  ['SANDBOX_PORT', 0, 65_535],
  ['WEB_PORT', 0, 65_535],
  ['WEB_SESSION_HOURS', 1, 168],
  ['WEB_UNDO_SECONDS', 0, 3600],
  ['LOADTESTING_LATENCY_MS', 0, 60_000],
  ['SMTP_CONNECTIONS', 1, 1000],
  ['SMS_PROVIDER_ERROR_THRESHOLD', 1, 1_000_000],
  ['SMS_PROVIDER_ERROR_INTERVAL', 1, 3600],
  ['PROVIDER_CIRCUIT_WINDOW_SECONDS', 5, 3600],
  ['PROVIDER_CIRCUIT_LEAST_FAILURES', 1, 100_000],
  ['PROVIDER_CIRCUIT_FAILURE_PERCENT', 1, 100],
  ['PROVIDER_CIRCUIT_OPEN_SECONDS', 1, 3600],
  ['SENDING_NOTIFICATIONS_TIMEOUT_PERIOD', 60, 31_536_000],
  ['SERVICE_CALLBACK_TIMEOUT_SECONDS', 1, 120],
  ['CALLBACK_MAX_RETRIES', 0, 1000],
  ['CALLBACK_RETRY_DELAY_SECONDS', 1, 86_400],
  ['CALLBACK_CONCURRENCY', 1, 1000],
];
const wrong: Record<string, string[]> = {
  API_HOST_NAME: ['api.example.com', 'ftp://api.example.com', 'https://', 'postgres://h/d'],
  DATABASE_URL: ['localhost:5432', 'mysql://h/d', 'postgres://u:p@h:port/d'],
  SQLALCHEMY_DATABASE_URI: ['http://h/d'],
  SECRET_KEY: ['short', `${secret},short`, `${secret},`],
  INTERNAL_CLIENT_API_KEYS: ['secret', '[]', 'null', '1', '{"a":"b"}', '{"a":[]}', '{"a":[""]}', '{"a":[1]}'],
  DESPATCH_DEMO: ['2', 'maybe'],
  DELIVER_RETRY_DELAYS: ['10,,60', '0', '1.5', 'x', ','],
  SMS_FIRST_RETRY_IMMEDIATE: ['maybe'],
  SMS_PROVIDER_STRATEGY: ['random'],
  SMS_PROVIDER_RESTING_POINTS: ['51', '[]', '{"mmg":101}', '{"mmg":-1}', '{"mmg":"51"}', '{"mmg":0.5}'],
  FUNCTIONAL_TEST_PROVIDER_SERVICE_ID: ['one', '6f1b4f0e6f8a4c7e9d0e0d9a6a1f4b11'],
  FUNCTIONAL_TEST_PROVIDER_SMS_TEMPLATE_ID: ['one'],
  CALLBACK_ALLOW_PRIVATE: ['maybe'],
  LOG_LEVEL: ['loud'],
  LOGGING_STDOUT_JSON: ['maybe'],
  OTEL_TRACES_EXPORTER: ['console'],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['localhost:4318'],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['ftp://collector'],
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: ['key', 'key=%zz'],
  OTEL_EXPORTER_OTLP_HEADERS: ['=value', 'a=b,c'],
  OTEL_TRACES_SAMPLER: ['jaeger_remote'],
  OTEL_TRACES_SAMPLER_ARG: ['1.1', '-1', 'half', '.'],
  NOTIFY_LOG_LEVEL: ['WARNING'],
  STATSD_ENABLED: ['never'],
  METRICS_PORT: ['-1', '65536', 'auto'],
  NOTIFICATION_QUEUE_PREFIX: ['a b', 'é', 'x'.repeat(41)],
  FROM_NUMBER: ['ab', 'twelve chars', 'a/b', '...', '1234567890123456'],
  NOTIFY_EMAIL_DOMAIN: ['localhost', 'a@b.example', 'mail..example'],
  SANDBOX: ['2', 'maybe'],
  SANDBOX_URL: ['sandbox:6012', 'ws://sandbox'],
  WEB_API_URL: ['api:6011', 'ftp://api'],
  WEB_BRAND_COLOUR: ['teal', '#0b5', '#ffdd00'],
  WEB_SECRET: ['too short'],
  WEB_SECOND_STEP: ['maybe'],
  WEB_LOGO_FILE: ['no-such-file.svg', 'package.json'],
  MMG_URL: ['mmg', 'smtp://h'],
  MMG_API_KEY: ['a b', 'é'],
  MMG_RECEIPT_URL: ['mmg'],
  MMG_RECEIPT_AUTH: ['user', ':password', 'user:', 'a b:c'],
  FIRETEXT_URL: ['firetext'],
  FIRETEXT_API_KEY: ['a b'],
  FIRETEXT_INTERNATIONAL_API_KEY: ['a b'],
  FIRETEXT_RECEIPT_URL: ['firetext'],
  FIRETEXT_RECEIPT_AUTH: ['user'],
  LOADTESTING_URL: ['loadtesting'],
  LOADTESTING_API_KEY: ['a b'],
  SES_ENABLED: ['maybe'],
  SES_URL: ['ses'],
  SES_STUB_URL: ['smtp://h'],
  AWS_REGION: ['Ireland', 'eu-west', 'eu-west-1.evil.example'],
  AWS_ACCESS_KEY_ID: ['a b'],
  AWS_SECRET_ACCESS_KEY: ['a b'],
  AWS_SESSION_TOKEN: ['a b'],
  SES_SNS_TOPIC_ARNS: [
    ...['receipts', 'arn:aws:sqs:eu-west-1:1:a', 'arn:aws:sns:eu-west-1:1:a b'],
    // No region has such a name, and the host of SNS is made of it.
    ...['s3', 's3-eu-west-1', 'eu-west', 'eu-west-123', 'EU-WEST-1', 'eu-west-1.evil', '-'].map(
      (region) => `arn:aws:sns:${region}:1:a`,
    ),
    'arn:aws:sns:eu-west-1:1:a,arn:aws:sns:s3:1:b',
  ],
  SMTP_URL: ['mail.example', 'http://mail.example'],
  ADMIN_BASE_URL: ['admin.example', 'ftp://admin.example'],
  SCHEDULED_JOBS_EVERY: ['minute', '15', 'hours'],
  DOCUMENT_BASE_URL: ['documents.example', 'ftp://documents.example'],
};
for (const [name, least, most] of numbers)
  wrong[name] = [String(least - 1), String(most + 1), '1.5', '1e1', 'x', '0x10'];
const freeText = [
  'SIMULATED_RECIPIENTS',
  ...[
    'ADMIN_CLIENT_USER_NAME',
    'MMG_INBOUND_SMS_USERNAME',
    'MMG_INBOUND_SMS_AUTH',
    'FIRETEXT_INBOUND_SMS_AUTH',
  ],
  ...['NOTIFY_ENVIRONMENT', 'HOST', 'DESPATCH_DATA_DIR', 'DANGEROUS_SALT', 'ADMIN_CLIENT_SECRET'],
  ...[
    'OTEL_SERVICE_NAME',
    'STATSD_HOST',
    'STATSD_PREFIX',
    'SMS_RATES_FILE',
    'SANDBOX_HOST',
    'WEB_HOST',
    'WEB_PRODUCT_NAME',
    'WEB_REGISTRATION',
    'WEB_CONTACT',
    'GIT_COMMIT',
    'BUILD_TIME',
  ],
];

test('an invalid value is a ConfigError that names its variable, and this test covers every variable', () => {
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
  const names = settings.flatMap((setting) => setting.names);
  assert.deepEqual([...Object.keys(wrong), ...freeText].toSorted(), names.toSorted());
});

test('the minimum and the maximum of each number are accepted', () => {
  for (const [name, least, most] of numbers)
    for (const value of [least, most])
      assert.ok(
        Object.values(readConfig({ [name]: String(value) })).some((area) =>
          Object.values(area).includes(value),
        ),
        `${name}=${value}`,
      );
});

test('a database of your own requires SECRET_KEY', () => {
  for (const name of ['DATABASE_URL', 'SQLALCHEMY_DATABASE_URI'])
    assert.throws(() => readConfig({ [name]: 'postgres://u:hunter2@h/d' }), {
      name: 'ConfigError',
      message: /^SECRET_KEY must be set when DATABASE_URL is/,
    });
});

test('an AWS key requires its secret where SES is enabled', () => {
  assert.throws(() => readConfig({ SES_ENABLED: '1', AWS_ACCESS_KEY_ID: 'id' }), {
    name: 'ConfigError',
    message: 'AWS_SECRET_ACCESS_KEY must be set when AWS_ACCESS_KEY_ID is, for SES_ENABLED.',
  });
  assert.equal(
    readConfig({ AWS_ACCESS_KEY_ID: 'id' }).ses.accessKeyId,
    'id',
    'it may be there for other purposes',
  );
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
    { MMG_API_KEY: 'hunter2 ?' },
    { FIRETEXT_RECEIPT_AUTH: 'hunter2' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' },
    { SMTP_URL: 'http://u:hunter2@h' },
    { SES_ENABLED: '1', AWS_ACCESS_KEY_ID: 'hunter2' },
  ];
  for (const environment of environments)
    assert.throws(
      () => readConfig(environment),
      (error) => error instanceof ConfigError && !inspect(error, { depth: 9 }).includes('hunter2'),
      inspect(environment),
    );
});

test('a configuration cannot be changed', () => {
  const config = readConfig({});
  assert.throws(() => Object.assign(config, { api: { port: 1 } }), TypeError);
  assert.throws(() => Object.assign(config.api, { port: 1 }), TypeError);
});

test('a setting that is not UTF-8 is refused without being shown; a byte order mark is taken off', () => {
  for (const { names } of settings)
    assert.throws(() => readConfig({ [names[0]!]: 'abc\ufffd' }), {
      name: 'ConfigError',
      message: `${names[0]} is not text in UTF-8: set it again, with the terminal or file in UTF-8.`,
    });
  const { mmg, secrets } = readConfig({
    MMG_API_KEY: '\ufeffkey',
    INTERNAL_CLIENT_API_KEYS: '\ufeff{"admin": ["a secret of 24 characters"]}',
  });
  assert.equal(mmg.apiKey, 'key');
  assert.notEqual(secrets.clients, null);
});
