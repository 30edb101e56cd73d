/** Beginnings that make a browser or a viewer run or draw what is named as plain text. */
const markup = /^\s*<(?:!doctype|!--|\?xml|html|head|body|script|style|iframe|svg|a\s)/i;
const longestBeginning = 1024;

/**
 * Whether bytes are plain text: UTF-8, UTF-16 with its mark, or one of the old one-byte sets, without control
 * characters that no text has, and no markup.
 */
export function isText(bytes: Buffer): boolean {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') return isUtf16(bytes, mark === 'fffe' ? 'utf-16le' : 'utf-16be');
  for (const byte of bytes) {
    // Tab, the line ends and the page break; escape sequences of terminals are no text.
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d) return false;
    if (byte === 0x7f) return false;
  }
  return !isMarkup(bytes.subarray(0, longestBeginning).toString('utf8'));
}

function isUtf16(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be'): boolean {
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return false;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[\0-\x08\x0b\x0e-\x1f\x7f]/.test(text) && !isMarkup(text.slice(0, longestBeginning));
}

function isMarkup(beginning: string): boolean {
  return markup.test(beginning.replace(/^\ufeff/, ''));
}
