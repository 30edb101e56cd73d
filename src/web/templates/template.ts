import type { Api } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';

export type TemplateType = 'sms' | 'email';

/** A template, or one version of it (spec 04, section 5). */
export type Template = Readonly<{
  id: string;
  name: string;
  template_type: TemplateType;
  subject: string | null;
  content: string;
  version: number;
  archived: boolean;
  process_type: string;
  folder: string | null;
  has_unsubscribe_link: boolean;
  created_at: string;
  updated_at: string | null;
}>;

export type TemplateVersion = Template & Readonly<{ created_by: Readonly<{ id: string; name: string }> }>;

/** What is being written, as far as a preview needs it. */
export type Draft = Readonly<{ type: TemplateType; subject: string; content: string }>;

export const typeNames: Readonly<Record<TemplateType, string>> = { sms: 'Text message', email: 'Email' };

export async function readTemplate(api: Api, serviceId: string, id: string): Promise<Template> {
  return (await api.get<{ data: Template }>(`/service/${serviceId}/template/${encodeURIComponent(id)}`)).data;
}

export function draftOf({ template_type: type, subject, content }: Template): Draft {
  return { type, subject: subject ?? '', content };
}

/** A placeholder: its name as first typed, and whether it only shows or hides a text of the template. */
export type Placeholder = Readonly<{ name: string; isConditional: boolean }>;

/** The placeholders of a draft, in the order of their first appearance (spec 02, sections 1.1 and 1.3). */
export function placeholdersOf({ type, subject, content }: Draft): readonly Placeholder[] {
  const found = new Map<string, Placeholder>();
  for (const [, body] of (type === 'email' ? `${subject}\n${content}` : content).matchAll(
    /\(\(([^()]+)\)\)/g,
  )) {
    const [name, text] = body!.split('??', 2) as [string, string?];
    const key = keyOf(name);
    const known = found.get(key);
    if (!known) found.set(key, { name, isConditional: text !== undefined });
    else if (known.isConditional && text === undefined) found.set(key, { ...known, isConditional: false });
  }
  return [...found.values()];
}

/** The form in which names of placeholders are compared (spec 02, section 1.3). */
export function keyOf(name: string): string {
  return name.replace(/[\s_-]/g, '').toLowerCase();
}

/** What a placeholder could hold, told by its name, for somebody to type over. */
export function exampleFor({ name, isConditional }: Placeholder): string {
  if (isConditional) return 'yes';
  const words = name.toLowerCase();
  return examples.find(([pattern]) => pattern.test(words))?.[1] ?? name.trim();
}

const examples: readonly (readonly [RegExp, string])[] = [
  [/first.?name|forename/, 'Rowan'],
  [/surname|last.?name|family.?name/, 'Hill'],
  [/email/, 'rowan.hill@example.org'],
  [/url|link|website/, 'https://example.org/a1b2'],
  [/phone|mobile/, '07700 900123'],
  [/name/, 'Rowan Hill'],
  [/post.?code/, 'NR1 1AA'],
  [/date|day|birth|until/, '4 May 2026'],
  [/time|hour/, '14:05'],
  [/amount|cost|price|fee|balance/, '£12.50'],
  [/code|number|reference|\bid\b|\bref\b/, '48213'],
  [/address|street|place|location/, '1 High Street'],
];

/** The field of a form that holds the value of a placeholder. */
export const valueField = (name: string) => `value:${name}`;

/** The values that a form gives for these placeholders, by their names; `otherwise` for what it has no field for. */
export function valuesOf(
  placeholders: readonly Placeholder[],
  form: Form | null,
  otherwise: (placeholder: Placeholder) => string = exampleFor,
): Readonly<Record<string, string>> {
  // The spelling of a name may have changed since.
  const given = new Map(
    (form?.names ?? []).flatMap((field) =>
      field.startsWith('value:') ? [[keyOf(field.slice('value:'.length)), form!.text(field)] as const] : [],
    ),
  );
  return Object.fromEntries(
    placeholders.map((placeholder) => [
      placeholder.name,
      given.get(keyOf(placeholder.name)) ?? otherwise(placeholder),
    ]),
  );
}

/** Which placeholders a change brought and took. */
export function placeholderChanges(
  older: Draft,
  newer: Draft,
): Readonly<{ added: readonly string[]; gone: readonly string[] }> {
  const names = (draft: Draft) => new Map(placeholdersOf(draft).map(({ name }) => [keyOf(name), name]));
  const [before, after] = [names(older), names(newer)];
  const without = (these: ReadonlyMap<string, string>, others: ReadonlyMap<string, string>) =>
    [...these].filter(([key]) => !others.has(key)).map(([, name]) => name);
  return { added: without(after, before), gone: without(before, after) };
}
