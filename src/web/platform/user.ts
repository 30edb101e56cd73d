import { type Html, html } from '../../ground/html.ts';
import { own } from '../../ground/own.ts';
import {
  copyable,
  heading,
  insetText,
  paragraph,
  summaryList,
  table,
  warningText,
} from '../components/content.ts';
import { button, errorSummary, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Outcome } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, Missing, operatorPage, type PersonVisit, page, redirect } from '../frame/page.ts';
import { counted, inFigures } from '../words/counts.ts';
import { shortTimeOf } from '../words/times.ts';
import { eventTable } from './event-words.ts';
import type { EventFacts, Session, User } from './facts.ts';
import {
  type Fault,
  faultsOf,
  faultsOfReason,
  notNow,
  reasonInput,
  recordReason,
  summaryOf,
} from './forms.ts';
import { isLocked, userState } from './users.ts';
import { serviceLink } from './words.ts';

const user = operatorPage('/platform/users/:user', {
  get: (visit) => userPage(visit, [], null),
  async post(visit, form) {
    const id = visit.params['user']!;
    const action = own(actions, form.text('do'));
    if (!action) throw new Missing('No such action');
    const faults = faultsOfReason(form);
    const mustConfirm = form.text('do') === 'archive_user';
    if (mustConfirm && (!form.has('confirmed') || faults.length > 0))
      return confirmPage(visit, form.has('confirmed') ? faults : [], form);
    if (faults.length > 0) return userPage(visit, faults, form);
    await recordReason(visit, form, form.text('do'), { user_id: id });
    const outcome = await action.send(visit, encodeURIComponent(id), form);
    if (!outcome.ok) return userPage(visit, faultsOf(outcome), null);
    // Shown once, in the answer: a link that signs in has no business in a cookie or an address.
    if (form.text('do') === 'sign_in_link') return linkPage(visit, outcome.data as { data: { url: string } });
    return redirect(visit.path, action.said);
  },
});

type Action = Readonly<{
  send: (visit: PersonVisit, id: string, form: Form) => Promise<Outcome<unknown>>;
  said: string;
}>;

const actions: Readonly<Record<string, Action>> = {
  unlock: {
    send: ({ api }, id, form) => api.send('POST', `/user/${id}/reset-failed-login-count`, {}, form.id),
    said: 'The person is unlocked, and can sign in with their password.',
  },
  sign_in_link: {
    send: ({ api }, id, form) => api.send('POST', `/user/${id}/sign-in-link`, {}, form.id),
    said: '',
  },
  end_sessions: {
    // One's own session is kept: whoever is named in the request is not signed out by it.
    send: ({ api }, id) => api.send('DELETE', `/user/${id}/sessions`, undefined),
    said: 'The sessions are ended.',
  },
  archive_user: {
    send: ({ api }, id, form) => api.send('POST', `/user/${id}/archive`, {}, form.id),
    said: 'The person is archived.',
  },
};

