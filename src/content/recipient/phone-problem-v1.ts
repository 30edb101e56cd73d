import { type PhoneProblem, phoneProblemV2Text } from './phone-problem.ts';

/**
 * What is wrong with a number in the words of v1, which has five reasons (spec 01, section 2.1 row 4). It knew nothing of
 * numbering plans, so a number that fits none of them is told by what it looks like: `text` is as it was given.
 */
export function phoneProblemV1Text(problem: PhoneProblem, text: string): string {
  return `Invalid phone number: ${phoneProblemV2Text(problem === 'INVALID_NUMBER' ? looksLike(text) : problem)}`;
}

function looksLike(text: string): PhoneProblem {
  const typed = text.replace(/\D/g, '');
  const digits = typed.replace(/^0+/, '');
  const isBritish =
    /^0(?!0)/.test(typed) || digits.startsWith('44') || (digits.startsWith('7') && digits.length < 11);
  if (!isBritish) {
    if (digits.length < 8) return 'TOO_SHORT';
    return digits.length > 15 ? 'TOO_LONG' : 'UNSUPPORTED_COUNTRY_CODE';
  }
  const national = digits.replace(/^44/, '').replace(/^0+/, '');
  if (!national.startsWith('7') || national.length === 10) return 'NOT_A_UK_MOBILE';
  return national.length < 10 ? 'TOO_SHORT' : 'TOO_LONG';
}
