const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const numeric = /^[+\d\s().-]+$/;
/** A phone number with fewer is one that is not typed out. */
const fewestDigits = 9;

/** Whether it looks like a whole id, phone number or email address, and so is hardly a part of a reference. Pure. */
export function isWhole(term: string): boolean {
  const text = term.trim();
  if (numeric.test(text)) return text.replace(/\D/g, '').length >= fewestDigits;
  const [name, domain, ...more] = text.split('@');
  return uuid.test(text) || (name !== '' && domain?.includes('.') === true && more.length === 0);
}

/** What was searched for, in words, as the API reads it (spec 04, section 7.1). Pure. */
export function searchedFor(term: string): string {
  const text = term.trim();
  if (uuid.test(text))
    return 'a message with this id, or with this whole reference of yours or of the provider';
  if (numeric.test(text)) {
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
