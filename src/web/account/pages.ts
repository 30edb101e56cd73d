import { html } from '../../ground/html.ts';
import { heading, paragraph, summaryList, table, tag } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { type Page, type PersonVisit, page, personPage, redirect } from '../frame/page.ts';
import { timeOf } from '../words/times.ts';
import { changePages } from './change.ts';
import { lookPages, themeTexts, zoneText } from './look.ts';
import { mobilePages } from './mobile.ts';

type Session = Readonly<{
  id: string;
  created_at: string;
  seen_at: string;
  browser: string | null;
  address: string | null;
  ended_at: string | null;
  is_current: boolean;
}>;

/** How many sign-ins are shown. */
const mostShown = 20;

/** To look after oneself (spec 07, section 6). */
const account = personPage('/account', {
  async get(visit) {
    const { api, person, zone, theme } = visit;
    const found = await api.getSoon<{ data: readonly Session[] }>(`/user/${person.id}/sessions?ended=True`);
    const change = (text: string, href: string) => [
      { href, text: 'Change', visuallyHiddenText: text.toLowerCase() },
    ];
    return page(
      'Your account',
      html`${heading(1, 'Your account')}${summaryList({
        rows: [
          {
            key: 'Name',
            value: html`<span dir="auto">${person.name}</span>`,
            actions: change('Name', '/account/name'),
          },
          {
            key: 'Email address',
            value: html`<span dir="auto">${person.email}</span>`,
            actions: change('Email address', '/account/email'),
          },
          {
            key: 'Mobile number',
            value: person.mobile ?? 'None: codes are sent by email',
            actions: change('Mobile number', '/account/mobile'),
          },
          { key: 'Password', value: 'Not shown', actions: change('Password', '/account/password') },
          { key: 'Time zone', value: zoneText(zone), actions: change('Time zone', '/account/look') },
          { key: 'Colours', value: themeTexts[theme], actions: change('Colours', '/account/look') },
        ],
      })}${
        found === null
          ? paragraph('Where you are signed in is not available at the moment.')
          : html`${sessionTable(visit, found.data)}${signIns(visit, found.data)}`
      }`,
      { wide: true },
    );
  },
});

const where = ({ browser, address }: Session) =>
  html`<span dir="auto">${browser ?? 'Through a sign-in link'}</span>${address === null ? null : html`<br><span class="app-quiet">${address}</span>`}`;

function sessionTable({ fields, zone }: PersonVisit, all: readonly Session[]) {
  const open = all.filter(({ ended_at }) => ended_at === null);
  const signOutThere = (session: Session) =>
    postForm(
      { action: '/account/sessions', fields },
      html`<input type="hidden" name="session" value="${session.id}">`,
      button({
        text: html`Sign out<span class="govuk-visually-hidden"> there, since ${timeOf(session.created_at, zone)}</span>`,
        classes: 'govuk-button--secondary',
      }),
    );
  const hasOthers = open.some(({ is_current: isCurrent }) => !isCurrent);
  const rows = open.map((session) => [
    {
      content: html`${where(session)}${session.is_current ? html` ${tag('This device', 'good')}` : null}`,
      header: true,
    },
    timeOf(session.created_at, zone),
    timeOf(session.seen_at, zone),
    ...(hasOthers ? [session.is_current ? html`` : signOutThere(session)] : []),
  ]);
  return html`${table({ caption: 'Where you are signed in', head: ['Where', 'Since', 'Last used', ...(hasOthers ? ['Action'] : [])], rows })}${
    hasOthers
      ? postForm(
          { action: '/account/sessions', fields },
          button({ text: 'Sign out everywhere else', classes: 'govuk-button--secondary' }),
        )
      : null
  }`;
}

function signIns({ zone }: PersonVisit, all: readonly Session[]) {
  const rows = all
    .toSorted((one, other) => other.created_at.localeCompare(one.created_at))
    .slice(0, mostShown)
    .map((session) => [
      { content: timeOf(session.created_at, zone), header: true },
      where(session),
      session.ended_at === null ? 'Still signed in' : html`Ended ${timeOf(session.ended_at, zone)}`,
    ]);
  return html`${table({ caption: 'Your last sign-ins', head: ['When', 'Where', 'State'], rows })}${paragraph('These are the sign-ins of the last 30 days. If one was not you, change your password: that signs everybody else out.')}`;
}

const sessions = personPage('/account/sessions', {
  get: () => redirect('/account'),
  async post({ api, person }, form) {
    const one = form.text('session');
    const path = `/user/${person.id}/sessions`;
    await api.send('DELETE', one === '' ? path : `${path}/${encodeURIComponent(one)}`, undefined);
    return redirect(
      '/account',
      one === '' ? 'You are signed out everywhere else.' : 'You are signed out there.',
    );
  },
});

export const accountPages: readonly Page[] = [
  account,
  sessions,
  ...changePages,
  ...mobilePages,
  ...lookPages,
];
