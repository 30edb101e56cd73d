/**
 * From the bytes of an uploaded file to the text that is split into records: decoding, line ends, and trimming of the
 * start and end (spec 03, sections 4.1 and 4.2 step 1). The reference accepts UTF-8 only; spreadsheet programs also
 * write UTF-16 ("Unicode text") and Windows-1252 ("CSV"), so we read those too.
 */
import { allWhitespace } from '../characters.ts';

export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * What separates cells: one character. The reference knows only the comma (spec 03, section 4.1); spreadsheets write
 * semicolons and tabs too, and may name any other in the first line.
 */
export type Separator = string;

/** How many bytes `possibleEncodings` needs from the start of a file, if the file has that many. */
export const sniffedBytes = 1024;

/**
 * The encodings that a file starting with these bytes may have, the likeliest first. Any bytes can be read as
 * Windows-1252, so it comes last and is used only when UTF-8 has failed, which the last byte of the file may decide, and
 * when nothing says that it is damaged UTF-8.
 * A file with a UTF-8 byte-order mark that is not UTF-8 is damaged: reading it as anything else would send the damage
 * to people.
 */
export function possibleEncodings(head: Uint8Array): readonly CsvEncoding[] {
  if (head[0] === 0xff && head[1] === 0xfe) return ['utf-16le'];
  if (head[0] === 0xfe && head[1] === 0xff) return ['utf-16be'];
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return ['utf-8'];
  return utf16WithoutMark(head.subarray(0, sniffedBytes)) ?? ['utf-8', 'windows-1252'];
}

/**
 * In UTF-16, every second byte of digits, separators and Latin letters is zero, and never the others, whatever the
 * letters of the rest; UTF-8 text has no zeros. The header begins with such a letter.
 */
function utf16WithoutMark(head: Uint8Array): readonly CsvEncoding[] | null {
  const pairs = head.length >> 1;
  let little = 0;
  let big = 0;
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = head[2 * pair]!;
    const second = head[2 * pair + 1]!;
    if (second === 0 && isPlain(first)) little += 1;
    else if (first === 0 && isPlain(second)) big += 1;
  }
  if (pairs > 1 && 8 * little > pairs && little > 8 * big && head[1] === 0) return ['utf-16le'];
  if (pairs > 1 && 8 * big > pairs && big > 8 * little && head[0] === 0) return ['utf-16be'];
  return null;
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Decodes chunk by chunk. Either function returns null once the bytes turn out not to be in the encoding. */
export type CsvDecoder = {
  decode(bytes: Uint8Array): string | null;
  /** Text still pending when the file ends in the middle of a character. */
  end(): string | null;
};

/** A decoder for one file. A byte-order mark stays in the text, where it is trimmed (spec 03, section 4.2). */
export function createDecoder(encoding: CsvEncoding): CsvDecoder {
  return encoding === 'windows-1252' ? undamagedWindows1252() : strict(encoding);
}

/** Bytes that stand for nothing in Windows-1252, and zero, which gives a binary file away. */
const notInWindows1252 = new Set([0x00, 0x81, 0x8d, 0x8f, 0x90, 0x9d]);

/**
 * Almost any bytes can be read as Windows-1252. A UTF-8 file with one damaged byte too: its other letters would then be
 * sent to people as `Ã«`. So a file is refused if it has a multi-byte character of UTF-8 before its first fault, or more
 * of them than faults. And files of Excel for Mac and of ‘CSV (MS-DOS)’, whose letters would become `RenŽe` or `Ren‚e`:
 * so one is refused if one in ten of the signs that are not ASCII stands where no word has it.
 */
function undamagedWindows1252(): CsvDecoder {
  const decoder = new TextDecoder('windows-1252', { ignoreBOM: true });
  let characters = 0;
  let faults = 0;
  let charactersBeforeFault = 0;
  /** Bytes that the character of UTF-8 under way still needs, and the range of the next one. */
  let needed = 0;
  let lowest = 0x80;
  let highest = 0xbf;
  /** Signs that are not ASCII, and those of them that are out of place. */
  let signs = 0;
  let misplaced = 0;
  let before = 0;
  let current = 0;
  const place = (next: number) => {
    if (current >= 0x80) {
      signs += 1;
      if (isMisplaced(before, current, next)) misplaced += 1;
    }
    before = current;
    current = next;
  };
  const fault = () => {
    if (faults === 0) charactersBeforeFault = characters;
    faults += 1;
    needed = 0;
  };
  const read = (byte: number) => {
    if (needed > 0) {
      if (byte >= lowest && byte <= highest) {
        needed -= 1;
        lowest = 0x80;
        highest = 0xbf;
        if (needed === 0) characters += 1;
        return;
      }
      fault();
    }
    if (byte < 0x80) return;
    if (byte < 0xc2 || byte > 0xf4) return fault();
    needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    lowest = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    highest = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
  };
  return {
    decode(bytes) {
      for (const byte of bytes) {
        if (notInWindows1252.has(byte)) return null;
        read(byte);
        place(byte);
      }
      return charactersBeforeFault > 0 ? null : decoder.decode(bytes);
    },
    end() {
      if (needed > 0) fault();
      place(0);
      return charactersBeforeFault > 0 || characters > faults || 10 * misplaced > signs ? null : '';
    },
  };
}

