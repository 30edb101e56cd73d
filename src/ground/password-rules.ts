import { dictionary } from '@zxcvbn-ts/language-common';

const shortest = 8;
const longest = 255;
/** In lower case. */
const common: ReadonlySet<string> = new Set(dictionary['passwords-common']);

/**
 * Why nobody should have this password; null if they may. The rules of whoever asks people for passwords: the API itself
 * has none (spec 04, section 3.3).
 */
export function passwordFault(password: string): string | null {
  const { length } = [...password];
  if (length < shortest) return `The password must have at least ${shortest} characters.`;
  if (length > longest) return `The password must have at most ${longest} characters.`;
  return common.has(password.toLowerCase()) ? 'Choose a password that is harder to guess.' : null;
}
