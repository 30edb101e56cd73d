import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { ConfigError } from './problem.ts';

const outsideAscii = /[^\p{ASCII}]/gu;

/**
 * The decomposition of each character by itself, in time linear in the length. `normalize` also puts the marks on one
 * letter in order, which takes quadratic time where they alternate. So this is for callers that drop the marks.
 */
export function decomposed(text: string, form: 'NFD' | 'NFKD'): string {
  return text.replace(outsideAscii, (character) => character.normalize(form));
}

const mark = Buffer.from('\ufeff');

/** The text of bytes in UTF-8, without a byte order mark; null if they are not UTF-8, so that nothing is replaced. */
export function readUtf8(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null;
  const start = bytes.subarray(0, mark.length).equals(mark) ? mark.length : 0;
  return bytes.toString('utf8', start);
}

/**
 * The text of a file in UTF-8, without a byte order mark: every file that people write is read by this. `named` says
 * what names the file, such as an option or a setting. Throws a ConfigError that says what is wrong, in which line, and
 * what to do.
 */
export function readTextFile(path: string, named: string | null = null): string {
  const subject = named === null ? path : `${named} names ${path}, which`;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw cannotRead(subject, cause);
  }
  const fault = faultIn(bytes);
  if (fault === null) return readUtf8(bytes)!;
  throw new ConfigError(`${subject} is not text in UTF-8: ${fault}. Save it with the encoding UTF-8.`);
}

/** The error for a file that cannot be read; `subject` names it, `cause` is what the file system threw. */
export function cannotRead(subject: string, cause: unknown): ConfigError {
  const { code } = cause as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'permission is denied',
  };
  return new ConfigError(`${subject} cannot be read: ${reasons[code ?? ''] ?? code ?? cause}.`, { cause });
}

const lineFeed = 0x0a;

/** The first byte that cannot be in a text in UTF-8, in words; zero gives UTF-16 away. null if there is none. */
export function faultIn(bytes: Buffer): string | null {
  const fault = firstFault(bytes);
  if (fault === null) return null;
  const before = bytes.subarray(0, fault);
  const line = before.filter((byte) => byte === lineFeed).length + 1;
  const column = fault - before.lastIndexOf(lineFeed);
  return `byte ${column} of line ${line} is 0x${bytes[fault]!.toString(16).padStart(2, '0')}`;
}

function firstFault(bytes: Buffer): number | null {
  const zero = bytes.indexOf(0);
  if (isUtf8(bytes)) return zero === -1 ? null : zero;
  // Decoding replaces what is wrong, so there the text written again differs first.
  const again = Buffer.from(bytes.toString('utf8'));
  const fault = Math.min(
    again.findIndex((byte, at) => byte !== bytes[at]),
    bytes.length - 1,
  );
  return zero === -1 ? fault : Math.min(zero, fault);
}
