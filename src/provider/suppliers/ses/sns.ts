import { createVerify, X509Certificate } from 'node:crypto';
import { request } from 'undici';
import type { Clock } from '../../../ground/clock.ts';

/** What SNS posts around each receipt; the fields that are used. */
export type Envelope = Readonly<Record<string, unknown>>;

const snsHost = /^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/;
const timeoutMilliseconds = 10_000;
const longestCertificate = 100_000;

/**
 * A URL of SNS itself: https, host `sns.<region>.amazonaws.com[.cn]`, nothing before or behind it. Null for any other:
 * whoever can post to us must not choose whom we call, nor whose certificate we trust.
 */
export function snsUrl(text: unknown): URL | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null;
  const url = new URL(text);
  const isPlain = url.port === '' && url.username === '' && url.password === '';
  return url.protocol === 'https:' && isPlain && snsHost.test(url.hostname) ? url : null;
}

/** Follows the URL that confirms a subscription. Answers whether SNS took it. Does not throw. */
export async function confirmSubscription(url: URL): Promise<boolean> {
  try {
    const { statusCode, body } = await get(url);
    await body.dump();
    return statusCode >= 200 && statusCode < 300;
  } catch {
    return false;
  }
}

const get = (url: URL) => request(url, { method: 'GET', signal: AbortSignal.timeout(timeoutMilliseconds) });

/** What is signed, in this order, each as its name, a line break, its value, a line break; absent ones are left out. */
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
 * Verifies that SNS itself signed an envelope, by the certificate it names (SignatureVersion 1 and 2). Certificates are
 * fetched once, and only from SNS. A certificate that cannot be fetched throws: the caller is to be told to come again.
 */
export function createVerifier(clock: Clock): Verifier {
  const certificates = new Map<string, Promise<X509Certificate>>();

  async function fetchCertificate(url: URL): Promise<X509Certificate> {
    const { statusCode, body } = await get(url);
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`The certificate of SNS was answered with ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > longestCertificate) throw new Error('The certificate of SNS is too long');
      chunks.push(chunk);
    }
    return new X509Certificate(Buffer.concat(chunks));
  }

  function certificateAt(url: URL): Promise<X509Certificate> {
    const known = certificates.get(url.href);
    if (known) return known;
    // Amazon has a handful; more are somebody's play with the path, and must not fill the memory.
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
    const url = snsUrl(envelope['SigningCertURL']);
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
