import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import {
  type Answer,
  openPage,
  type Page,
  page,
  personPage,
  redirect,
  type SessionChange,
  type Visit,
} from '../frame/page.ts';
import { permissionNames } from '../frame/people.ts';
import { answering, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { addPerson, personFields } from './register.ts';
import { done, findByEmail, letIn, orNothing, sendCode, sessionWithoutCode } from './steps.ts';

type Invite = Readonly<{
  id: string;
  service: string;
  email_address: string;
  from_user_name: string;
  permissions: string;
  status: 'pending' | 'accepted' | 'cancelled' | 'expired';
}>;

/** The invite of a link; the page that says why it lets nobody in. */
async function invitedBy({ alone, params, person }: Visit): Promise<Invite | Answer> {
  const read = await orNothing(
    alone.send<{ data: Invite }>('GET', `/invite/${encodeURIComponent(params['token']!)}`, undefined),
  );
  if (!read) return ended('This invitation is no longer there. Ask the person who invited you for another.');
  if (!read.ok) return ended(Object.values(read.fields).flat().join(' '), askAgain);
  const invite = read.data.data;
  if (invite.status === 'pending') return invite;
  if (invite.status === 'accepted')
    return person?.permissions[invite.service]
      ? redirect(`/services/${invite.service}`)
      : ended(
          'This invitation has been accepted already.',
          html`If it was you, ${link('/sign-in', 'sign in')} to see the service.`,
        );
  const why = invite.status === 'cancelled' ? 'was withdrawn' : 'has expired';
  return ended(
    `This invitation ${why}.`,
    html`Ask <span dir="auto">${invite.from_user_name}</span> to invite you again.`,
  );
}

const askAgain = html`If that does not help, ask the person who invited you to send it again.`;

function ended(why: string, help: Html | null = null): Answer {
  return page(
    'This invitation cannot be used',
    html`${heading(1, 'This invitation cannot be used')}${paragraph(why)}${help && paragraph(help)}`,
    { status: 400 },
  );
}

async function intro({ alone }: Visit, invite: Invite): Promise<Html> {
  const { data } = await alone.get<{ data: { name: string } }>(`/service/${invite.service}`);
  const names = invite.permissions.split(',').map((permission) => permissionNames[permission] ?? '');
  const list = [...new Set(names)].filter((name) => name !== '');
  return html`${paragraph(html`<span dir="auto">${invite.from_user_name}</span> invites you to the team of <strong dir="auto">${data.name}</strong>.`)}${
    list.length === 0
      ? paragraph('You will be able to see its templates.')
      : html`${paragraph('You will be able to:')}<ul class="govuk-list govuk-list--bullet">${list.map((name) => html`<li>${name.charAt(0).toLowerCase() + name.slice(1)}</li>`)}</ul>`
  }`;
}

async function newPersonForm(visit: Visit, invite: Invite, form: Form | null, faults: Faults) {
  return page(
    'Join a service',
    html`${faultSummary(faults)}${heading(1, 'Join a service')}${await intro(visit, invite)}${insetText(html`Your account will have the address <span dir="auto">${invite.email_address}</span>.`)}${postForm(
      { action: visit.path, fields: visit.fields },
      personFields(form, faults),
      button({ text: 'Create my account and join', preventDoubleClick: true }),
    )}`,
    answering(faults),
  );
}

/** The link of an invitation, in all its cases (spec 04, section 4.3). */
const invitation = openPage('/invitation/:token', {
  async get(visit) {
    const invite = await invitedBy(visit);
    if ('kind' in invite) return invite;
    if (visit.person) return joinPage(visit, invite, visit.person.email);
    const known = await findByEmail(visit.alone, invite.email_address);
    if (!known || known.state === 'pending') return newPersonForm(visit, invite, null, noFaults);
    return page(
      'Join a service',
      html`${heading(1, 'Join a service')}${await intro(visit, invite)}${paragraph(html`You have an account with the address <span dir="auto">${invite.email_address}</span>.`)}${button({ text: 'Sign in and join', href: `${visit.path}/join` })}`,
    );
  },
  async post(visit, form) {
    const invite = await invitedBy(visit);
    if ('kind' in invite) return invite;
    const { alone, params, site } = visit;
    const known = await findByEmail(alone, invite.email_address);
    if (known && known.state !== 'pending') return redirect(`${visit.path}/join`);
    // Whoever registered and never confirmed starts anew: the invitation proves the address.
    const added = await addPerson(alone, form, invite.email_address, known);
    if ('faults' in added) return newPersonForm(visit, invite, form, added.faults);
    const { user } = added;
    const further = { activates: true, invitation: params['token']! };
    if (user.auth_type === 'sms_auth' && site.secondStep) return sendCode(visit, user, null, further);
    await done(alone.send('POST', `/user/${user.id}/activate`, {}));
    const begin: SessionChange = await sessionWithoutCode(visit, user.id);
    return letIn(visit, { userId: user.id, onward: null, invitation: params['token']! }, begin);
  },
});

function joinPage(visit: Visit, invite: Invite, email: string): Promise<Answer> | Answer {
  const { fields, params } = visit;
  if (email.toLowerCase() !== invite.email_address.toLowerCase())
    return page(
      'This invitation is for somebody else',
      html`${heading(1, 'This invitation is for somebody else')}${paragraph(html`It was sent to <span dir="auto">${invite.email_address}</span>, and you are signed in with another address.`)}${paragraph('If both are yours, sign out and open the link again.')}${postForm({ action: '/sign-out', fields }, button({ text: 'Sign out' }))}`,
      { status: 403 },
    );
  return intro(visit, invite).then((shown) =>
    page(
      'Join a service',
      html`${heading(1, 'Join a service')}${shown}${postForm({ action: `/invitation/${encodeURIComponent(params['token']!)}/join`, fields }, button({ text: 'Join', preventDoubleClick: true }))}`,
    ),
  );
}

/** For whoever has an account: asks them to sign in first, and then makes them a member. */
const join = personPage('/invitation/:token/join', {
  async get(visit) {
    const invite = await invitedBy(visit);
    return 'kind' in invite ? invite : joinPage(visit, invite, visit.person.email);
  },
  async post(visit) {
    const { api, params, person } = visit;
    const invite = await invitedBy(visit);
    if ('kind' in invite) return invite;
    if (person.email.toLowerCase() !== invite.email_address.toLowerCase())
      return joinPage(visit, invite, person.email);
    const accepted = await orNothing(
      api.send<{ already_member: boolean }>(
        'POST',
        `/invite/${encodeURIComponent(params['token']!)}/accept`,
        {},
      ),
    );
    if (!accepted) return ended('This invitation is no longer there.', askAgain);
    if (!accepted.ok) return ended(Object.values(accepted.fields).flat().join(' '), askAgain);
    return redirect(
      `/services/${invite.service}`,
      accepted.data.already_member
        ? 'You were a member of this service before: what you may do stays as it was.'
        : 'You are a member of this service now.',
    );
  },
});

export const invitationPages: readonly Page[] = [invitation, join];