/** Signs of Windows-1252 that follow no letter: `‚ƒ„ˆ‰‹“`. */
const behindNoLetter = new Set([0x82, 0x83, 0x84, 0x88, 0x89, 0x8b, 0x93]);
/** Those below the letters that can stand within a word: `’‘–—…`, soft hyphen, `ª´·º`, and letters. */
const withinWords = new Set([
  ...[0x80, 0x85, 0x8a, 0x8c, 0x8e, 0x91, 0x92, 0x96, 0x97, 0x9a, 0x9c, 0x9e, 0x9f],
  ...[0xa0, 0xaa, 0xad, 0xb4, 0xb7, 0xba],
]);
/** Capitals below the others: `ŠŒŽŸ`. */
const capitals = new Set([0x8a, 0x8c, 0x8e, 0x9f]);

/**
 * Whether a byte that is not ASCII stands where no word has its sign: a capital behind a small letter, a symbol within a
 * word, an opening quote at its end, or the middle of three letters with accents.
 */
function isMisplaced(before: number, byte: number, next: number): boolean {
  if (byte >= 0xc0 && before >= 0xc0 && next >= 0xc0) return true;
  if (!isSmall(before | 0x20)) return false;
  if (behindNoLetter.has(byte)) return true;
  if (byte === 0x91) return !isSmall(next | 0x20);
  if (byte < 0xc0 && !withinWords.has(byte)) return isSmall(next);
  const isCapital = capitals.has(byte) || (byte >= 0xc0 && byte <= 0xde && byte !== 0xd7);
  const isBehind = byte === 0x9f || isSmall(before);
  return isCapital && isBehind && !(next >= 0x41 && next <= 0x5a);
}

function isSmall(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

function strict(encoding: CsvEncoding): CsvDecoder {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  const attempt = (step: () => string) => {
    try {
      const text = step();
      // No program writes zeros into a text: they are UTF-16 without a mark, or what a broken disk left.
      return text.includes('\0') ? null : text;
    } catch {
      return null;
    }
  };
  return {
    decode: (bytes) => attempt(() => decoder.decode(bytes, { stream: true })),
    end: () => attempt(() => decoder.decode()),
  };
}

/** A streaming transformation of text: `push` returns what is certain so far, `end` the rest. */
export type TextStage = { push(text: string): string; end(): string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: the reference treats U+001C to U+001E as line ends
const lineBreak = /\r\n?|[\n\v\f\u001C-\u001E\u0085\u2028\u2029]/g;

/**
 * Turns every line boundary into CRLF, inside quoted cells too, as the reference does on upload (spec 03,
 * section 4.1). Afterwards no carriage return stands alone.
 */
export function createLineJoiner(): TextStage {
  let carriageReturn = '';
  return {
    push(text) {
      const whole = carriageReturn + text;
      // The line feed may be in the next chunk.
      carriageReturn = whole.endsWith('\r') ? '\r' : '';
      return (carriageReturn ? whole.slice(0, -1) : whole).replace(lineBreak, '\r\n');
    },
    end: () => (carriageReturn ? '\r\n' : ''),
  };
}

const leadingBlanks = new RegExp(`[${allWhitespace}]*`, 'y');
// In a tab-separated file a leading tab is an empty first cell.
const leadingBlanksButTabs = new RegExp(`[${allWhitespace.replace('\\t', '')}]*`, 'y');

/** The text without leading whitespace, which includes a byte-order mark. */
export function trimStart(text: string, separator: Separator): string {
  const leading = separator === '\t' ? leadingBlanksButTabs : leadingBlanks;
  leading.lastIndex = 0;
  leading.test(text);
  return text.slice(leading.lastIndex);
}

/**
 * Trims whitespace from the start of a file, and whitespace and separators from its end (spec 03, section 4.2 step 1).
 * A run of these is held back until other text follows, so memory is bounded by the longest run.
 */
export function createTrimmer(separator: Separator): TextStage {
  let started = false;
  let held = '';
  return {
    push(text) {
      const rest = started ? text : trimStart(text, separator);
      if (rest === '') return '';
      started = true;
      let end = rest.length;
      while (end > 0 && isTrimmed(rest[end - 1]!, separator)) end -= 1;
      if (end === 0) {
        held += rest;
        return '';
      }
      const certain = held + rest.slice(0, end);
      held = rest.slice(end);
      return certain;
    },
    end: () => '',
  };
}

/** Blanks, the end-of-file mark of old systems, and all other white space and invisible marks. */
const trailingBlank = new RegExp(
  `[${allWhitespace}\\s\\u001A\\u001C-\\u001F\\u0085\\u200E\\u200F\\u202A-\\u202E\\u2061-\\u2069\\u3164]`,
);

function isTrimmed(character: string, separator: Separator): boolean {
  return character === separator || trailingBlank.test(character);
}

const separatorLine = /^"?sep=([^\w\s"]|\t)"?\1*(?:\r\n|$)/i;

/** The separator that the first line names (`sep=;`), as spreadsheets write and obey it, and the length of that line. */
export function namedSeparator(
  text: string,
): { readonly separator: Separator; readonly length: number } | null {
  const found = separatorLine.exec(text);
  return found && { separator: found[1]!, length: found[0].length };
}
