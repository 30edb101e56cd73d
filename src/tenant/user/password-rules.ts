import { join } from 'node:path';
import { readTextFile } from '../../ground/text.ts';

const shortest = 8;
const longest = 255;

/**
 * Why nobody should have this password; null if they may. The rules of whoever asks people for passwords: the API itself
 * has none (spec 04, section 3.3).
 */
export function passwordFault(password: string): string | null {
  const { length } = [...password];
  if (length < shortest) return `The password must have at least ${shortest} characters.`;
  if (length > longest) return `The password must have at most ${longest} characters.`;
  common ??= readCommon();
  return common.has(password.toLowerCase()) ? 'Choose a password that is harder to guess.' : null;
}

let common: ReadonlySet<string> | null = null;

function readCommon(): ReadonlySet<string> {
  const text = readTextFile(join(import.meta.dirname, 'common-passwords.txt'));
  return new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')));
}
