import type { Readable } from 'node:stream';
import { createTransport, type SendMailOptions, type SMTPPoolOptions } from 'nodemailer';
import type { EmailMessage, Message, Provider, RecipientVerdict, SendResult } from '../../contract.ts';
import { addressesOf, mailbox, subjectText, unsubscribeHeaders } from '../email-header.ts';

export type SmtpSettings = Readonly<{
  /** `smtp://user:password@host:port`; `smtps://` uses TLS from the first byte. */
  url: string;
  timeoutSeconds: number;
  /** Maximum at once; further messages wait for one, within their time limit. */
  connections: number;
}>;

/**
 * A mail server over SMTP. It posts no receipts, so all we ever learn is that it accepted a message. The
 * Message-ID is `<notification id@domain of the sender>`, so that a bounce, a log line or a second copy can be traced
 * to the notification.
 *
 * Guarantee: the content is sent only after the server has asked for it (354), and we know whether any of it was. An
 * error before that is `failed`; one after it, without a reply, is `unknown`.
 */
export function smtpProvider(settings: SmtpSettings): Provider {
  const transport = createTransport(poolOptions(settings));
  /**
   * The content of each message being sent, by its signal: the only part of a message that the plugin sees unchanged.
   */
  const contents = new WeakMap<AbortSignal, Readable>();
  transport.use('stream', (mail, done) => {
    const { signal, headers: written = {} } = mail.data as SendMailOptions & Pick<Mail, 'headers'>;
    const encode = mail.message.encodeHeaderValue.bind(mail.message);
    // Nodemailer would only quote a name that looks like an encoded word, and encode a URL that does.
    mail.message.encodeHeaderValue = (key, value) => written[key] ?? encode(key, value);
    const create = mail.message.createReadStream.bind(mail.message);
    // Called again when the pool takes another connection because the server closed the first.
    mail.message.createReadStream = (...options) => {
      const content = create(...options);
      if (signal) contents.set(signal, content);
      return content;
    };
    done();
  });
  return {
    identifier: 'smtp',
    receipts: 'none',
    async send(message: Message, given: AbortSignal): Promise<SendResult> {
      if (message.type !== 'email')
        return { outcome: 'failed', code: 'not email', detail: 'SMTP takes emails only' };
      const mail = mailOf(message);
      if (typeof mail === 'string')
        return {
          outcome: 'rejected',
          code: 'InvalidAddress',
          detail: `The ${mail} address is invalid`,
          ...(mail === 'recipient' && { recipient: 'permanent' }),
        };
      const signal = AbortSignal.any([given, AbortSignal.timeout(settings.timeoutSeconds * 1000)]);
      try {
        const { messageId } = await transport.sendMail({ ...mail, signal });
        return { outcome: 'accepted', reference: messageId };
      } catch (error) {
        return describe(error, { hasContent: contents.get(signal)?.readableDidRead ?? false, signal });
      }
    },
    simulatedReceipts: () => [],
    async close() {
      transport.close();
    },
  };
}

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

