import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { startSandbox } from '../../sandbox/server.ts';
import { asciiForm, parseEmailAddress } from '../../src/content/recipient/email-address.ts';
import { parsePhoneNumber } from '../../src/content/recipient/phone-number.ts';
import { compileEmail, renderEmail } from '../../src/content/template/email.ts';
import { personalisationOf } from '../../src/content/template/personalisation.ts';
import { compileSms, renderSms } from '../../src/content/template/sms.ts';
import { faultsOf } from '../../src/http/validate/check.ts';
import { emailRequest } from '../../src/message/submission/v2/schemas.ts';
import type { EmailMessage, Provider, SmsMessage } from '../../src/provider/contract.ts';
import { firetextProvider } from '../../src/provider/suppliers/firetext/supplier.ts';
import { mmgProvider } from '../../src/provider/suppliers/mmg/supplier.ts';
import { sandboxProvider } from '../../src/provider/suppliers/sandbox/supplier.ts';
import { sesProvider } from '../../src/provider/suppliers/ses/send.ts';
import { smtpProvider } from '../../src/provider/suppliers/smtp/send.ts';
import { parseMail, shownHeader } from '../support/mail.ts';

const never = new AbortController().signal;
const reference = '01890a5d-ac96-774b-bcce-b302099a8057';
const limits = { timeoutSeconds: 5, connections: 1 };
const silent = { info() {}, warn() {}, error() {} };
const numRuns = Number(process.env['COMPOSER_RUNS'] ?? 100);

/** Characters that have broken composers: of headers, addresses, MIME and JSON, and what is not a whole character. */
const troublesome = [
  ...['\r', '\n', '\r\n', '\0', '\t', '\u000b', '\u001b', '\u007f', '\u0085', '\u2028', ' ', '  ', '\u00a0'],
  ...[
    '"',
    "'",
    '\\',
    '<',
    '>',
    '(',
    ')',
    '[',
    ']',
    ',',
    ';',
    ':',
    '@',
    '=',
    '?',
    '=?',
    '?=',
    '.',
    '\r\n.\r\n',
  ],
  ...[
    '=?utf-8?q?a?=',
    '=?UTF-8?B?SGk=?=',
    'Bcc: thief@evil.example',
    'ŵ',
    '🌊',
    '\ud83c',
    '\udf0a',
    '高',
    '\u00ad',
  ],
  ...['\u200b', '\ufeff', '\u202e', '\ufdd0', 'a', 'Z', '0', '-', '_', '%', '&', '#', '/', 'x'.repeat(80)],
];
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...troublesome), maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 120 }),
  fc
    .tuple(fc.constantFrom('x', 'ŵ', '🌊', '=?', '"'), fc.integer({ min: 900, max: 2100 }))
    .map(([unit, times]) => unit.repeat(times)),
);

const hostUnits = [
  'a',
  'Z',
  '0',
  '-',
  'xn--',
  'ü',
  'ß',
  '例',
  '\u00ad',
  '。',
  '．',
  '\u034f',
  '١',
  '𐌰',
  'İ',
  '\u2064',
];
const label = fc.string({ unit: fc.constantFrom(...hostUnits), minLength: 1, maxLength: 12 });
const long = fc
  .tuple(fc.constantFrom('a', 'ü', '例', '\u00ad'), fc.integer({ min: 1, max: 70 }))
  .map(([unit, times]) => unit.repeat(times));
