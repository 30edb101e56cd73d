import assert from 'node:assert/strict';
import { createSign } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import { getGlobalDispatcher, MockAgent, setGlobalDispatcher } from 'undici';
import { selfSigned } from '../../../../test/support/certificate.ts';
import type { ReadRequest } from '../../contract.ts';
import { sesReceipts } from './receipt.ts';
import { snsUrl } from './sns.ts';

const topic = 'arn:aws:sns:eu-west-1:000000000000:receipts';
const now = Date.parse('2026-05-02T13:05:00Z');
const day = 86_400_000;
const { pem, key } = selfSigned(new Date(now - day), new Date(now + day));
const certificatePath = '/SimpleNotificationService-0.pem';
const certificateUrl = `https://sns.eu-west-1.amazonaws.com${certificatePath}`;

/** A fake SNS: what it was asked, and the status it returns. */
const sns = { fetched: 0, status: 200, confirmed: [] as string[] };
const usual = getGlobalDispatcher();
const agent = new MockAgent();
agent.disableNetConnect();
const pool = agent.get('https://sns.eu-west-1.amazonaws.com');
pool
  .intercept({ path: certificatePath })
  .reply(() => {
    sns.fetched += 1;
    return { statusCode: sns.status, data: pem };
  })
  .persist();
pool
  .intercept({ path: (path) => path.startsWith('/?Action=ConfirmSubscription') })
  .reply(({ path }) => {
    sns.confirmed.push(path);
    return { statusCode: sns.status, data: '' };
  })
  .persist();
setGlobalDispatcher(agent);
after(async () => {
  setGlobalDispatcher(usual);
  await agent.close();
});
beforeEach(() => Object.assign(sns, { fetched: 0, status: 200, confirmed: [] }));

const delivery = (more: object = {}) =>
  JSON.stringify({
    notificationType: 'Delivery',
    mail: {
      timestamp: '2026-05-02T13:04:00.000Z',
      messageId: 'ses-1',
      destination: ['kim@recipient.example'],
    },
    ...more,
  });

const envelopeOf = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  Type: 'Notification',
  MessageId: '5d0f9c1e-8b3a-4d77-9a10-4e2f6c8b1a03',
  TopicArn: topic,
  Subject: 'Amazon SES',
  Message: delivery(),
  Timestamp: '2026-05-02T13:04:10.120Z',
  SigningCertURL: certificateUrl,
  ...more,
});

function signed(envelope: Record<string, unknown>, version = '2'): Record<string, unknown> {
  const fields =
    envelope['Type'] === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const text = fields.map((field) => (field in envelope ? `${field}\n${envelope[field]}\n` : '')).join('');
  const Signature = createSign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256')
    .update(text)
    .sign(key, 'base64');
  return { ...envelope, SignatureVersion: version, Signature };
}

const open = (topicArns: readonly string[] = [], clock = { now: () => now }, isUsed = true) =>
  sesReceipts({ clock, topicArns, isUsed });
const read = async (
  endpoint: ReturnType<typeof open>,
  envelope: unknown,
  isOwn = false,
): Promise<ReadRequest> => await endpoint.read(Buffer.from(JSON.stringify(envelope)), { isOwn });
const refusal = (result: ReadRequest) =>
  'answer' in result
    ? [result.answer.status, (result.answer.body as { message: unknown }).message]
    : 'a receipt';

test('a receipt signed by SNS is accepted in both signature versions; its certificate is fetched once', async () => {
  const endpoint = open([topic]);
  for (const version of ['1', '2', '2', '1'])
    assert.equal(refusal(await read(endpoint, signed(envelopeOf(), version))), 'a receipt');
  const { Subject: _, ...withoutSubject } = envelopeOf();
  assert.equal(refusal(await read(endpoint, signed(withoutSubject))), 'a receipt');
  assert.equal(sns.fetched, 1);
});

test('with topics configured, only receipts for them that SNS signed are accepted', async () => {
  const endpoint = open([topic]);
  const good = signed(envelopeOf());
  const invalid = [403, 'SES callback failed: invalid signature'];
  const table: [string, Record<string, unknown>, unknown][] = [
    ['no signature', envelopeOf(), invalid],
    ['changed text', { ...good, Message: delivery({ notificationType: 'Bounce' }) }, invalid],
    ['changed time', { ...good, Timestamp: '2026-05-02T13:04:11.120Z' }, invalid],
    ['another version', { ...good, SignatureVersion: '3' }, invalid],
    ['the wrong version', { ...good, SignatureVersion: '1' }, invalid],
    ['a foreign certificate', { ...good, SigningCertURL: 'https://evil.example/a.pem' }, invalid],
    [
      'a lookalike',
      { ...good, SigningCertURL: 'https://sns.eu-west-1.amazonaws.com.evil.example/a.pem' },
      invalid,
    ],
    ['not over https', { ...good, SigningCertURL: certificateUrl.replace('https', 'http') }, invalid],
    [
      'a topic of somebody else',
      signed(envelopeOf({ TopicArn: `${topic}2` })),
      [403, 'SES callback failed: topic not allowed'],
    ],
  ];
  for (const [why, envelope, expected] of table)
    assert.deepEqual(refusal(await read(endpoint, envelope)), expected, why);
});