function poolOptions({ url, timeoutSeconds, connections }: SmtpSettings): SMTPPoolOptions {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === 'smtps:';
  const milliseconds = timeoutSeconds * 1000;
  return {
    pool: true,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    ...(username !== '' && {
      auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
      // A password never leaves this machine unencrypted.
      requireTLS: !secure && !loopback.has(hostname),
    }),
    maxConnections: connections,
    maxMessages: 1000,
    connectionTimeout: Math.min(5000, milliseconds),
    greetingTimeout: milliseconds,
    socketTimeout: Math.max(30_000, milliseconds),
    dnsTimeout: Math.min(5000, milliseconds),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** `headers`: those that are written exactly so. */
type Mail = SendMailOptions & Readonly<{ headers: Readonly<Record<string, string>> }>;

/** A string names the address that is invalid. */
function mailOf(message: EmailMessage): Mail | string {
  const addresses = addressesOf(message);
  if (typeof addresses === 'string') return addresses;
  const { to, from, replyTo } = addresses;
  return {
    // Addresses as objects: text would be parsed, and a name with a comma would become two recipients.
    from: { name: '', address: from },
    to: { name: '', address: to },
    ...(replyTo !== null && { replyTo: { name: '', address: replyTo } }),
    envelope: { from, to: [to] },
    messageId: `<${message.reference}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    text: message.text,
    html: message.html,
    headers: {
      From: mailbox(message.fromName, from),
      Subject: subjectText(message.subject),
      ...unsubscribeHeaders(message),
    },
  };
}

type SmtpError = Error & { code?: string; command?: string; responseCode?: number; response?: string };

/** The server's text is left out: it repeats the recipient. */
function describe(
  error: unknown,
  { hasContent, signal }: Readonly<{ hasContent: boolean; signal: AbortSignal }>,
): SendResult {
  const { code = 'error', command, responseCode, response = '' } = error as SmtpError;
  if (responseCode !== undefined) {
    const at = hasContent ? 'the message' : (command ?? 'the connection');
    const { enhanced, ...meaning } = meaningOf(responseCode, response, at);
    return {
      ...meaning,
      code: enhanced === null ? String(responseCode) : `${responseCode} ${enhanced}`,
      detail: `The mail server answered ${responseCode} to ${at}`,
    };
  }
  if (signal.aborted)
    return {
      outcome: hasContent ? 'unknown' : 'failed',
      code: '504',
      detail: hasContent ? 'Gateway Time-out' : 'The mail server did not ask for the message in time',
    };
  return {
    outcome: hasContent ? 'unknown' : 'failed',
    code,
    detail: hasContent
      ? 'The connection ended before the mail server answered'
      : 'The mail server could not be reached, or ended the connection before it took the message',
  };
}

/** In any line of a reply, at its start (RFC 2034), or in brackets as qmail writes it. */
const enhancedCode = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b|\(#([245]\.\d{1,3}\.\d{1,3})\)/m;

/** Of a reply without an enhanced code: it is about the sender or a policy, not about the recipient. */
const aboutPolicy = /relay|rcpthosts|authent|denied|not permitted|prohibit|polic|block|spam|reputation/i;

/**
 * What a refusal means (RFC 5321, section 4.2.3; RFC 3463). Only a reply 5xx is final; a session, sender or policy
 * (x.1.7, x.1.8, x.7.x) can be fixed, so a refusal for it counts as `failed`. `at`: the command that it answers, or
 * `the message`.
 */
function meaningOf(
  responseCode: number,
  response: string,
  at: string,
): Readonly<{ outcome: 'rejected' | 'failed'; recipient?: RecipientVerdict; enhanced: string | null }> {
  const [, first, second] = enhancedCode.exec(response) ?? [];
  const enhanced = first ?? second ?? null;
  const failed = { outcome: 'failed', enhanced } as const;
  if (responseCode < 500 || [530, 535, 538].includes(responseCode)) return failed;
  if (at !== 'RCPT TO' && at !== 'DATA' && at !== 'the message') return failed;
  const detail = enhanced?.slice(2) ?? '';
  if (/^(7\.\d+|1\.[78])$/.test(detail)) return failed;
  const recipient = enhanced === null ? bareVerdict(responseCode, response, at) : enhancedVerdict(detail);
  if (recipient === 'fixable' || (at === 'DATA' && !recipient)) return failed;
  return { outcome: 'rejected', enhanced, ...(recipient && { recipient }) };
}

/** By subject and detail: 1 is about the address, 2 about the mailbox; 2.3 is a message too long for the mailbox. */
function enhancedVerdict(detail: string): RecipientVerdict | null {
  if (detail === '2.2') return 'temporary';
  return /^[12]\./.test(detail) && detail !== '2.3' ? 'permanent' : null;
}

/** After the content, a code alone says nothing about the recipient: 550 is also for spam, 552 for size. */
function bareVerdict(
  responseCode: number,
  response: string,
  at: string,
): RecipientVerdict | 'fixable' | null {
  if (at !== 'RCPT TO') return null;
  if ([550, 553, 554].includes(responseCode) && aboutPolicy.test(response)) return 'fixable';
  if (responseCode === 552) return 'temporary';
  return [550, 551, 553, 556].includes(responseCode) ? 'permanent' : null;
}
