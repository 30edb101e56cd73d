import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { SimulatedOutcome } from '../../src/content/recipient/simulator.ts';
import type { NotificationStatus } from '../../src/database/tables.ts';
import type {
  EmailMessage,
  Message,
  Provider,
  ReadReceipt,
  ReadRequest,
  ReceiptEndpoint,
  ReceiptRow,
  SendResult,
  SmsMessage,
} from '../../src/provider/contract.ts';

/** How a provider's server treats a request. */
export type Behaviour =
  | 'accept'
  /** Refuses the message temporarily; its text names the recipient, as those of providers do. */
  | 'fail'
  /** Refuses it permanently. */
  | 'reject'
  /** Refuses it because the recipient does not exist; the text names the recipient. */
  | 'unknown recipient'
  /** Refuses it for good because the recipient's mailbox is full; the text names the recipient. */
  | 'full mailbox'
  /** Accepts the request and never answers. */
  | 'silent'
  /** Accepts it with an unreadable answer. */
  | 'malformed'
  /** Accepts it after 300 milliseconds. */
  | 'slow'
  /** Resets the connection after receiving the whole message. */
  | 'reset';

/** A message as received by a server; `fields` are the names of its parts on the wire. */
export type Arrived = Readonly<{
  to: readonly string[];
  from: string;
  reference: string | null;
  body: string;
  fields: readonly string[];
  email?: Readonly<{
    fromName: string;
    replyTo: readonly string[];
    subject: string;
    html: string;
    unsubscribe: string | null;
  }>;
}>;

/** A real server on this machine in place of a provider, and our client for it. */
export type ProviderServer = Readonly<{
  connect: (options: Readonly<{ timeoutSeconds: number }>) => Provider;
  behave: (behaviour: Behaviour) => void;
  /** Every complete message, in order of arrival. */
  arrived: () => readonly Arrived[];
  /** Stops listening and closes every connection. */
  stop: () => Promise<void>;
}>;

export type Claims = Readonly<{
  type: Message['type'];
  start: () => Promise<ProviderServer>;
  /** Whether it has permanent refusals. */
  rejects: boolean;
  /** Which refusals it puts down to the recipient; it must treat the others like any refusal of its kind. */
  tells: Readonly<{ permanent: boolean; temporary: boolean }>;
  /** Whether it receives our id, to echo it or to be found by it. */
  carriesReference: boolean;
  /** The endpoint for its receipts; null if it posts none. */
  endpoint: ReceiptEndpoint | null;
}>;

const never = new AbortController().signal;
const reference = '01890a5d-ac96-774b-bcce-b302099a8057';

export const smsMessage: SmsMessage = {
  type: 'sms',
  reference,
  to: '447700900123',
  from: 'HARBOUR',
  body: 'Harbour: high tide at 14:05 & 50% more',
  international: false,
};

export const emailMessage: EmailMessage = {
  type: 'email',
  reference,
  to: 'kim+tide@recipient.example',
  fromName: 'Harbour "North", office',
  fromAddress: 'harbour.north@mail.example.com',
  replyTo: 'desk@example.com',
  subject: 'Tide for Kim',
  text: 'Hi Kim,\n\n.\nhigh tide at 14:05\n',
  html: '<p>Hi Kim,</p>\n<p>high tide at <b>14:05</b> =3D</p>\n',
  unsubscribeUrl: 'https://example.com/unsubscribe?token=a%20b&c=1',
};