const foreignHosts = [
  'sns.s3.amazonaws.com',
  'sns.s3-eu-west-1.amazonaws.com',
  'sns.us-east-1.amazonaws.com',
  'sns.eu-west-1.amazonaws.com.cn',
  'sns.cn-north-1.amazonaws.com.cn',
  'sns.eu-west-1.amazonaws.com.',
  'sns-eu-west-1.amazonaws.com',
];

test('a certificate or subscription is accepted only from the host of SNS in the region of the topic', async () => {
  for (const host of foreignHosts) {
    const SigningCertURL = `https://${host}${certificatePath}`;
    assert.deepEqual(
      refusal(await read(open([topic]), { ...signed(envelopeOf()), SigningCertURL })),
      [403, 'SES callback failed: invalid signature'],
      host,
    );
    const elsewhere = confirmation(`https://${host}/?Action=ConfirmSubscription&Token=t`);
    assert.deepEqual(
      refusal(await read(open(), elsewhere)),
      [400, 'SES callback failed: invalid SubscribeURL'],
      host,
    );
  }
  assert.equal(sns.fetched + sns.confirmed.length, 0);
});

test('an expired SNS certificate is refused; one that cannot be fetched makes SNS post again, and is fetched again', async () => {
  const late = open([topic], { now: () => now + 2 * day });
  assert.deepEqual(refusal(await read(late, signed(envelopeOf()))), [
    403,
    'SES callback failed: invalid signature',
  ]);
  const endpoint = open([topic]);
  sns.status = 500;
  assert.deepEqual(refusal(await read(endpoint, signed(envelopeOf()))), [
    503,
    'SES callback failed: signature could not be verified',
  ]);
  sns.status = 200;
  assert.equal(refusal(await read(endpoint, signed(envelopeOf()))), 'a receipt');
});

test('events that say nothing about the outcome are confirmed and change nothing', async () => {
  const events = ['Send', 'DeliveryDelay', 'Open', 'Click', 'Subscription', 'Received'];
  const messages = [
    ...events.map((eventType) => delivery({ notificationType: undefined, eventType })),
    JSON.stringify({ notificationType: 'AmazonSnsSubscriptionSucceeded', message: 'You have subscribed' }),
    'Successfully validated SNS topic for Amazon SES event publishing.',
  ];
  for (const Message of messages)
    assert.deepEqual(refusal(await read(open(), envelopeOf({ Message }))), [200, 'SES callback succeeded']);
  const end = envelopeOf({
    Type: 'UnsubscribeConfirmation',
    Message: 'You have chosen to deactivate',
    Token: 't',
  });
  assert.deepEqual(refusal(await read(open([topic]), signed(end))), [200, 'SES callback succeeded']);
  assert.equal((refusal(await read(open([topic]), end)) as unknown[])[0], 403);
});

test('an email that SES took and then refused to send is a technical failure', async () => {
  for (const eventType of ['Reject', 'Rendering Failure', 'RenderingFailure']) {
    const Message = delivery({ notificationType: undefined, eventType, reject: { reason: 'Bad content' } });
    const result = await read(open(), envelopeOf({ Message }));
    assert.ok('receipt' in result, eventType);
    const { status, rawStatus, found } = result.receipt;
    assert.deepEqual([status, rawStatus, found.value], ['technical-failure', eventType, 'ses-1']);
  }
});

test('an email suppressed after an earlier complaint was not delivered, and is no new complaint', async () => {
  const complaint = { complaintSubType: 'OnAccountSuppressionList', feedbackId: 'fb-1' };
  const result = await read(
    open(),
    envelopeOf({ Message: delivery({ notificationType: 'Complaint', complaint }) }),
  );
  assert.ok('receipt' in result);
  const { status, detailCode, complaint: kept } = result.receipt;
  assert.deepEqual([status, detailCode, kept], ['permanent-failure', 'OnAccountSuppressionList', null]);
});

test('a receipt delivered raw is read like one in an envelope; it has no signature, so topics refuse it', async () => {
  const raw = JSON.parse(delivery());
  const result = await read(open(), raw);
  assert.ok('receipt' in result && result.receipt.found.value === 'ses-1');
  assert.deepEqual(refusal(await read(open([topic]), raw)), [403, 'SES callback failed: topic not allowed']);
});

