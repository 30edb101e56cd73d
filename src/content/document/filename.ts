import { decomposed } from '../../ground/text.ts';

/** The most characters (code points) of a file name. */
const maxLength = 100;

/**
 * Control characters, lone surrogates, slashes, and the marks that change the direction of writing, which can make
 * `fdp.exe` look like `exe.pdf`.
 */
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}/\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;

export type FilenameOutcome =
  | Readonly<{ ok: true; filename: string; extension: string }>
  | Readonly<{ ok: false; error: string }>;

/**
 * Checks that a name is safe to store, show and save a file under. `extension` is in lower case, without its dot;
 * `error` is the text for the caller.
 */
export function parseFilename(raw: string): FilenameOutcome {
  const filename = raw.trim();
  if (Array.from(filename.slice(0, 4 * maxLength)).length > maxLength)
    return { ok: false, error: `\`filename\` cannot be longer than ${maxLength} characters` };
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
 * The `Content-Disposition` header that saves a file under its name (RFC 6266): in ASCII for old programs, and in full,
 * percent-encoded, for all others.
 */
export function contentDisposition(filename: string): string {
  const plain = decomposed(filename, 'NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]|["\\%;]/gu, '_');
  const encoded = encodeURIComponent(filename).replace(
    /['()*!]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
