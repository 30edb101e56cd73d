import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { pagination } from '../components/navigation.ts';
import { type Answer, operatorPage, type PersonVisit, page } from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { shortTimeOf } from '../words/times.ts';
import type { User } from './facts.ts';
import { userLink } from './words.ts';

const path = '/platform/users';
const shownAtOnce = 50;
/** From so many failed tries on a person is locked for an hour (spec 04, section 3.4). */
const lockedFrom = 10;

/** Who gets in (spec 07, section 7). A name or address that is searched for is personal, so it travels in the form only. */
const users = operatorPage(path, {
  fresh: 'nothing',
  get: (visit) => usersPage(visit, '', visit.query.get('older_than')),
  post: (visit, form) =>
    usersPage(visit, form.text('search').trim().slice(0, 255), form.text('older_than') || null),
});

async function usersPage(visit: PersonVisit, search: string, older: string | null): Promise<Answer> {
  const filter = new URLSearchParams({
    ...(search !== '' && { search }),
    ...(older !== null && { older_than: older }),
  });
  const { data } = await visit.api.get<{ data: readonly User[] }>(`/user?${filter}`);
  const shown = data.slice(0, shownAtOnce);
  const last = shown.at(-1)?.id ?? '';
  const more =
    data.length <= shownAtOnce
      ? null
      : search === ''
        ? pagination({ next: { href: `${path}?older_than=${last}`, text: 'People added before' } })
        : postForm(
            { action: path, fields: visit.fields },
            html`<input type="hidden" name="search" value="${search}"><input type="hidden" name="older_than" value="${last}">`,
            button({ text: 'People added before', classes: 'govuk-button--secondary' }),
          );
  return page(
    'All people',
    html`${heading(1, 'All people')}${postForm(
      { action: path, fields: visit.fields, attributes: { class: 'app-filter', role: 'search' } },
      input({
        ...{ name: 'search', label: 'Part of the name or email address', value: search },
        attributes: { autocomplete: 'off', spellcheck: 'false' },
      }),
      button({ text: 'Find', classes: 'govuk-button--secondary' }),
    )}${paragraph('Those added last come first.')}${table({
      caption: 'People',
      captionClasses: 'govuk-visually-hidden',
      head: ['Name', 'Email address', 'State', { text: 'Services', numeric: true }, 'Last signed in'],
      rows: shown.map((one) => [
        { content: userLink(one.id, one.name), header: true },
        html`<span dir="auto">${one.email_address}</span>`,
        userState(one),
        { content: inFigures(one.services.length), numeric: true },
        shortTimeOf(one.logged_in_at, visit),
      ]),
      empty: search === '' ? 'There is nobody else.' : 'Nobody has this in their name or address.',
    })}${more}`,
    { wide: true },
  );
}

export function isLocked({ failed_login_count: count }: User): boolean {
  return count >= lockedFrom;
}

/** Whether somebody gets in, in words. */
export function userState(one: User): Html {
  if (one.state === 'inactive') return tag('Archived', 'bad');
  if (one.state === 'pending') return tag('Not confirmed yet', 'open');
  if (isLocked(one)) return tag('Locked', 'bad');
  return one.platform_admin ? tag('Operator', 'good') : tag('Active', 'good');
}

export const userListPages = [users];
