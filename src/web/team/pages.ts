import { html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table, tag } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { type Page, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { timeOf } from '../words/times.ts';
import { invitePages } from './invite.ts';
import { memberPages } from './member.ts';
import { type Invite, type Member, nameOf, permissionsIn, readInvites, readMembers } from './members.ts';
import { boxes, ticked } from './permissions.ts';

/** Who may do what (spec 07, section 6). */
const team = servicePage('/team', 'member', {
  async get(visit) {
    const isManager = visit.may('manage_users');
    const [members, invites] = await Promise.all([
      readMembers(visit),
      isManager ? readInvites(visit) : Promise.resolve([]),
    ]);
    const active = members.filter(({ state }) => state === 'active');
    const who = active.length === 1 ? '1 person is' : `${active.length} people are`;
    return page(
      'Team',
      html`${heading(1, 'Team')}${paragraph(`${who} in the team of this service.`)}${
        active.length === 1 && members[0]?.id === visit.person.id
          ? insetText('You are alone: if you lose access, nobody can help. Invite somebody.')
          : null
      }${isManager ? button({ text: 'Invite people', href: visit.at('/team/invite') }) : null}${matrix(visit, members, isManager)}${
        isManager ? inviteList(visit, invites) : null
      }`,
      { wide: true },
    );
  },
});

function matrix(visit: ServiceVisit, members: readonly Member[], isManager: boolean) {
  const { service, at } = visit;
  const rows = members.map((member) => {
    const own = ticked(permissionsIn(member, service.id));
    const who = html`${isManager ? link(at(`/team/${member.id}`), nameOf(member.name)) : nameOf(member.name)}<br><span class="app-quiet app-breaking" dir="auto">${member.email_address}</span>${
      member.state === 'active' ? null : html` ${tag('Not active', 'open')}`
    }`;
    return [
      { content: who, header: true },
      ...boxes.map(({ value }) =>
        own.includes(value) ? tag('Yes', 'good') : html`<span class="app-quiet">No</span>`,
      ),
    ];
  });
  return table({ caption: 'People', head: ['Name', ...boxes.map(({ text }) => text)], rows });
}

const states: Readonly<Record<Invite['status'], readonly [string, 'good' | 'bad' | 'open' | 'quiet']>> = {
  pending: ['Waiting', 'open'],
  accepted: ['Accepted', 'good'],
  cancelled: ['Withdrawn', 'quiet'],
  expired: ['Expired', 'bad'],
};

function inviteList({ zone, at, fields }: ServiceVisit, invites: readonly Invite[]) {
  const rows = invites.map(
    ({ id, email_address, from_user_name, permissions, status, created_at, expires_at }) => {
      const what = boxes.filter(({ value }) => ticked(permissions.split(',')).includes(value));
      const isOpen = status === 'pending' || status === 'expired';
      const whom = html`<span class="govuk-visually-hidden"> the invitation to ${email_address}</span>`;
      return [
        { content: html`<span class="app-breaking" dir="auto">${email_address}</span>`, header: true },
        html`${tag(...states[status])}${status === 'pending' ? html`<br><span class="app-quiet">until ${timeOf(expires_at, zone)}</span>` : null}`,
        what.map(({ text }) => text).join(', ') || 'See templates and the team',
        html`${timeOf(created_at, zone)}, by ${nameOf(from_user_name)}`,
        isOpen
          ? postForm(
              { action: at(`/team/invites/${id}`), fields, attributes: { class: 'app-actions' } },
              button({
                ...{ text: html`Send again${whom}`, name: 'do', value: 'resend' },
                classes: 'govuk-button--secondary',
              }),
              button({
                ...{ text: html`Withdraw${whom}`, name: 'do', value: 'withdraw' },
                classes: 'govuk-button--warning',
              }),
            )
          : '',
      ];
    },
  );
  return table({
    caption: 'Invitations of the last 30 days',
    head: ['To', 'State', 'May', 'Sent', 'Change'],
    rows,
    empty: 'No invitations were sent in the last 30 days.',
  });
}

export const teamPages: readonly Page[] = [team, ...invitePages, ...memberPages];
