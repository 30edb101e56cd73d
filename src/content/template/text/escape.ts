import { decodeHTML } from 'entities/decode';

const reference = /&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[^\t\n\f <&#;]{1,32});/g;
const referenceOrMarkup = new RegExp(`${reference.source}|[&<>]`, 'g');
const markup = /[&<>]/;
/** What the reference drops although HTML decodes it: control characters and noncharacters. */
const disallowed = /^(?![\t\n\f\r\u0080-\u009f])[\p{Cc}\p{Noncharacter_Code_Point}]$/u;

/**
 * The sanitiser of HTML fields (spec 02, section 3.1): decodes character references, then escapes `&`, `<` and `>`,
 * but not quotes. A literal `&nbsp;` or `&amp;` stays. The result is safe as the text of an element, not as the value
 * of an attribute.
 */
export function escapeHtml(text: string): string {
  if (!markup.test(text)) return text;
  return text.replace(referenceOrMarkup, (found) =>
    found === '&nbsp;' || found === '&amp;' ? found : escapeMarkup(decodeReference(found)),
  );
}

/** Escapes `&`, `<` and `>` only. References in the text are escaped like anything else. */
export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Decodes every character reference that ends in `;` by the rules of HTML 5 (spec 02, section 3.1). */
export function decodeReferences(text: string): string {
  return text.includes('&') ? text.replace(reference, decodeReference) : text;
}

/** Makes every reference that stands for an ASCII character, and so may be Markdown or part of a link, show as typed. */
export function showReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(reference, (found) => {
    const decoded = decodeReference(found);
    const isShown = found === '&amp;' || decoded === found || !/[\0-\x7f]/.test(decoded);
    return isShown ? found : `&amp;${found.slice(1)}`;
  });
}

/** Decodes one reference, `&` and `;` included. Anything else comes back unchanged. */
function decodeReference(found: string): string {
  const decoded = decodeHTML(found);
  return found[1] === '#' && disallowed.test(decoded) ? '' : decoded;
}
