import type { Arrived } from '../../../../test/conformance/provider.ts';

/**
 * Reads an email as it was on the wire, for the tests: headers, and the two parts of multipart/alternative. Knows as
 * much of MIME as a mail client needs to show what we send.
 */
export function parseMail(raw: Buffer, to: readonly string[], from: string): Arrived {
  const { headers, body } = split(raw.toString('latin1'));
  const one = (name: string) => headers.find(([key]) => key === name)?.[1] ?? '';
  const boundary = /boundary="([^"]+)"/.exec(one('content-type'))?.[1] ?? 'none';
  const [text, html] = body
    .split(`--${boundary}`)
    .slice(1, 3)
    .map((part) => decodePart(split(part.replace(/^\r\n/, ''))));
  const [, name = '', address = ''] = /^(.*)<(.*)>$/.exec(one('from')) ?? [];
  return {
    to: [...to],
    from: address === from ? from : `${address}, but the envelope says ${from}`,
    reference: /^<([^@]*)@/.exec(one('message-id'))?.[1] ?? null,
    body: text ?? '',
    fields: headers.map(([key]) => key),
    email: {
      fromName: decodeWords(name.trim())
        .replace(/^"(.*)"$/, '$1')
        .replace(/\\(.)/g, '$1'),
      replyTo: headers.filter(([key]) => key === 'reply-to').map(([, value]) => value),
      subject: decodeWords(one('subject')),
      html: html ?? '',
      unsubscribe: one('list-unsubscribe') || null,
    },
  };
}

type Part = Readonly<{ headers: readonly (readonly [name: string, value: string])[]; body: string }>;

function split(text: string): Part {
  const end = text.indexOf('\r\n\r\n');
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  return {
    headers: lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
    body: text.slice(end + 4),
  };
}

function decodePart({ headers, body }: Part): string {
  const encoding = headers.find(([name]) => name === 'content-transfer-encoding')?.[1];
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding === 'quoted-printable') return fromQuoted(body.replace(/=\r\n/g, ''));
  return Buffer.from(body, 'latin1').toString('utf8');
}

function fromQuoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 2047: encoded words, between which white space does not count. */
function decodeWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?UTF-8\?([BQ])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
      kind.toUpperCase() === 'B'
        ? Buffer.from(word, 'base64').toString('utf8')
        : fromQuoted(word.replaceAll('_', ' ')),
    );
}
