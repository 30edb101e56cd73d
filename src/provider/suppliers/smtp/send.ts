import type { Readable } from 'node:stream';
import { createTransport, type SendMailOptions, type SMTPPoolOptions } from 'nodemailer';
import type { EmailMessage, Message, Provider, SendResult } from '../../contract.ts';
import { addressesOf, headerText, subjectText, unsubscribeHeaders } from '../email-header.ts';

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
    const { signal } = mail.data;
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

/** A string names the address that is invalid. */
function mailOf(message: EmailMessage): SendMailOptions | string {
  const addresses = addressesOf(message);
  if (typeof addresses === 'string') return addresses;
  const { to, from, replyTo } = addresses;
  return {
    // Addresses as objects: text would be parsed, and a name with a comma would become two recipients.
    from: { name: headerText(message.fromName), address: from },
    to: { name: '', address: to },
    ...(replyTo !== null && { replyTo: { name: '', address: replyTo } }),
    envelope: { from, to: [to] },
    messageId: `<${message.reference}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    subject: subjectText(message.subject),
    text: message.text,
    html: message.html,
    headers: unsubscribeHeaders(message),
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
    const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1];
    // Permanent only if about this recipient or content: a session, sender or policy (x.7.x) can be fixed.
    const isPermanent =
      responseCode >= 500 &&
      (hasContent || command === 'RCPT TO') &&
      ![530, 535, 538].includes(responseCode) &&
      !enhanced?.startsWith('5.7.');
    return {
      outcome: isPermanent ? 'rejected' : 'failed',
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
