import { isUtf8 } from 'node:buffer';

const mark = Buffer.from('\ufeff');

/** The text of bytes in UTF-8, without a byte order mark; null if they are not UTF-8, so that nothing is replaced. */
export function readUtf8(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null;
  const start = bytes.subarray(0, mark.length).equals(mark) ? mark.length : 0;
  return bytes.toString('utf8', start);
}
