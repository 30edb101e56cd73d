/** Characters of a provider's word that are kept. */
const longest = 100;

/**
 * A word of a provider's receipt as it may be stored and logged: one line of limited length. PostgreSQL takes no null
 * character, and what a provider posts must never make a statement fail.
 */
export function receiptText(value: string | number): string {
  return String(value)
    .replace(/[\p{C}\u2028\u2029]/gu, ' ')
    .slice(0, longest);
}

/** The text of a required field: null where it is absent, empty or null (spec 05, section 5.6), or no plain value. */
export function fieldText(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Our id as a provider echoes it: hex in 8-4-4-4-12, any version, any case (spec 05, section 5.6); null otherwise. */
export function echoedId(text: string): string | null {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : null;
}