/** The conformance suite of `Provider` (contract.ts), against a real server; the test of every provider calls it. */
export function conforms(name: string, claims: Claims): void {
  const message: Message = claims.type === 'sms' ? smsMessage : emailMessage;
  const withText = (text: string): Message =>
    message.type === 'sms'
      ? { ...message, body: text }
      : { ...message, subject: text.slice(0, 200), text, html: text };

  async function open(t: TestContext, timeoutSeconds = 20) {
    const server = await claims.start();
    const provider = server.connect({ timeoutSeconds });
    t.after(async () => {
      await provider.close?.();
      await server.stop();
    });
    return { server, provider };
  }

  const outcomeOf = (result: SendResult) => {
    // The result is stored on the message's timeline, which contains nothing personal.
    assert.ok(
      !JSON.stringify(result).includes(message.to),
      `the result names the recipient: ${JSON.stringify(result)}`,
    );
    if (result.outcome !== 'accepted') assert.ok(result.code !== '' && result.detail !== '');
    return result.outcome;
  };

  describe(`${name} conforms to the contract of providers`, () => {
    test(`${name}: an accepted message arrives unchanged, once`, async (t) => {
      const { server, provider } = await open(t);
      assert.equal(outcomeOf(await provider.send(message, never)), 'accepted');
      const [got, ...more] = server.arrived();
      assert.equal(more.length, 0);
      assertArrived(got!, message, claims);
    });

    test(`${name}: characters of every script arrive`, async (t) => {
      const { server, provider } = await open(t);
      const text = 'Llanw uchel ŵ â’r 🌊 – 高潮 مد «50%» €';
      const sent = withText(text);
      assert.equal(outcomeOf(await provider.send(sent, never)), 'accepted');
      assertArrived(server.arrived()[0]!, sent, claims);
    });

    if (claims.type === 'email')
      test(`${name}: a subject that looks like an encoded word arrives as it was written`, async (t) => {
        const { server, provider } = await open(t);
        const looks = [
          '=?utf-8?B?SGVsbG8=?=',
          'Tide =?iso-8859-1?q?caf=E9?= for ŵ',
          '=?us-ascii?q?a?='.repeat(20),
          '"=?x?Q?=41?=" €',
        ];
        for (const text of looks) {
          const sent = { ...emailMessage, subject: text };
          assert.equal(outcomeOf(await provider.send(sent, never)), 'accepted');
          assertArrived(server.arrived().at(-1)!, sent, claims);
        }
      });

    test(`${name}: a very long message arrives complete`, async (t) => {
      const { server, provider } = await open(t);
      const sent = withText(`${'A long line without an end '.repeat(4000)}\n`.repeat(10).trim());
      assert.equal(outcomeOf(await provider.send(sent, never)), 'accepted');
      assertArrived(server.arrived()[0]!, sent, claims);
    });

    test(`${name}: line breaks in a field cannot add a field or a recipient`, async (t) => {
      const { server, provider } = await open(t);
      await provider.send(message, never);
      const usual = server.arrived()[0]!.fields;
      const fields = Object.entries(message).filter(
        ([key, value]) => key !== 'type' && typeof value === 'string',
      );
      for (const [field, value] of fields)
        for (const end of ['\r\n', '\n', '\r']) {
          const poison = `${end}Bcc: thief@evil.example${end}RCPT TO:<thief@evil.example>&to=447700900999`;
          const before = server.arrived().length;
          const result = await provider.send({ ...message, [field]: `${value}${poison}` }, never);
          if (result.outcome !== 'accepted') {
            assert.equal(server.arrived().length, before, `a message with a refused ${field} arrived`);
            continue;
          }
          const got = server.arrived().at(-1)!;
          assert.deepEqual(got.fields, usual, field);
          // There is still one recipient; whether it exists is for the provider to decide.
          assert.equal(got.to.length, 1, field);
          if (field !== 'to') assert.deepEqual(got.to, [message.to], field);
          if (got.email === undefined) continue;
          const { fromName, replyTo, subject, unsubscribe } = got.email;
          for (const header of [...got.to, got.from, fromName, ...replyTo, subject, unsubscribe ?? ''])
            assert.doesNotMatch(header, /[\r\n]/, field);
        }
    });

    test(`${name}: a temporary refusal counts as failed, so another provider may be tried`, async (t) => {
      const { server, provider } = await open(t);
      server.behave('fail');
      assert.equal(outcomeOf(await provider.send(message, never)), 'failed');
    });

    test(`${name}: ${claims.rejects ? 'a permanent refusal counts as rejected' : 'no refusal counts as permanent'}`, async (t) => {
      const { server, provider } = await open(t);
      server.behave('reject');
      assert.equal(outcomeOf(await provider.send(message, never)), claims.rejects ? 'rejected' : 'failed');
    });

    for (const [behaviour, verdict] of [
      ['unknown recipient', 'permanent'],
      ['full mailbox', 'temporary'],
    ] as const)
      test(`${name}: ${claims.tells[verdict] ? `a refusal for ${behaviour} is a ${verdict} verdict on the recipient` : `no refusal is put down to ${behaviour}`}`, async (t) => {
        const { server, provider } = await open(t);
        server.behave(behaviour);
        const result = await provider.send(message, never);
        const outcome = outcomeOf(result);
        const said = result.outcome === 'rejected' ? result.recipient : undefined;
        assert.equal(said, claims.tells[verdict] ? verdict : undefined);
        assert.ok(said === undefined ? outcome !== 'accepted' : outcome === 'rejected');
      });

    test(`${name}: a missing answer counts as unknown, and is reported in time`, async (t) => {
      const { server, provider } = await open(t, 0.3);
      server.behave('silent');
      const started = performance.now();
      assert.equal(outcomeOf(await provider.send(message, never)), 'unknown');
      assert.ok(performance.now() - started < 5000);
    });

    test(`${name}: a slow answer within the time-out counts`, async (t) => {
      const { server, provider } = await open(t);
      server.behave('slow');
      assert.equal(outcomeOf(await provider.send(message, never)), 'accepted');
    });

    test(`${name}: an unreadable answer counts as unknown`, async (t) => {
      const { server, provider } = await open(t);
      server.behave('malformed');
      assert.equal(outcomeOf(await provider.send(message, never)), 'unknown');
    });

    test(`${name}: a refused connection counts as failed`, async (t) => {
      const { server, provider } = await open(t);
      await server.stop();
      assert.equal(outcomeOf(await provider.send(message, never)), 'failed');
    });

    test(`${name}: a connection reset after the message counts as unknown, and the next call uses a new one`, async (t) => {
      const { server, provider } = await open(t);
      server.behave('reset');
      assert.equal(outcomeOf(await provider.send(message, never)), 'unknown');
      server.behave('accept');
      assert.equal(outcomeOf(await provider.send(message, never)), 'accepted');
    });

    test(`${name}: a caller that stops waiting gets a result at once`, async (t) => {
      const { server, provider } = await open(t);
      server.behave('silent');
      const stop = new AbortController();
      const sending = provider.send(message, stop.signal);
      stop.abort();
      assert.notEqual(outcomeOf(await sending), 'accepted');
    });

    test(`${name}: 50 concurrent messages all arrive`, async (t) => {
      const { server, provider } = await open(t);
      const results = await Promise.all(Array.from({ length: 50 }, () => provider.send(message, never)));
      assert.ok(results.every(({ outcome }) => outcome === 'accepted'));
      assert.equal(server.arrived().length, 50);
    });

    test(`${name}: a message of the other type is not accepted`, async (t) => {
      const { server, provider } = await open(t);
      const other = claims.type === 'sms' ? emailMessage : smsMessage;
      assert.equal((await provider.send(other, never)).outcome, 'failed');
      assert.equal(server.arrived().length, 0);
    });

    test(`${name}: its simulated receipts are read by its own endpoint and lead to the intended status`, async (t) => {
      const { provider } = await open(t);
      for (const outcome of [
        'delivered',
        'temporary-failure',
        'permanent-failure',
      ] satisfies SimulatedOutcome[])
        await assertSimulated(provider, claims, outcome);
    });
  });
}

