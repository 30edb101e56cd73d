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
