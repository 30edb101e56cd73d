import { simpleParser } from 'mailparser';
import type { Arrived } from '../conformance/provider.ts';

/** Reads an email as it was on the wire; `to` and `from` are those of the SMTP envelope. */
export async function parseMail(raw: Buffer, to: readonly string[], from: string): Promise<Arrived> {
  const mail = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true });
  const [sender] = mail.from?.value ?? [];
  const unsubscribe = mail.headerLines.find(({ key }) => key === 'list-unsubscribe')?.line;
  return {
    to: [...to],
    from: sender?.address === from ? from : `${sender?.address}, but the envelope says ${from}`,
    reference: /^<([^@]*)@/.exec(mail.messageId ?? '')?.[1] ?? null,
    body: mail.text ?? '',
    fields: mail.headerLines.map(({ key }) => key),
    email: {
      fromName: sender?.name ?? '',
      replyTo: (mail.replyTo?.value ?? []).map(({ address = '' }) => address),
      subject: mail.subject ?? '',
      html: mail.html || '',
      unsubscribe: unsubscribe?.replace(/^[^:]*:\s*/, '').replace(/\r\n[ \t]+/g, ' ') ?? null,
    },
  };
}

/** A header's text as a mail program shows it: encoded words are decoded (RFC 2047). */
export function shownHeader(text: string): string {
  const words = text.replace(/(\?=)\s+(?==\?)/g, '$1');
  return words.replace(
    /=\?([^?]+)\?([bq])\?([^?]*)\?=/gi,
    (_word, charset: string, encoding: string, given: string) => {
      const isBase64 = encoding.toLowerCase() === 'b';
      const bytes = isBase64
        ? Buffer.from(given, 'base64')
        : Buffer.from(
            given
              .replaceAll('_', ' ')
              .replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
            'latin1',
          );
      return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes);
    },
  );
}
