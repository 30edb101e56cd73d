import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import {
  type Arrived,
  type Behaviour,
  conforms,
  emailMessage,
  type ProviderServer,
} from '../../../../test/conformance/provider.ts';
import { parseMail } from '../../../../test/support/mail.ts';
import { smtpProvider } from './send.ts';

const never = new AbortController().signal;

/** A mail server on a free port of this machine. */
async function start(): Promise<ProviderServer> {
  let behaviour: Behaviour = 'accept';
  const arrived: Arrived[] = [];
  const sockets = new Set<Socket>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    closeTimeout: 1,
    onRcptTo({ address }, _session, done) {
      const refuse = (responseCode: number, text: string) =>
        done(Object.assign(new Error(`${text}: <${address}>`), { responseCode }));
      if (behaviour === 'fail') refuse(451, 'Try later');
      else if (behaviour === 'reject' || behaviour === 'unknown recipient') refuse(550, 'No such user');
      else if (behaviour === 'full mailbox') refuse(552, '5.2.2 Over quota');
      else done();
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const { mailFrom, rcptTo } = session.envelope;
        const to = rcptTo.map(({ address }) => address);
        const from = mailFrom === false ? '' : mailFrom.address;
        arrived.push(await parseMail(Buffer.concat(chunks), to, from));
        if (behaviour === 'silent') return;
        if (behaviour === 'reset') for (const socket of sockets) socket.resetAndDestroy();
        // The session ends in something that is not SMTP.
        else if (behaviour === 'malformed')
          for (const socket of sockets) socket.end('<html>thank you</html>\r\n');
        else if (behaviour === 'slow') setTimeout(done, 300);
        else done();
      });
    },
  });
  server.on('error', () => undefined);
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  let stopped = false;
  return {
    connect: (limits) => smtpProvider({ url: `smtp://127.0.0.1:${port}`, connections: 5, ...limits }),
    behave: (next) => {
      behaviour = next;
    },
    arrived: () => arrived,
    async stop() {
      if (stopped) return;
      stopped = true;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

conforms('SMTP', {
  ...{ type: 'email', start, rejects: true, carriesReference: true, endpoint: null },
  tells: { permanent: true, temporary: true },
});

/** A server that answers each command by its first word, as `script` says; `hang up` ends the connection. */
async function scripted(t: TestContext, script: Readonly<Record<string, string>>) {
  const seen: string[] = [];
  const lines: string[] = [];
  const server = createServer((socket) => {
    const say = (line: string) => (line === 'hang up' ? socket.destroy() : socket.write(`${line}\r\n`));
    let isContent = false;
    let rest = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      rest += data.toString();
      const whole = rest.split('\r\n');
      rest = whole.pop() ?? '';
      for (const line of whole) {
        lines.push(line);
        if (isContent && line !== '.') continue;
        const word = isContent ? '.' : (/^[A-Z]+/.exec(line)?.[0] ?? '');
        const answer =
          script[word] ?? { EHLO: '250 hello', DATA: '354 go on', '.': '250 queued' }[word] ?? '250 ok';
        isContent = word === 'DATA' && answer.startsWith('3');
        seen.push(word);
        say(answer);
      }
    });
    say(script['greeting'] ?? '220 ready');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const provider = smtpProvider({ url: `smtp://127.0.0.1:${port}`, connections: 2, timeoutSeconds: 1 });
  t.after(async () => {
    await provider.close?.();
    server.close();
  });
  return { provider, seen, lines };
}

const table: readonly [
  promise: string,
  script: Record<string, string>,
  outcome: string,
  code: string | null,
][] = [
  [
    'an SMTP recipient that does not exist is refused for good',
    { RCPT: '550 5.1.1 no such user' },
    'rejected',
    '550 5.1.1',
  ],
  ['a full mailbox is refused for now', { RCPT: '452 4.2.2 full' }, 'failed', '452 4.2.2'],
  [
    'a recipient that is refused by policy may be accepted later',
    { RCPT: '554 5.7.1 relaying denied' },
    'failed',
    '554 5.7.1',
  ],
  ['a sender that is refused may be accepted later', { MAIL: '550 not you' }, 'failed', '550'],
  ['content that the mail server refuses for good', { '.': '554 5.6.0 no' }, 'rejected', '554 5.6.0'],
  ['content that the mail server refuses for now', { '.': '451 4.3.0 busy' }, 'failed', '451 4.3.0'],
  ['a mail server that takes no mail now', { greeting: '421 closing' }, 'failed', '421'],
  ['a mail server that takes no mail at all', { greeting: '554 no' }, 'failed', '554'],
  ['an SMTP DATA command that is refused', { DATA: '451 later' }, 'failed', '451'],
  ['an SMTP connection that ends before the greeting', { greeting: 'hang up' }, 'failed', null],
  ['an SMTP connection that ends at the recipient', { RCPT: 'hang up' }, 'failed', null],
  ['an SMTP connection that ends at DATA', { DATA: 'hang up' }, 'failed', null],
  ['an SMTP connection that ends after the content', { '.': 'hang up' }, 'unknown', null],
];
for (const [promise, script, outcome, code] of table)
  test(`${promise}: ${outcome}`, async (t) => {
    const { provider } = await scripted(t, script);
    const result = await provider.send(emailMessage, never);
    assert.equal(result.outcome, outcome, JSON.stringify(result));
    if (code !== null) assert.equal('code' in result && result.code, code);
  });

const verdicts: readonly [at: 'RCPT' | 'DATA' | '.', reply: string, verdict: string][] = [
  ['RCPT', '550 5.1.1 <kim@recipient.example>: no such user', 'permanent'],
  ['RCPT', '550-5.1.1 The account does not exist.\r\n550-5.1.1 Check it:\r\n550 5.1.1 bye', 'permanent'],
  ['RCPT', '550-Not here\r\n550 5.1.1 no such user', 'permanent'],
  ['RCPT', '550', 'permanent'],
  ['RCPT', '550 sorry, no mailbox here by that name. (#5.1.1)', 'permanent'],
  ['RCPT', '551 user not local', 'permanent'],
  ['RCPT', '553 mailbox name not allowed', 'permanent'],
  ['RCPT', '553 5.1.3 bad syntax', 'permanent'],
  ['RCPT', '556 5.1.10 null MX', 'permanent'],
  ['RCPT', '550 5.2.1 disabled', 'permanent'],
  ['RCPT', '552 5.2.2 over quota', 'temporary'],
  ['RCPT', '552 full', 'temporary'],
  ['RCPT', '550 5.2.2 full', 'temporary'],
  ['RCPT', '452 4.2.2 full', 'failed'],
  ['RCPT', '450 4.1.1 try later', 'failed'],
  ['RCPT', '550 5.7.1 refused by policy', 'failed'],
  ['RCPT', '553 sorry, not in my list of allowed rcpthosts (#5.7.1)', 'failed'],
  ['RCPT', '550 relay not permitted', 'failed'],
  ['RCPT', '550 5.1.8 sender refused', 'failed'],
  ['RCPT', '550 5.4.4 unable to route', 'rejected'],
  ['RCPT', '501 5.5.4 syntax', 'rejected'],
  ['DATA', '550 5.1.1 no such user', 'permanent'],
  ['DATA', '554 5.5.1 no valid recipients', 'failed'],
  ['.', '550 5.1.1 no such user', 'permanent'],
  ['.', '552 5.2.2 over quota', 'temporary'],
  ['.', '552 5.2.3 too long for the mailbox', 'rejected'],
  ['.', '552 5.3.4 too big', 'rejected'],
  ['.', '552 too much data', 'rejected'],
  ['.', '550 looks like spam', 'rejected'],
  ['.', '550 5.7.1 looks like spam', 'failed'],
];
for (const [at, reply, verdict] of verdicts)
  test(`an SMTP reply ${JSON.stringify(reply)} to ${at} means ${verdict}`, async (t) => {
    const { provider } = await scripted(t, { [at]: reply });
    const result = await provider.send(emailMessage, never);
    const said = 'recipient' in result ? result.recipient : result.outcome;
    assert.equal(said, verdict, JSON.stringify(result));
    assert.doesNotMatch(JSON.stringify(result), /recipient\.example|no such user/);
  });

test('a time-out before the mail server asked for the message means failed, not unknown', async (t) => {
  const { provider } = await scripted(t, { RCPT: '' });
  const result = await provider.send(emailMessage, never);
  assert.deepEqual(
    [result.outcome, 'detail' in result && result.detail],
    ['failed', 'The mail server did not ask for the message in time'],
  );
});

test('one SMTP connection carries many messages', async (t) => {
  const { provider, seen } = await scripted(t, {});
  for (let i = 0; i < 3; i++) assert.equal((await provider.send(emailMessage, never)).outcome, 'accepted');
  assert.equal(seen.filter((word) => word === 'EHLO').length, 1);
});

test('the Message-ID of an email contains the id of the notification', async (t) => {
  const { provider } = await scripted(t, {});
  assert.deepEqual(await provider.send(emailMessage, never), {
    outcome: 'accepted',
    reference: `<${emailMessage.reference}@mail.example.com>`,
  });
});

test('SMTP sends a domain and a name outside ASCII encoded', async (t) => {
  const { provider, lines } = await scripted(t, {});
  await provider.send({ ...emailMessage, to: 'kim@münchen.example', fromName: 'Porthladd ŵ' }, never);
  assert.ok(lines.includes('RCPT TO:<kim@xn--mnchen-3ya.example>'));
  assert.ok(lines.includes('To: kim@xn--mnchen-3ya.example'));
  const from = lines.find((line) => line.startsWith('From: ')) ?? '';
  assert.match(from, /^From: =\?UTF-8\?[BQ]\?[\x21-\x7e]+\?= <harbour\.north@mail\.example\.com>$/);
});

/** A mail server that offers TLS under an untrusted certificate and accepts user `kim`. */
async function guarded(t: TestContext, disabledCommands: string[], user: string) {
  const seen: string[] = [];
  const server = new SMTPServer({
    disabledCommands,
    allowInsecureAuth: true,
    onAuth({ username, password }, _session, done) {
      seen.push(`${username} ${password}`);
      if (password === 'p@ss:word') done(null, { user: username });
      else done(Object.assign(new Error('no'), { responseCode: 535 }));
    },
    onData(stream, _session, done) {
      stream.resume().on('end', () => {
        seen.push('a message');
        done();
      });
    },
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const url = `smtp://${user}@127.0.0.1:${port}`;
  const provider = smtpProvider({ url, connections: 2, timeoutSeconds: 5 });
  t.after(async () => {
    await provider.close?.();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { provider, seen };
}

test('SMTP logs in with the user and password of the URL; a refused login means failed', async (t) => {
  const right = await guarded(t, ['STARTTLS'], 'kim:p%40ss%3Aword');
  assert.equal((await right.provider.send(emailMessage, never)).outcome, 'accepted');
  assert.deepEqual(right.seen, ['kim p@ss:word', 'a message']);
  const wrong = await guarded(t, ['STARTTLS'], 'kim:guess');
  const result = await wrong.provider.send(emailMessage, never);
  assert.deepEqual([result.outcome, 'code' in result && result.code], ['failed', '535']);
});

test('under an untrusted TLS certificate SMTP neither logs in nor sends', async (t) => {
  const { provider, seen } = await guarded(t, [], 'kim:p%40ss%3Aword');
  assert.equal((await provider.send(emailMessage, never)).outcome, 'failed');
  assert.deepEqual(seen, []);
});