function confirmPage(visit: PersonVisit, faults: readonly Fault[], form: Form): Answer {
  const title = 'Archive this person';
  return page(
    title,
    html`${errorSummary(summaryOf(faults))}${heading(1, title)}${warningText('This cannot be undone. The person leaves every service, their name, address and number are removed, and they can never sign in again.')}${postForm(
      { action: visit.path, fields: visit.fields },
      html`<input type="hidden" name="confirmed" value="yes">`,
      reasonInput(faults, form),
      html`<div class="app-actions">${button({ ...{ text: 'Archive for good', name: 'do', value: 'archive_user' }, classes: 'govuk-button--warning', preventDoubleClick: true })}${link(visit.path, 'Leave everything as it is')}</div>`,
    )}`,
    {
      ...{ isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
      back: { href: visit.path, text: 'The person' },
    },
  );
}

function linkPage(visit: PersonVisit, { data: { url } }: { data: { url: string } }): Answer {
  return page(
    'A link to sign in',
    html`${heading(1, 'A link to sign in')}${paragraph('Whoever opens it signs in as this person, once and within 15 minutes. It is shown only here: make sure who it is that you give it to.')}${copyable({ id: 'sign-in-link', text: url, what: 'link' })}`,
    { back: { href: visit.path, text: 'The person' } },
  );
}

async function userPage(visit: PersonVisit, faults: readonly Fault[], form: Form | null): Promise<Answer> {
  const { api } = visit;
  const id = encodeURIComponent(visit.params['user']!);
  const [{ data: one }, services, sessions, events] = await Promise.all([
    api.get<{ data: User }>(`/user/${id}`),
    api.getSoon<{ data: readonly Readonly<{ id: string; name: string; active: boolean }>[] }>(
      `/service?user_id=${id}`,
    ),
    api.getSoon<{ data: readonly Session[] }>(`/user/${id}/sessions`),
    api.getSoon<{ events: readonly EventFacts[] }>(`/events?user_id=${id}`),
  ]);
  return page(
    'A person',
    html`${errorSummary(summaryOf(faults))}<h1 class="govuk-heading-l" dir="auto">${one.name}</h1>${summary(one, visit)}${
      services === null
        ? notNow('The services')
        : table({
            caption: 'Services of this person',
            head: ['Name'],
            rows: services.data.map((each) => [{ content: serviceLink(each.id, each.name), header: true }]),
            empty: 'The person is in no service.',
          })
    }${sessions === null ? notNow('The sessions') : sessionTable(sessions.data, visit)}${actionForm(one, sessions?.data ?? [], visit, faults, form)}${
      events === null
        ? notNow('What the person did')
        : html`${eventTable('What the person did last', events.events.slice(0, 10), visit, true, 'Nothing that this person did is recorded.')}${paragraph(link(`/platform/events?user_id=${one.id}`, 'All events of this person'))}`
    }`,
    {
      ...{ wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
      back: { href: '/platform/users', text: 'All people' },
    },
  );
}

function summary(one: User, visit: PersonVisit): Html {
  return summaryList({
    rows: [
      { key: 'State', value: userState(one) },
      { key: 'Email address', value: html`<span dir="auto">${one.email_address}</span>` },
      { key: 'Mobile number', value: one.mobile_number ?? 'None' },
      {
        key: 'Codes go to',
        value: one.auth_type === 'email_auth' ? 'The email address' : 'The mobile number',
      },
      { key: 'Failed tries to sign in', value: inFigures(one.failed_login_count) },
      { key: 'Last signed in', value: shortTimeOf(one.logged_in_at, visit) },
      { key: 'Address last confirmed', value: shortTimeOf(one.email_access_validated_at, visit) },
      { key: 'Added', value: shortTimeOf(one.created_at, visit) },
      { key: 'Id', value: html`<code class="app-id">${one.id}</code>` },
    ],
  });
}

function sessionTable(sessions: readonly Session[], visit: PersonVisit): Html {
  return table({
    caption: 'Sessions',
    head: ['Signed in', 'Last seen', 'Browser', 'Network address'],
    rows: sessions
      .slice(0, 50)
      .map((one) => [
        { content: shortTimeOf(one.created_at, visit), header: true },
        shortTimeOf(one.seen_at, visit),
        html`<span dir="auto">${one.browser ?? 'Not known'}</span>`,
        one.address ?? 'Not known',
      ]),
    empty: 'The person is not signed in anywhere.',
  });
}

function actionForm(
  one: User,
  sessions: readonly Session[],
  visit: PersonVisit,
  faults: readonly Fault[],
  form: Form | null,
): Html {
  if (one.state === 'inactive') return insetText('This person is archived, which is for good.');
  const choices = [
    ...(one.failed_login_count > 0
      ? ([['unlock', isLocked(one) ? 'Unlock' : 'Forget failed tries']] as const)
      : []),
    ['sign_in_link', 'Make a link to sign in'] as const,
    ...(sessions.length > 0
      ? ([['end_sessions', `End ${counted(sessions.length, 'session')}`]] as const)
      : []),
    ['archive_user', 'Archive'] as const,
  ];
  return html`${heading(2, 'Help, or keep out')}${postForm(
    { action: visit.path, fields: visit.fields },
    reasonInput(faults, form),
    html`<div class="app-actions">${choices.map(([value, text], index) =>
      button({
        ...{ text, name: 'do', value, preventDoubleClick: true },
        classes:
          value === 'archive_user' ? 'govuk-button--warning' : index === 0 ? '' : 'govuk-button--secondary',
      }),
    )}</div>`,
  )}`;
}

export const userPages = [user];
