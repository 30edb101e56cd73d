const outsideAscii = /[^\p{ASCII}]/gu;

/**
 * The decomposition of each character by itself, in time linear in the length. `normalize` also puts the marks on one
 * letter in order, which takes quadratic time where they alternate. So this is for callers that drop the marks.
 */
export function decomposed(text: string, form: 'NFD' | 'NFKD'): string {
  return text.replace(outsideAscii, (character) => character.normalize(form));
}
