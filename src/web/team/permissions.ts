import { type Choice, checkboxes, type ErrorMessage } from '../components/form.ts';

/** Permissions as people give them (spec 07, section 5): one box may stand for several of the API. */
export const boxes = [
  {
    value: 'view',
    text: 'See messages and figures',
    hint: 'What was sent to whom, what became of it, and downloads of it.',
    permissions: ['view_activity'],
  },
  {
    value: 'send',
    text: 'Send',
    hint: 'Text messages and emails, to one person or to a file of them.',
    permissions: ['send_texts', 'send_emails', 'send_letters'],
  },
  {
    value: 'templates',
    text: 'Write templates',
    hint: 'Add, change and delete them.',
    permissions: ['manage_templates'],
  },
  {
    value: 'settings',
    text: 'Manage settings and usage',
    hint: 'Names, senders, how long messages are kept, what it costs.',
    permissions: ['manage_settings'],
  },
  {
    value: 'team',
    text: 'Manage the team',
    hint: 'Invite people, remove them, and change what they may do.',
    permissions: ['manage_users'],
  },
  {
    value: 'keys',
    text: 'Manage keys and callbacks',
    hint: 'For developers who connect their programs.',
    permissions: ['manage_api_keys'],
  },
] as const;

/** The boxes that are ticked for somebody. Pure. */
export function ticked(permissions: readonly string[]): readonly string[] {
  return boxes
    .filter((box) => box.permissions.some((permission) => permissions.includes(permission)))
    .map(({ value }) => value);
}

/**
 * The permissions of the API for ticked boxes. What somebody has of a box that stays ticked stays as it is. Letters are
 * given to nobody anew. Pure.
 */
export function permissionsOf(chosen: readonly string[], before: readonly string[] = []): readonly string[] {
  return boxes
    .filter(({ value }) => chosen.includes(value))
    .flatMap(({ permissions }) => {
      const kept = permissions.filter((permission) => before.includes(permission));
      return kept.length > 0 ? kept : permissions.filter((permission) => permission !== 'send_letters');
    });
}

export function permissionBoxes(chosen: readonly string[], error: ErrorMessage = null) {
  const items: Choice[] = boxes.map(({ value, text, hint }) => ({
    ...{ value, text, hint, selected: chosen.includes(value) },
  }));
  return checkboxes({
    name: 'permission',
    legend: 'What may they do?',
    legendClasses: 'govuk-fieldset__legend--m',
    hint: 'Everybody in the team can see templates and the team.',
    error,
    items,
  });
}
