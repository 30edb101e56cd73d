/** What was searched for, in words, as the API reads it (spec 04, section 7.1). Pure. */
export function searchedFor(term: string): string {
  const text = term.trim();
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text))
    return 'a message with this id, or with this whole reference of yours or of the provider';
  if (/^[+\d\s().-]+$/.test(text)) {
    const digits = text.replace(/\D/g, '');
    if (/^[\s(]*(\+|0\s*0)/.test(text))
      return `phone numbers that begin with +${digits.replace(/^00/, '')}, and this whole reference of yours or of the provider`;
    return `phone numbers that begin with ${digits}, also with 44 in place of a leading 0, or end with ${digits}, and this whole reference of yours or of the provider`;
  }
  const address = text.toLowerCase().replace(/\s/g, '');
  return address.startsWith('@')
    ? `email addresses that end with ${address}`
    : `email addresses that begin or end with ${address}, and this whole reference of yours or of the provider`;
}
