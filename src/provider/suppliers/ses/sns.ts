import { createVerify, X509Certificate } from 'node:crypto';
import { awsRegion } from '../../../config/ses.ts';
import type { Clock } from '../../../ground/clock.ts';

/** What SNS wraps around each receipt. */
export type Envelope = Readonly<Record<string, unknown>>;

const timeoutMilliseconds = 10_000;
const longestCertificate = 100_000;

/** The region in the ARN of a topic. Other labels, such as `s3`, would make hosts whose content anybody can write. */
const topicRegion = new RegExp(`^arn:aws[a-z-]*:sns:(${awsRegion}):`);

/** The host of SNS in the region of a topic; null if the ARN names no region. */
function snsHost(topicArn: unknown): string | null {
  const region = typeof topicArn === 'string' ? topicRegion.exec(topicArn)?.[1] : undefined;
  if (region === undefined) return null;
  return `sns.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/**
 * A URL of SNS in the region of the topic: https, exactly the host `sns.<region>.amazonaws.com` (in China
 * `sns.<region>.amazonaws.com.cn`), no port and no credentials; null for any other. Whoever can post to us must not
 * choose whom we call, nor whose certificate we trust.
 */
export function snsUrl(text: unknown, topicArn: unknown): URL | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const url = new URL(text);
  const isPlain = url.port === '' && url.username === '' && url.password === '';
  return url.protocol === 'https:' && isPlain && url.hostname === snsHost(topicArn) ? url : null;
}

/** Confirms a subscription. Returns whether SNS accepted it. Does not throw. */
export async function confirmSubscription(url: URL): Promise<boolean> {
  try {
    const { statusCode, body } = await get(url);
    await body.dump();
    return statusCode >= 200 && statusCode < 300;
  } catch {
    return false;
  }
}

async function get(url: URL) {
  const { request } = await import('undici');
  return request(url, { method: 'GET', signal: AbortSignal.timeout(timeoutMilliseconds) });
}

/** The signed fields, in this order, each as `name\nvalue\n`; absent ones are left out. */
const signedFields = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
} as const;
const algorithms: Readonly<Record<string, string>> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' };

export type Verifier = (envelope: Envelope) => Promise<boolean>;

/**
 * Verifies that SNS itself signed an envelope, with the certificate that it names (SignatureVersion 1 and 2).
 * Certificates are fetched once, and only from SNS. Throws if a certificate cannot be fetched: SNS should then post
 * again.
 */
export function createVerifier(clock: Clock): Verifier {
  const certificates = new Map<string, Promise<X509Certificate>>();

  async function fetchCertificate(url: URL): Promise<X509Certificate> {
    const { statusCode, body } = await get(url);
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`SNS answered ${statusCode} to a request for its certificate`);
    }
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > longestCertificate) throw new Error('The SNS certificate is too long');
      chunks.push(chunk);
    }
    return new X509Certificate(Buffer.concat(chunks));
  }

  function certificateAt(url: URL): Promise<X509Certificate> {
    const known = certificates.get(url.href);
    if (known) return known;
    // SNS has only a handful. More would be forged paths, which must not fill the memory.
    if (certificates.size >= 20) certificates.clear();
    const fetched = fetchCertificate(url);
    certificates.set(url.href, fetched);
    fetched.catch(() => certificates.delete(url.href));
    return fetched;
  }

  return async (envelope) => {
    const type = envelope['Type'];
    const fields = signedFields[type === 'Notification' ? 'Notification' : 'SubscriptionConfirmation'];
    const algorithm = algorithms[String(envelope['SignatureVersion'])];
    const signature = envelope['Signature'];
    const url = snsUrl(envelope['SigningCertURL'], envelope['TopicArn']);
    if (!algorithm || typeof signature !== 'string' || !url?.pathname.endsWith('.pem')) return false;
    let text = '';
    for (const field of fields) {
      const value = envelope[field];
      if (typeof value === 'string') text += `${field}\n${value}\n`;
    }
    const certificate = await certificateAt(url);
    const now = clock.now();
    if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
      certificates.delete(url.href);
      return false;
    }
    return createVerify(algorithm).update(text, 'utf8').verify(certificate.publicKey, signature, 'base64');
  };
}
