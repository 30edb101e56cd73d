import type { Readable } from 'node:stream';
import { createTransport, type SendMailOptions, type SMTPPoolOptions } from 'nodemailer';
import type { EmailMessage, Message, Provider, SendResult } from '../../contract.ts';
import { addressesOf, headerText, unsubscribeHeaders } from '../email-header.ts';

export type SmtpSettings = Readonly<{
  /** `smtp://user:password@host:port`; `smtps://` speaks TLS from the first byte. */
  url: string;
  timeoutSeconds: number;
  /** Most connections at once; further messages wait for one, within their time. */
  connections: number;
}>;

/**
 * A mail server over SMTP. It posts no receipts: that it has taken a message is all that is ever known of it. The
 * Message-ID is `<notification id@domain of the sender>`, so that a bounce, a log line or a second copy leads back to
 * the notification.
 *
 * Guarantee: the content leaves only after the server has asked for it (354), and it is known whether it began to; an
 * error before that is no doubt, one after it without a reply is.
 */
export function smtpProvider(settings: SmtpSettings): Provider {
  const transport = createTransport(poolOptions(settings));
  /** The content of each message under way, by its signal: the one thing of a message that reaches the plugin as it is. */
  const contents = new WeakMap<AbortSignal, Readable>();
  transport.use('stream', (mail, done) => {
    const { signal } = mail.data;
    const create = mail.message.createReadStream.bind(mail.message);
    // Made anew when the pool takes another connection because the server had ended the first.
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
          detail: `The ${mail} is no address that can be written`,
        };
      const signal = AbortSignal.any([given, AbortSignal.timeout(settings.timeoutSeconds * 1000)]);
      try {
        const { messageId } = await transport.sendMail({ ...mail, signal });
        return { outcome: 'accepted', reference: messageId };
      } catch (error) {
        return describe(error, { hasContent: contents.get(signal)?.readableDidRead ?? false, signal });
      }
    },
    // There is no endpoint that they could be posted to.
    fakeReceipts: () => [],
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
      // A password never leaves the machine in the clear.
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

/** A string names the address that cannot be written. */
function mailOf(message: EmailMessage): SendMailOptions | string {
  const addresses = addressesOf(message);
  if (typeof addresses === 'string') return addresses;
  const { to, from, replyTo } = addresses;
  return {
    // Addresses as objects: as text they would be parsed, and a name with a comma would be two recipients.
    from: { name: headerText(message.fromName), address: from },
    to: { name: '', address: to },
    ...(replyTo !== null && { replyTo: { name: '', address: replyTo } }),
    envelope: { from, to: [to] },
    messageId: `<${message.reference}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    subject: headerText(message.subject),
    text: message.text,
    html: message.html,
    headers: unsubscribeHeaders(message),
  };
}

type SmtpError = Error & { code?: string; command?: string; responseCode?: number; response?: string };

/** What a server says in words is left out: it repeats the recipient. */
function describe(
  error: unknown,
  { hasContent, signal }: Readonly<{ hasContent: boolean; signal: AbortSignal }>,
): SendResult {
  const { code = 'error', command, responseCode, response = '' } = error as SmtpError;
  if (responseCode !== undefined) {
    const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];
    // About this recipient or this content. A refusal of the session, of our sender or by policy (x.7.x) can be mended.
    const isForGood =
      responseCode >= 500 &&
      (hasContent || command === 'RCPT TO') &&
      ![530, 535, 538].includes(responseCode) &&
      !enhanced?.startsWith('5.7.');
    return {
      outcome: isForGood ? 'rejected' : 'failed',
      code: enhanced === undefined ? String(responseCode) : `${responseCode} ${enhanced}`,
      detail: `The mail server answered ${responseCode} to ${hasContent ? 'the message' : (command ?? 'the connection')}`,
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
