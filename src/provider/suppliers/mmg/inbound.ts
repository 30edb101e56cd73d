import { type InboundEndpoint, inboundOk, inboundRefused, missingFields } from '../../inbound.ts';
import { fieldText } from '../receipt-text.ts';

/**
 * A text or date as MMG encodes it (spec 05, section 7.2): a plus is a space, percent signs are UTF-8, and in what comes
 * of that `\n`, `\'`, `\"`, `\\`, `\xNN` and `\uNNNN` are escapes. What is none of these stays as it is.
 */
export function decodeMmg(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
    .replace(
      /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([n'"\\]))/g,
      (_all, byte: string | undefined, unit: string | undefined, plain: string) => {
        const code = byte ?? unit;
        if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
        return plain === 'n' ? '\n' : plain;
      },
    );
}

/** Texts that MMG received: JSON, its text and date encoded once more (spec 05, section 7.1). */
export function mmgInbound(users: readonly string[], passwords: readonly string[]): InboundEndpoint {
  return {
    identifier: 'mmg',
    name: 'MMG',
    path: '/notifications/sms/receive/mmg',
    credentials: users.flatMap((user) => passwords.map((password) => `${user}:${password}`)),
    read(body) {
      let document: unknown;
      try {
        document = JSON.parse(body.toString('utf8'));
      } catch {
        return inboundRefused('MMG inbound SMS failed: invalid json');
      }
      const fields = (typeof document === 'object' && document !== null ? document : {}) as Record<
        string,
        unknown
      >;
      const to = fieldText(fields['Number']);
      const from = fieldText(fields['MSISDN']);
      // A text may be empty.
      const message = fields['Message'] === '' ? '' : fieldText(fields['Message']);
      const missing = missingFields('MMG', { MSISDN: from, Number: to, Message: message });
      if (missing) return missing;
      const date = fieldText(fields['DateRecieved']);
      return {
        text: {
          to: to!,
          from: from!,
          content: decodeMmg(message!),
          date: date === null ? null : decodeMmg(date),
          reference: fieldText(fields['ID']),
        },
      };
    },
    accepted: inboundOk,
    unclaimed: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'RECEIVED' },
  };
}
