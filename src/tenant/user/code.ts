import { randomInt } from 'node:crypto';

export type CodeType = 'sms' | 'email';

/** How long a code can be used (spec 04, section 3.4). */
export const codeMilliseconds = 30 * 60_000;
/** The most codes of a person that are neither used nor expired; beyond it, none is made (spec 06, section 6.2). */
export const mostOpenCodes = 5;

const digits = 5;

/** Five digits of which no two neighbours are equal, from a cryptographic source. */
export function newCode(): string {
  let code = '';
  while (code.length < digits) {
    const digit = String(randomInt(10));
    if (!code.endsWith(digit)) code += digit;
  }
  return code;
}
