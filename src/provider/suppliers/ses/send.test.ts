import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Got, startProviderServer } from '../../../../test/conformance/http-provider.ts';
import { conforms, emailMessage } from '../../../../test/conformance/provider.ts';
import { shownHeader } from '../../../../test/support/mail.ts';
import { systemClock } from '../../../ground/clock.ts';
import type { EmailMessage } from '../../contract.ts';
import { sesReceipts } from './receipt.ts';
import { sesProvider } from './send.ts';

const never = new AbortController().signal;
const errorType = (type: string) => ({ 'x-amzn-errortype': `${type}:http://internal.amazon.com/` });

type Sent = {
  FromEmailAddress: string;
  Destination: { ToAddresses: string[] };
  ReplyToAddresses: string[];
  Content: {
    Simple: {
      Subject: { Data: string; Charset: string };
      Body: { Text: { Data: string; Charset: string }; Html: { Data: string; Charset: string } };
      Headers?: { Name: string; Value: string }[];
    };
  };
};
const sentIn = ({ body }: Got) => JSON.parse(body) as Sent;

type Reply = { status: number; headers?: Record<string, string>; body: string };
const start = (answer: Reply = { status: 200, body: '{"MessageId":"0102018f-000117"}' }) =>
  startProviderServer({
    replies: {
      accept: () => answer,
      fail: () => ({
        status: 429,
        headers: errorType('TooManyRequestsException'),
        body: '{"message":"Maximum sending rate exceeded."}',
      }),
      reject: (got) => ({
        status: 400,
        headers: errorType('BadRequestException'),
        body: JSON.stringify({ message: `Invalid email address ${sentIn(got).Destination.ToAddresses}.` }),
      }),
      'unknown recipient': (got) => ({
        status: 400,
        headers: errorType('MessageRejected'),
        body: JSON.stringify({ message: `Address blacklisted: ${sentIn(got).Destination.ToAddresses}` }),
      }),
      'full mailbox': (got) => ({
        status: 400,
        headers: errorType('MessageRejected'),
        body: JSON.stringify({ message: `Not sent to ${sentIn(got).Destination.ToAddresses}` }),
      }),
      malformed: () => ({ status: 200, body: '<html>thank you</html>' }),
    },
    read(got) {
      const sent = sentIn(got);
      const { Subject, Body, Headers = [] } = sent.Content.Simple;
      const from = /^"?(.*?)"? <(.*)>$/.exec(sent.FromEmailAddress) ?? ['', '', sent.FromEmailAddress];
      return {
        to: sent.Destination.ToAddresses,
        from: from[2]!,
        reference: null,
        body: Body.Text.Data,
        fields: [...Object.keys(sent), ...Headers.map(({ Name }) => Name)],
        email: {
          fromName: shownHeader(from[1]!.replace(/\\(.)/g, '$1')),
          replyTo: sent.ReplyToAddresses,
          subject: shownHeader(Subject.Data),
          html: Body.Html.Data,
          unsubscribe: Headers.find(({ Name }) => Name === 'List-Unsubscribe')?.Value ?? null,
        },
      };
    },
    connect: (url, limits) =>
      sesProvider({
        region: 'eu-west-1',
        url,
        credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' },
        connections: 60,
        ...limits,
      }),
  });

conforms('SES', {
  type: 'email',
  start,
  rejects: true,
  // A full mailbox is known only once SES has tried it; its receipt says so.
  tells: { permanent: true, temporary: false },
  carriesReference: false,
  endpoint: sesReceipts({ clock: systemClock, topicArns: [], isUsed: true }),
});

async function send(more: Partial<EmailMessage>, answer?: Reply) {
  const server = await start(answer);
  const provider = server.connect({ timeoutSeconds: 20 });
  try {
    const result = await provider.send({ ...emailMessage, ...more }, never);
    return { result, request: server.requests()[0], count: server.requests().length };
  } finally {
    await provider.close?.();
    await server.stop();
  }
}