test('a receipt may wait for its message only where SES is used or has signed it', async () => {
  const clock = { now: () => now };
  const waits = async (endpoint: ReturnType<typeof open>, envelope: object, isOwn = false) => {
    const result = await read(endpoint, envelope, isOwn);
    assert.ok('receipt' in result);
    return result.receipt.handedOverAt !== null;
  };
  assert.equal(await waits(open([], clock, true), envelopeOf()), true);
  assert.equal(await waits(open([], clock, false), envelopeOf()), false);
  assert.equal(await waits(open([], clock, false), JSON.parse(delivery())), false);
  assert.equal(await waits(open([topic], clock, false), signed(envelopeOf())), true);
  assert.equal(await waits(open([], clock, false), envelopeOf(), true), true, 'our own');
});

test('simulated receipts of SES need no signature', async () => {
  assert.equal(refusal(await read(open([topic]), envelopeOf(), true)), 'a receipt');
});

const confirmation = (url: string) =>
  envelopeOf({ Type: 'SubscriptionConfirmation', Message: 'You have chosen', Token: 't', SubscribeURL: url });
const confirmUrl = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t';

test('a subscription is confirmed with SNS, and with topics configured only if SNS signed it', async () => {
  assert.deepEqual(refusal(await read(open(), confirmation(confirmUrl))), [200, 'SES callback succeeded']);
  assert.deepEqual(refusal(await read(open([topic]), signed(confirmation(confirmUrl)))), [
    200,
    'SES callback succeeded',
  ]);
  assert.equal(sns.confirmed.length, 2);
  assert.equal((refusal(await read(open([topic]), confirmation(confirmUrl))) as unknown[])[0], 403);
  assert.equal(sns.confirmed.length, 2, 'without a signature no URL is called');
  sns.status = 403;
  assert.deepEqual(refusal(await read(open(), confirmation(confirmUrl))), [500, 'Internal server error']);
});

test('only URLs of SNS in the region of the topic are ever called', () => {
  const arn = (region: unknown, partition = 'aws') => `arn:${partition}:sns:${region}:000000000000:receipts`;
  const good: [string, string][] = [
    [confirmUrl, topic],
    ['https://sns.cn-north-1.amazonaws.com.cn/x.pem', arn('cn-north-1', 'aws-cn')],
    ['https://sns.us-gov-west-1.amazonaws.com/x.pem', arn('us-gov-west-1', 'aws-us-gov')],
    ['https://sns.ap-southeast-2.amazonaws.com/x.pem', arn('ap-southeast-2')],
  ];
  for (const [url, topicArn] of good) assert.equal(snsUrl(url, topicArn)?.href, url);
  const bad = [
    'http://sns.eu-west-1.amazonaws.com/',
    'https://sns.eu-west-1.amazonaws.com.evil.example/',
    'https://evil.example/?sns.eu-west-1.amazonaws.com',
    'https://sns.eu-west-1.amazonaws.com@evil.example/',
    'https://user@sns.eu-west-1.amazonaws.com/',
    'https://sns.eu-west-1.amazonaws.com:8443/',
    'https://sns.a.b.amazonaws.com/',
    'https://xsns.eu-west-1.amazonaws.com/',
    'https://s3.eu-west-1.amazonaws.com/',
    ...foreignHosts.map((host) => `https://${host}/`),
    'file:///etc/passwd',
    '',
    null,
    {},
  ];
  for (const url of bad) assert.equal(snsUrl(url, topic), null, String(url));
  // Without configured topics, whoever posts chooses the ARN too.
  for (const region of ['s3', 's3-eu-west-1', 'a', 'evil.example/', ''])
    assert.equal(snsUrl(`https://sns.${region}.amazonaws.com/`, arn(region)), null, region);
  for (const topicArn of [undefined, null, '', 5, {}, 'eu-west-1', `x${topic}`])
    assert.equal(snsUrl(confirmUrl, topicArn), null, String(topicArn));
});