function assertArrived(got: Arrived, sent: Message, { carriesReference }: Claims): void {
  assert.deepEqual(got.to, [sent.to]);
  assert.equal(got.reference, carriesReference ? sent.reference : null);
  if (sent.type === 'sms') {
    assert.equal(got.from, sent.from);
    assert.equal(got.body, sent.body);
    return;
  }
  const lines = (text: string) => text.replace(/\r\n/g, '\n').trimEnd();
  assert.equal(got.from, sent.fromAddress);
  assert.equal(lines(got.body), lines(sent.text));
  assert.deepEqual(
    { ...got.email!, html: lines(got.email!.html) },
    {
      fromName: sent.fromName,
      replyTo: [sent.replyTo],
      subject: sent.subject,
      html: lines(sent.html),
      unsubscribe: `<${sent.unsubscribeUrl}>`,
    },
  );
}

async function assertSimulated(
  provider: Provider,
  { endpoint, type }: Claims,
  outcome: SimulatedOutcome,
): Promise<void> {
  const receipts = provider.simulatedReceipts({
    type,
    notificationId: reference,
    reference: 'its own',
    outcome,
  });
  if (endpoint === null) return assert.deepEqual(receipts, []);
  let status: NotificationStatus = 'sending';
  for (const { path, body } of receipts) {
    assert.equal(path, endpoint.path);
    const read: ReadRequest = await endpoint.read(Buffer.from(body), { isOwn: true });
    assert.ok('receipt' in read, JSON.stringify(read));
    const receipt: ReadReceipt = read.receipt;
    assert.equal(receipt.found.value, receipt.found.by === 'id' ? reference : 'its own');
    const row: ReceiptRow = { status, sentBy: provider.identifier };
    status = endpoint.soften?.(receipt, row) ?? receipt.status;
  }
  assert.equal(status, outcome);
}
