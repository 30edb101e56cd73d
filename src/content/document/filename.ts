/** Characters of a file name, at most. */
const longest = 100;

/**
 * Controls, halves of characters, slashes of either kind, and the marks that turn the direction of writing, with which
 * `exe.pdf` can be made to look like `pdf.exe` and the other way round.
 */
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}/\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;

export type FilenameOutcome =
  | Readonly<{ ok: true; filename: string; extension: string }>
  | Readonly<{ ok: false; error: string }>;

/** A name that is safe to store, to show and to save a file under; the error is the text for the caller. */
export function parseFilename(raw: string): FilenameOutcome {
  const filename = raw.trim();
  if (Array.from(filename.slice(0, 4 * longest)).length > longest)
    return { ok: false, error: `\`filename\` cannot be longer than ${longest} characters` };
  if (unsafe.test(filename))
    return { ok: false, error: '`filename` cannot contain slashes, line breaks or other control characters' };
  const extension = /[^.\s].*\.([^.\s]+)$/.exec(filename)?.[1];
  if (extension === undefined)
    return {
      ok: false,
      error: '`filename` must end with a file extension. For example, filename.csv',
    };
  return { ok: true, filename, extension: extension.toLowerCase() };
}

/**
 * `Content-Disposition` that saves the file under its name (RFC 6266): plain ASCII for old programs, and the name
 * itself, percent-encoded, for all others.
 */
export function contentDisposition(filename: string): string {
  const plain = filename
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]|["\\%;]/gu, '_');
  const encoded = encodeURIComponent(filename).replace(
    /['()*!]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