test('an email goes to SES as a signed SendEmail request of version 2', async () => {
  const { request, result } = await send({});
  assert.deepEqual([request!.method, request!.path], ['POST', '/v2/email/outbound-emails']);
  assert.match(
    request!.headers.authorization ?? '',
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/ses\//,
  );
  assert.deepEqual(JSON.parse(request!.body), {
    FromEmailAddress: '"Harbour \\"North\\", office" <harbour.north@mail.example.com>',
    Destination: { ToAddresses: ['kim+tide@recipient.example'], CcAddresses: [], BccAddresses: [] },
    ReplyToAddresses: ['desk@example.com'],
    Content: {
      Simple: {
        Subject: { Data: emailMessage.subject, Charset: 'UTF-8' },
        Body: {
          Text: { Data: emailMessage.text, Charset: 'UTF-8' },
          Html: { Data: emailMessage.html, Charset: 'UTF-8' },
        },
        Headers: [
          { Name: 'List-Unsubscribe', Value: '<https://example.com/unsubscribe?token=a%20b&c=1>' },
          { Name: 'List-Unsubscribe-Post', Value: 'List-Unsubscribe=One-Click' },
        ],
      },
    },
  });
  assert.deepEqual(result, { outcome: 'accepted', reference: '0102018f-000117' });
});

test('SES gets domains in punycode and names outside ASCII in encoded words; absent fields are left out', async () => {
  const { request } = await send({
    to: 'kim@münchen.example',
    replyTo: null,
    unsubscribeUrl: null,
    fromName: 'Porthladd ŵ',
  });
  const sent = sentIn(request!);
  assert.deepEqual(sent.Destination.ToAddresses, ['kim@xn--mnchen-3ya.example']);
  assert.deepEqual(sent.ReplyToAddresses, []);
  assert.equal(sent.FromEmailAddress, '=?UTF-8?B?UG9ydGhsYWRkIMW1?= <harbour.north@mail.example.com>');
  assert.equal(sent.Content.Simple.Headers, undefined);
});

test('SES refuses a recipient, not the service’s own addresses, with a verdict on the recipient', async () => {
  const table: [type: string, message: string, recipient: string | undefined][] = [
    ['BadRequestException', 'Illegal address', 'permanent'],
    ['BadRequestException', `Invalid email address ${emailMessage.to}.`, 'permanent'],
    ['BadRequestException', `Invalid email address ${emailMessage.fromAddress}.`, undefined],
    ['BadRequestException', `Illegal address: ${emailMessage.replyTo}`, undefined],
    ['InvalidParameterValue', 'Domain contains control or whitespace', 'permanent'],
    ['MessageRejected', 'Address blacklisted.', 'permanent'],
    ['MessageRejected', 'The address is on the suppression list for your account', 'permanent'],
  ];
  for (const [type, message, recipient] of table) {
    const answer = { status: 400, headers: errorType(type), body: JSON.stringify({ message }) };
    const { result } = await send({}, answer);
    assert.equal(result.outcome, 'rejected', message);
    assert.equal('recipient' in result ? result.recipient : undefined, recipient, message);
  }
});

test('SES responses are mapped to outcomes, and the SDK never retries', async () => {
  const error = (status: number, type: string, message = 'no') => ({
    status,
    headers: errorType(type),
    body: JSON.stringify({ message }),
  });
  const table: [Reply, string, string][] = [
    [error(400, 'InvalidParameterValue'), 'rejected', 'InvalidParameterValue'],
    [error(400, 'BadRequestException', "Missing final '@domain'"), 'rejected', 'BadRequestException'],
    [error(400, 'BadRequestException', 'Illegal address'), 'rejected', 'BadRequestException'],
    [error(400, 'BadRequestException', 'Too many headers'), 'failed', 'BadRequestException'],
    [error(400, 'MessageRejected', 'Email address is not verified'), 'failed', 'MessageRejected'],
    [error(429, 'TooManyRequestsException'), 'failed', 'TooManyRequestsException'],
    [error(400, 'LimitExceededException'), 'failed', 'LimitExceededException'],
    [error(403, 'SignatureDoesNotMatch'), 'failed', 'SignatureDoesNotMatch'],
    [{ status: 500, body: 'oops' }, 'failed', '500'],
    [{ status: 503, body: '' }, 'failed', '503'],
    [{ status: 504, body: '' }, 'unknown', '504'],
    [{ status: 200, body: '{}' }, 'unknown', '200'],
    [{ status: 200, body: '' }, 'unknown', '200'],
  ];
  for (const [answer, outcome, code] of table) {
    const { result, count } = await send({}, answer);
    assert.equal(count, 1);
    assert.deepEqual(
      [result.outcome, 'code' in result && result.code],
      [outcome, code],
      JSON.stringify(result),
    );
  }
});
