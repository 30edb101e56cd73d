import { badRequest, invalidFields } from '../../ground/problem.ts';
import { optionalPlaceholders, requiredPlaceholders } from '../../tenant/user/platform-message.ts';
import { normaliseKey } from './personalisation.ts';
import { parseText, placeholdersOf } from './placeholder.ts';
import type { TemplateText } from './store.ts';

type Words = Pick<TemplateText, 'subject' | 'content'>;

/**
 * Why a template of the platform's own messages would not do (spec 04, section 4.2), as sentences; none if it does, or
 * if it is any other template. A required placeholder has to be in the content, and none may be anywhere that has no
 * value.
 */
export function platformFaults(id: string, { subject, content }: Words): readonly string[] {
  const required = requiredPlaceholders.get(id);
  if (!required) return [];
  const supplied = [...required, ...(optionalPlaceholders.get(id) ?? [])];
  const [head, body] = [parseText(subject ?? ''), parseText(content)];
  // A conditional one shows its text, not the value.
  const used = body.slots.filter(({ text }) => text === null).map(({ name }) => name);
  const asked = placeholdersOf(head, body);
  const lost = without(required, used);
  const unknown = without(asked, supplied);
  return [
    ...(lost.length > 0 ? [`Must have the placeholders ${shown(lost)}`] : []),
    ...(unknown.length > 0
      ? [`Must not have the placeholders ${shown(unknown)}: there is no value for them in this message`]
      : []),
  ];
}

/** Throws a Problem (400) for a change of such a template after which its messages could not do their work. */
export function refusePlatformText(id: string, text: TemplateText, changed: readonly string[]): void {
  if (!requiredPlaceholders.has(id)) return;
  if (text.archived && changed.includes('archived'))
    throw badRequest('A template of the platform’s own messages cannot be deleted');
  if (text.hasUnsubscribeLink && changed.includes('hasUnsubscribeLink'))
    throw invalidFields({
      has_unsubscribe_link: ['The platform’s own messages cannot have an unsubscribe link'],
    });
  const faults = changed.includes('content') || changed.includes('subject') ? platformFaults(id, text) : [];
  if (faults.length > 0) throw invalidFields({ content: faults });
}

/** The names that match none of the others (spec 02, section 1.2). */
function without(names: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others.map(normaliseKey));
  return names.filter((name) => !known.has(normaliseKey(name)));
}

const longestShown = 500;

function shown(names: readonly string[]): string {
  const text = names.map((name) => `((${name}))`).join(', ');
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}
