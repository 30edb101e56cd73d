/**
 * From the bytes of an uploaded file to its text. The reference takes UTF-8 and nothing else (spec 03 section 4.1);
 * spreadsheet programs also write UTF-16 ("Unicode text") and Windows-1252 ("CSV"), so these are read too.
 */

export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** How many bytes from the start `encodingsOf` wants to see, if the file has so many. */
export const SNIFFED_BYTES = 1024;

/**
 * The encodings a file that begins with these bytes may have, the likeliest first. Any bytes at all can be read as
 * Windows-1252, so it comes last and counts only when UTF-8 has failed, which the last byte of a file may decide.
 * A file that is marked as UTF-8 and then breaks off is damaged, and reading it as anything else would send the
 * damage to people.
 */
export function encodingsOf(head: Uint8Array): readonly CsvEncoding[] {
  if (head[0] === 0xff && head[1] === 0xfe) return ['utf-16le'];
  if (head[0] === 0xfe && head[1] === 0xff) return ['utf-16be'];
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return ['utf-8'];
  return utf16ByPattern(head.subarray(0, SNIFFED_BYTES)) ?? ['utf-8', 'windows-1252'];
}

/** In a header in Latin letters every second byte is zero, which no text in UTF-8 comes near. */
function utf16ByPattern(head: Uint8Array): readonly CsvEncoding[] | null {
  const pairs = head.length >> 1;
  let little = 0;
  let big = 0;
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = head[2 * pair]!;
    const second = head[2 * pair + 1]!;
    if (first !== 0 && second === 0) little += 1;
    if (first === 0 && second !== 0) big += 1;
  }
  if (pairs > 1 && 2 * little > pairs) return ['utf-16le'];
  if (pairs > 1 && 2 * big > pairs) return ['utf-16be'];
  return null;
}

/** Text so far, chunk by chunk; null when the bytes turn out not to be in this encoding, and the decoder is done. */
export type CsvDecoder = {
  decode(bytes: Uint8Array): string | null;
  /** What a file broken off in the middle of a character still gives. */
  end(): string | null;
};

/** A decoder for one file. A byte-order mark stays in the text, where it is white space (spec 03 section 4.2). */
export function createDecoder(encoding: CsvEncoding): CsvDecoder {
  if (encoding === 'utf-8') return strictUtf8();
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  if (encoding === 'windows-1252')
    // Every byte means something in it, so that a binary file is known only by its zeros.
    return { decode: (bytes) => (bytes.includes(0) ? null : decoder.decode(bytes)), end: () => '' };
  // Half a character at the end is dropped: nothing can be made of it.
  return { decode: (bytes) => decoder.decode(bytes, { stream: true }), end: () => '' };
}

function strictUtf8(): CsvDecoder {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const attempt = (step: () => string) => {
    try {
      return step();
    } catch {
      return null;
    }
  };
  return {
    decode: (bytes) => attempt(() => decoder.decode(bytes, { stream: true })),
    end: () => attempt(() => decoder.decode()),
  };
}