const local = fc.oneof(
  fc.string({ unit: fc.constantFrom(...".az09!#$%&'*+/=?^_`{|}~-"), minLength: 1, maxLength: 20 }),
  fc.integer({ min: 1, max: 310 }).map((times) => 'l'.repeat(times)),
);
/** Texts of which acceptance takes about half. */
const address = fc
  .oneof(
    fc
      .tuple(
        local,
        fc.array(fc.oneof(label, long), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('org', 'notify', '中国', 'xn--p1ai', 'рф'),
      )
      .map(([name, labels, top]) => `${name}@${[...labels, top].join('.')}`),
    fc.tuple(local, fc.constantFrom(...troublesome)).map(([name, odd]) => `${name}${odd}@example.org`),
    fc.emailAddress(),
  )
  .filter((typed) => parseEmailAddress(typed).ok)
  .map((typed) => {
    const outcome = parseEmailAddress(typed);
    assert.ok(outcome.ok);
    return outcome.emailAddress.address;
  });

const takesLink = (url: string) =>
  faultsOf(
    emailRequest,
    { email_address: 'a@b.example', template_id: reference, one_click_unsubscribe_url: url },
    { email_address: () => null, datetime: () => null },
  ).length === 0;
const link = fc
  .oneof(
    fc.webUrl({ validSchemes: ['https'], withFragments: true, withQueryParameters: true }),
    fc
      .tuple(
        fc.constantFrom(
          'https://example.com/',
          'https:example.com/',
          'https:/example.com?',
          'https://例.example/',
        ),
        fc.string({
          unit: fc.constantFrom(
            "'",
            '(',
            ')',
            ',',
            ';',
            '=?',
            '?=',
            '=?utf-8?q?a?=',
            '%3E',
            '>',
            ' ',
            '\r\n',
            'ŵ',
            '"',
            '&',
            '#',
            'a',
          ),
          maxLength: 20,
        }),
      )
      .map(([start, rest]) => start + rest),
    fc.integer({ min: 700, max: 1200 }).map((times) => `https://example.com/${'u'.repeat(times)}`),
  )
  .filter(takesLink);

const emailTemplate = compileEmail('((subject))', '((body))');
const email: fc.Arbitrary<EmailMessage> = fc
  .record({
    to: address,
    fromName: text,
    sender: local,
    replyTo: fc.option(address),
    subject: text,
    body: text,
    unsubscribeUrl: fc.option(link),
  })
  .map(({ subject, body, sender, ...rest }) => ({
    type: 'email' as const,
    reference,
    ...rest,
    fromAddress: `${sender}@mail.example.com`,
    ...renderEmail(emailTemplate, personalisationOf({ subject, body })),
  }))
  .filter(({ fromAddress }) => parseEmailAddress(fromAddress).ok);

const smsTemplate = compileSms('((body))');
const sms: fc.Arbitrary<SmsMessage> = fc
  .record({
    to: fc
      .oneof(
        fc.constantFrom(
          '07700 900123',
          '+447700900123',
          '(0044) 7700-900123',
          '+1 202-555-0104',
          '+33 1 23 45 67 89',
        ),
        fc
          .tuple(fc.constantFrom('07700 900', '+4477009', '+1202555'), text)
          .map(([start, rest]) => start + rest),
      )
      .filter((typed) => parsePhoneNumber(typed).ok),
    from: text.filter((sender) => sender.trim() !== ''),
    body: text,
    name: fc.option(text),
  })
  .map(({ to, from, body, name }) => {
    const outcome = parsePhoneNumber(to);
    assert.ok(outcome.ok);
    const { normalised, isInternational: international } = outcome.phoneNumber;
    const rendered = renderSms(smsTemplate, personalisationOf({ body }), name);
    return { type: 'sms', reference, to: normalised, from, body: rendered.text, international };
  });

/** A text as it must be shown: in one line, what is half a character replaced. */
const oneLine = (given: string) =>
  given
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();

/** The headers and the body of an email on the wire, which must be valid (RFC 5322, RFC 5321, RFC 2047). */
function readStrictly(raw: string): { headers: ReadonlyMap<string, string> } {
  assert.doesNotMatch(raw, /\r(?!\n)|(?<!\r)\n/, 'a line break is not CR LF');
  for (const line of raw.split('\r\n'))
    assert.ok(Buffer.byteLength(line, 'latin1') <= 998, `a line of ${line.length}`);
  const end = raw.indexOf('\r\n\r\n');
  const head = raw.slice(0, end);
  assert.match(head, /^[\t\r\n -~]*$/, 'a header is not printable ASCII');
  for (const line of head.split('\r\n')) assert.notEqual(line.trim(), '', 'a header has a blank line');
  const headers = new Map<string, string>();
  for (const field of head.split(/\r\n(?![ \t])/)) {
    const [, name, value] = /^([!-9;-~]+):[ \t]?(.*)$/s.exec(field) ?? assert.fail(`not a header: ${field}`);
    assert.ok(!headers.has(name!.toLowerCase()), `${name} twice`);
    headers.set(name!.toLowerCase(), value!.replaceAll('\r\n', '').trim());
    for (const line of field.split('\r\n'))
      if (line.includes('=?') && /^(subject|from):/i.test(field)) assert.ok(line.length <= 76, line);
  }
  assertWords(headers.get('subject') ?? '');
  assertWords((headers.get('from') ?? '').replace(/<[^<>]*>$/, ''));
  return { headers };
}

/** Whatever looks like an encoded word is one, holds whole characters and has at most 75 characters. */
function assertWords(header: string): void {
  for (const part of header.split(' ').filter((one) => one.includes('=?'))) {
    assert.match(part, /^=\?UTF-8\?B\?[A-Za-z0-9+/]+=*\?=$/);
    assert.ok(part.length <= 75, part);
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(part.slice(10, -2), 'base64'),
    );
  }
}

