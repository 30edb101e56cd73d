import { ConfigError } from '../ground/problem.ts';
import { flag, matching, oneOf, type Reader, setting, text, whole } from './setting.ts';

const domain = matching(
  'despatch.localhost',
  /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i,
  'a domain name such as mail.example.com',
);

/** What networks show as the sender of a text. */
export const smsSender = /^(?=.*[a-zA-Z0-9])[a-zA-Z0-9 ._&-]{3,11}$|^\d{5,15}$/;

/** Whole seconds. */
const delays: Reader<readonly number[] | null> = {
  fallback: null,
  read(name, given) {
    const parts = given.split(',').map((part) => part.trim());
    if (!parts.every((part) => /^[1-9]\d{0,5}$/.test(part)))
      throw new ConfigError(`${name} must be whole seconds separated by commas, such as 10,60,300.`);
    return parts.map(Number);
  },
};

export const delivery = {
  retries: setting(
    'DELIVER_MAX_RETRIES',
    whole(48, 0, 1000),
    'How often sending is retried when no provider took the message.',
  ),
  retrySeconds: setting(
    'DELIVER_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    'Seconds between these retries.',
  ),
  retryDelays: setting(
    'DELIVER_RETRY_DELAYS',
    delays,
    'Seconds before each retry, separated by commas, in place of the two settings above; 10,60,300,3600,14400 is the retry policy of 2016.',
    'none: the two settings above apply',
  ),
  smsFirstRetryImmediate: setting(
    'SMS_FIRST_RETRY_IMMEDIATE',
    flag(false),
    'Whether the first retry of a text that no provider took happens at once.',
  ),
  persistRetries: setting(
    'PERSIST_MAX_RETRIES',
    whole(5, 0, 1000),
    'How often storing an accepted message is retried.',
  ),
  persistRetrySeconds: setting(
    'PERSIST_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    'Seconds between these retries.',
  ),
  concurrency: setting(
    'DELIVER_CONCURRENCY',
    whole(300, 1, 10_000),
    'Maximum messages that one process sends at once, per queue.',
  ),
  sendingTimeoutSeconds: setting(
    'SENDING_NOTIFICATIONS_TIMEOUT_PERIOD',
    whole(259_200, 60, 31_536_000),
    'Seconds without a receipt after which a sent message has failed.',
  ),
  scheduledJobsEvery: setting(
    'SCHEDULED_JOBS_EVERY',
    oneOf('hour', ['hour', 'quarter']),
    'When scheduled jobs begin: at minute 1 of each `hour`, or at minutes 0, 15, 30 and 45 (`quarter`).',
  ),
  scheduledJobMaxDays: setting(
    'SCHEDULED_JOB_MAX_DAYS',
    whole(7, 1, 365),
    'How many days ahead a job can be scheduled.',
  ),
  fromNumber: setting(
    'FROM_NUMBER',
    matching('DESPATCH', smsSender, 'a sender of 3 to 11 letters and digits, or a number'),
    'SMS sender of a service that has none of its own.',
  ),
  emailDomain: setting(
    'NOTIFY_EMAIL_DOMAIN',
    { ...domain, read: (name, given) => domain.read(name, given).toLowerCase() },
    'Domain of the addresses that emails are sent from.',
  ),
  smsRatesFile: setting(
    'SMS_RATES_FILE',
    text(null),
    'JSON file with the rates and receipts of countries (format: see "Rates of countries").',
    'the built-in table',
  ),
  freeSmsFragments: setting(
    'FREE_SMS_FRAGMENT_LIMIT',
    whole(250_000, 0, 1_000_000_000),
    'Units of texts that a service has free in a financial year, unless operators have set its own.',
  ),
};

export const callbacks = {
  timeoutSeconds: setting(
    'SERVICE_CALLBACK_TIMEOUT_SECONDS',
    whole(5, 1, 120),
    'How long the callback address of a service may take to answer.',
  ),
  retries: setting(
    'CALLBACK_MAX_RETRIES',
    whole(5, 0, 1000),
    'How often a callback that the service did not take is retried.',
  ),
  retrySeconds: setting(
    'CALLBACK_RETRY_DELAY_SECONDS',
    whole(300, 1, 86_400),
    'Seconds between these retries, unless the response names another time.',
  ),
  concurrency: setting(
    'CALLBACK_CONCURRENCY',
    whole(10, 1, 1000),
    'Maximum callbacks that one process makes to one address at once.',
  ),
  allowPrivate: setting(
    'CALLBACK_ALLOW_PRIVATE',
    flag(false),
    'Whether callbacks may go to private and loopback addresses, and over plain HTTP.',
  ),
};
