import { Html, html } from '../../ground/html.ts';

/** Attributes of an element: `true` without a value, `false`, `null` and `undefined` left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function attributes(given: Attributes | undefined): Html {
  let text = '';
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    text += value === true ? ` ${name}` : html` ${new Html(name)}="${value}"`.text;
  }
  return new Html(text);
}

/** The class attribute's value: those that are set, with spaces between. */
export function classes(...names: readonly (string | null | undefined | false)[]): string {
  return names.filter(Boolean).join(' ');
}

/** Text, or markup that was made by `html`. */
export type Content = string | Html;

/** Several pieces of markup one after another. */
export function joined(parts: readonly (Html | null)[]): Html {
  return new Html(parts.map((part) => part?.text ?? '').join(''));
}