test('SES receipt types are mapped; nothing personal is kept from a bounce or complaint', async () => {
  const recipients = [{ emailAddress: 'kim@recipient.example' }];
  const bounce = (bounceType: unknown) => ({
    notificationType: 'Bounce',
    bounce: { bounceType, bounceSubType: 'General', bouncedRecipients: recipients },
  });
  const table: [object, string, string, string][] = [
    [{}, 'delivered', 'Delivery', 'Delivered'],
    [bounce('Permanent'), 'permanent-failure', 'Bounce Permanent', 'Hard bounced'],
    [bounce('Transient'), 'temporary-failure', 'Bounce Transient', 'Soft bounced'],
    [bounce({ toString: 1 }), 'temporary-failure', 'Bounce', 'Soft bounced'],
    [
      { notificationType: 'Complaint', complaint: { feedbackId: 'fb', complainedRecipients: recipients } },
      'delivered',
      'Complaint',
      'Complaint',
    ],
  ];
  for (const [more, status, rawStatus, detail] of table) {
    const result = await read(open(), envelopeOf({ Message: delivery(more) }));
    assert.ok('receipt' in result);
    const { receipt } = result;
    assert.deepEqual([receipt.status, receipt.rawStatus, receipt.detail], [status, rawStatus, detail]);
    assert.ok(!JSON.stringify(receipt).includes('kim@'));
    assert.equal(receipt.handedOverAt, Date.parse('2026-05-02T13:04:00.000Z'));
  }
});

test('an event of SES event publishing, whose type is in `eventType`, is read like a notification', async () => {
  const bounce = { bounce: { bounceType: 'Permanent', bounceSubType: 'General' } };
  const complaint = { complaint: { feedbackId: 'fb', complaintFeedbackType: 'abuse' } };
  const table: [string, object, object?][] = [
    ['Delivery', {}],
    ['Bounce', bounce],
    ['Bounce', { bounce: { bounceType: 'Transient' } }],
    ['Complaint', complaint],
    ['Delivery', {}, { notificationType: null }],
    ['Delivery', {}, { notificationType: '' }],
    ['Delivery', {}, { eventType: 'Open', notificationType: 'Delivery' }],
  ];
  for (const [type, more, types = {}] of table) {
    const notification = delivery({ ...more, notificationType: type });
    const event = delivery({ notificationType: undefined, eventType: type, ...more, ...types });
    const expected = await read(open(), envelopeOf({ Message: notification }));
    assert.ok('receipt' in expected);
    assert.deepEqual(await read(open(), envelopeOf({ Message: event })), expected, event);
  }
});

test('an event of SES of an unknown type, or without a field, is refused like such a notification', async () => {
  const event = (more: object) => envelopeOf({ Message: delivery({ notificationType: undefined, ...more }) });
  const table: [object, unknown][] = [
    [{ eventType: 'Rendering' }, 'SES callback failed: status Rendering not found'],
    [{ eventType: 'open' }, 'SES callback failed: status open not found'],
    [{ eventType: 'Reject', mail: {} }, 'SES callback failed: messageId missing'],
    [{ eventType: 'Bounce' }, ['SES callback failed: bounce missing']],
    [{ eventType: 'Delivery', mail: {} }, 'SES callback failed: messageId missing'],
    [{ eventType: 5 }, ['SES callback failed: notificationType missing']],
    [{ eventType: '' }, ['SES callback failed: notificationType missing']],
    [{}, ['SES callback failed: notificationType missing']],
  ];
  for (const [more, message] of table)
    assert.deepEqual(refusal(await read(open(), event(more))), [400, message], JSON.stringify(more));
});

test('an SES complaint without an id gets the id of its envelope', async () => {
  const Message = delivery({ notificationType: 'Complaint' });
  const result = await read(open(), envelopeOf({ Message }));
  assert.ok('receipt' in result);
  assert.deepEqual(result.receipt.complaint, {
    feedbackId: '5d0f9c1e-8b3a-4d77-9a10-4e2f6c8b1a03',
    type: null,
    at: null,
  });
});

test('a post without a field is refused with the name of the field, and no post makes the SES endpoint throw', async () => {
  const inner = (Message: string) => envelopeOf({ Message });
  const table: [unknown, unknown][] = [
    [inner(delivery({ notificationType: 'Bounce' })), ['SES callback failed: bounce missing']],
    [inner(delivery({ notificationType: 'Bounce', bounce: [] })), ['SES callback failed: bounce missing']],
    [inner(delivery({ notificationType: 5 })), ['SES callback failed: notificationType missing']],
    [inner(delivery({ mail: null })), 'SES callback failed: messageId missing'],
    [inner(delivery({ mail: { messageId: 5 } })), 'SES callback failed: messageId missing'],
    [inner('null'), ['SES callback failed: notificationType missing']],
    [inner('"x"'), ['SES callback failed: notificationType missing']],
    [inner('{'), 'SES callback failed: invalid json'],
    [envelopeOf({ Message: {} }), ['SES callback failed: Message missing']],
    [[], ['SES callback failed: Message missing']],
    [null, ['SES callback failed: Message missing']],
  ];
  for (const [envelope, message] of table)
    assert.deepEqual(refusal(await read(open(), envelope)), [400, message], JSON.stringify(envelope));
});