/** Name and address of `"name" <address>`. */
function readMailbox(header: string): readonly [name: string, address: string] {
  const [, quoted, words, inBrackets] =
    /^(?:"((?:[^"\\]|\\.)*)" |((?:=\?\S+\?= )+))?<([^<>]*)>$/s.exec(header) ?? [];
  assert.ok(inBrackets !== undefined, header);
  assert.match(inBrackets, /^(?:"[^"\\]+"|(?!\.)[^"@]*[^".@])@[a-z0-9.-]+$/i);
  return [quoted?.replace(/\\(.)/gs, '$1') ?? shownHeader((words ?? '').trim()), inBrackets];
}

/** An address without the quotes that a local part with an odd dot has on the wire; domains ignore case. */
const plain = (given: string) =>
  given
    .replace(/^<(.*)>$/, '$1')
    .replace(/^"(.*)"@/, '$1@')
    .replace(/@.*/, (host) => host.toLowerCase());
const ascii = (given: string) => plain(asciiForm(given)!);

/** A mail server that takes everything, and what it got. */
async function startMailServer() {
  const got: { raw: string; commands: string[] }[] = [];
  const server = createServer((socket) => {
    let rest = '';
    let commands: string[] = [];
    let isContent = false;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined).write('220 ready\r\n');
    socket.on('data', (data) => {
      rest += data;
      for (;;) {
        const end = isContent ? rest.indexOf('\r\n.\r\n') : rest.indexOf('\r\n');
        if (end < 0) return;
        const part = rest.slice(0, end);
        rest = rest.slice(end + (isContent ? 5 : 2));
        if (isContent) {
          got.push({ raw: part.replace(/\r\n\./g, '\r\n'), commands });
          commands = [];
        } else commands.push(part);
        isContent = !isContent && part === 'DATA';
        socket.write(isContent ? '354 go on\r\n' : '250 ok\r\n');
      }
    });
  });
  return {
    server: await listen(server),
    got,
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

/** An HTTP server that answers everything the same, and the bodies that it got. */
async function startHttpServer(answer: string) {
  const got: string[] = [];
  const server = createHttpServer(async (request, response) => {
    request.setEncoding('utf8');
    let body = '';
    for await (const chunk of request) body += chunk;
    got.push(body);
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  });
  return {
    server: await listen(server),
    got,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

async function listen<T extends Server>(server: T): Promise<T> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('whatever is accepted can be sent, and reads as it was meant', () => {
  const closing: (() => unknown)[] = [];
  after(async () => {
    for (const close of closing.reverse()) await close();
  });
  async function every<T extends EmailMessage | SmsMessage>(
    messages: fc.Arbitrary<T>,
    provider: Provider,
    check: (message: T) => unknown,
  ): Promise<void> {
    closing.push(() => provider.close?.());
    await fc.assert(
      fc.asyncProperty(messages, async (message) => {
        const result = await provider.send(message, never);
        assert.equal(result.outcome, 'accepted', JSON.stringify(result));
        await check(message);
      }),
      // Where one hangs; a slow machine takes 10 ms for each.
      { numRuns, interruptAfterTimeLimit: 20_000 + 40 * numRuns, markInterruptAsFailure: true },
    );
  }

  test('by SMTP', async () => {
    const { server, got, url } = await startMailServer();
    closing.push(() => server.close());
    await every(email, smtpProvider({ url, ...limits }), async (message) => {
      const { raw, commands } = got.at(-1)!;
      assert.deepEqual(
        commands
          .filter((line) => !/^(EHLO|DATA|RSET)/.test(line))
          .map((line) => plain(line.replace(/^[A-Z ]+:/, ''))),
        [plain(message.fromAddress), ascii(message.to)],
      );
      const { headers } = readStrictly(raw);
      assert.equal(plain(headers.get('to')!), ascii(message.to));
      const [name, from] = readMailbox(headers.get('from')!);
      assert.deepEqual([name, plain(from)], [oneLine(message.fromName), plain(message.fromAddress)]);
      const replyTo = headers.get('reply-to');
      assert.equal(replyTo && plain(replyTo), message.replyTo === null ? undefined : ascii(message.replyTo));
      assert.equal(shownHeader(headers.get('subject') ?? ''), oneLine(message.subject));
      assertLink(headers.get('list-unsubscribe'), message.unsubscribeUrl);
      const usual = 'from to subject message-id date mime-version content-type';
      const known = `${usual} reply-to list-unsubscribe list-unsubscribe-post`.split(' ');
      for (const header of headers.keys()) assert.ok(known.includes(header), header);
      const mail = await parseMail(Buffer.from(raw, 'latin1'), [message.to], message.fromAddress);
      assert.equal(lines(mail.body), lines(message.text));
      assert.equal(lines(mail.email!.html), lines(message.html));
    });
  });

  test('by SES', async () => {
    const { server, got, url } = await startHttpServer('{"MessageId":"0102018f-000117"}');
    closing.push(() => server.close());
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' };
    await every(email, sesProvider({ region: 'eu-west-1', url, credentials, ...limits }), (message) => {
      const sent = JSON.parse(got.at(-1)!);
      const { Subject, Body, Headers = [] } = sent.Content.Simple;
      assert.deepEqual(sent.Destination.ToAddresses.map(plain), [ascii(message.to)]);
      assert.deepEqual(
        sent.ReplyToAddresses.map(plain),
        message.replyTo === null ? [] : [ascii(message.replyTo)],
      );
      const [name, from] = readMailbox(sent.FromEmailAddress);
      assert.deepEqual([name, plain(from)], [oneLine(message.fromName), plain(message.fromAddress)]);
      assertWords(sent.FromEmailAddress.replace(/<[^<>]*>$/, ''));
      assertWords(Subject.Data);
      assert.match(Subject.Data, /^[ -~]*$/);
      assert.equal(shownHeader(Subject.Data), oneLine(message.subject));
      assert.equal(Body.Text.Data, message.text.toWellFormed());
      assert.equal(Body.Html.Data, message.html.toWellFormed());
      const header = Headers.find(({ Name }: { Name: string }) => Name === 'List-Unsubscribe')?.Value;
      assertLink(header, message.unsubscribeUrl);
      // The bounds of a header in the API of SES.
      if (header !== undefined) assert.match(header, /^[ -~]{1,870}$/);
    });
  });

  test('by the sandbox, texts and emails', async () => {
    const sandbox = await startSandbox({ port: 0, log: silent, behaviour: { receipt_drop_rate: 1 } });
    closing.push(() => sandbox.stop());
    const provider = sandboxProvider({ url: sandbox.url, receiptUrl: sandbox.url, ...limits });
    await every(fc.oneof(email, sms), provider, () => {});
  });

  test('by MMG', async () => {
    const { server, got, url } = await startHttpServer('{"Reference": 1}');
    closing.push(() => server.close());
    await every(
      sms,
      mmgProvider({ url, apiKey: 'k', receiptUrl: null, receiptAuth: null, ...limits }),
      (message) => {
        const { MSISDN, msg, sender } = JSON.parse(got.at(-1)!);
        assertText(message, { to: MSISDN, body: msg, from: sender });
      },
    );
  });

  test('by Firetext', async () => {
    const { server, got, url } = await startHttpServer('{"code": 0}');
    closing.push(() => server.close());
    const settings = { url, apiKey: 'k', internationalApiKey: null, receiptUrl: null, receiptAuth: null };
    await every(sms, firetextProvider({ ...settings, ...limits }), (message) => {
      const form = new URLSearchParams(got.at(-1)!);
      assert.deepEqual([...form.keys()], ['apiKey', 'from', 'to', 'message', 'reference']);
      assertText(message, { to: form.get('to'), body: form.get('message'), from: form.get('from') });
    });
  });
});

const lines = (given: string) => given.toWellFormed().replace(/\r\n?/g, '\n').trimEnd();

function assertText(message: SmsMessage, got: Readonly<Record<'to' | 'body' | 'from', string | null>>): void {
  assert.match(got.to!, /^\d{7,15}$/);
  assert.deepEqual(got, {
    to: message.to,
    body: message.body.toWellFormed(),
    from: message.from.toWellFormed(),
  });
}

/** The link is in angle brackets, with nothing that could end them, and leads where it was meant to. */
function assertLink(header: string | undefined, url: string | null): void {
  assert.equal(header === undefined, url === null);
  if (url === null) return;
  const [, written] = /^<([!-;=?-~]+)>$/.exec(header ?? '') ?? [];
  assert.equal(new URL(written ?? '').href, new URL(url).href);
}
