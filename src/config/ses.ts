import { ConfigError } from '../ground/problem.ts';
import { flag, list, matching, setting, supplierKey, url } from './setting.ts';

/** The form of a region, such as eu-west-1; parts of a pattern. */
export const awsRegion = '[a-z]{2}(?:-[a-z]+)+-\\d{1,2}';

const topicArn = new RegExp(`^arn:aws[a-z-]*:sns:${awsRegion}:\\d+:[\\w-]+(\\.fifo)?$`);

const topicArns = list([], (name, arn) => {
  if (!topicArn.test(arn))
    throw new ConfigError(
      `${name} must be one or more ARNs of SNS topics such as arn:aws:sns:eu-west-1:123456789012:receipts, separated by commas, not "${arn}".`,
    );
});

export const ses = {
  enabled: setting(
    'SES_ENABLED',
    flag(false),
    'Whether emails go through Amazon SES. AWS keys alone do not enable it: many machines have them for other purposes.',
  ),
  url: setting(
    ['SES_URL', 'SES_STUB_URL'],
    url(['http', 'https']),
    'A server with the API of Amazon SES.',
    'the endpoint of the region',
  ),
  region: setting(
    'AWS_REGION',
    matching('eu-west-1', new RegExp(`^${awsRegion}$`), 'a region such as eu-west-1'),
    'Region of Amazon SES.',
  ),
  accessKeyId: setting('AWS_ACCESS_KEY_ID', supplierKey, 'Key for Amazon SES.', 'the role of the machine'),
  secretAccessKey: setting('AWS_SECRET_ACCESS_KEY', supplierKey, 'Secret of AWS_ACCESS_KEY_ID.'),
  sessionToken: setting('AWS_SESSION_TOKEN', supplierKey, 'Token of a temporary AWS_ACCESS_KEY_ID.'),
  topicArns: setting(
    'SES_SNS_TOPIC_ARNS',
    topicArns,
    'SNS topics, separated by commas, whose receipts are accepted; each receipt needs a valid signature.',
    'none: any topic, signatures are not checked; only on loopback',
  ),
};
