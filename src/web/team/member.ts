import { html } from '../../ground/html.ts';
import { heading, paragraph, warningText } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import {
  type Answer,
  Missing,
  type Page,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
} from '../frame/page.ts';
import { answering, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { type Member, nameOf, permissionsIn, readMembers } from './members.ts';
import { permissionBoxes, permissionsOf, ticked } from './permissions.ts';

/** Why the API keeps somebody as they are, for the people concerned (spec 04, sections 1.8 and 3.6). Pure. */
export function lastOne(text: string): string {
  if (/manage_users/.test(text))
    return 'They are the last one who can manage the team. Let somebody else manage it first.';
  if (/manage_settings/.test(text))
    return 'They are the last one who can manage the settings. Let somebody else manage them first.';
  if (/only user/.test(text)) return 'They are the only one in the team. Invite somebody else first.';
  return text;
}

async function memberOf(visit: ServiceVisit): Promise<Member> {
  const found = (await readMembers(visit)).find(({ id }) => id === visit.params['user']?.toLowerCase());
  if (!found) throw new Missing('No such member');
  return found;
}

function memberForm(visit: ServiceVisit, who: Member, chosen: readonly string[], faults: Faults): Answer {
  const { at, fields, person } = visit;
  const isSelf = who.id === person.id;
  return page(
    'Change what somebody may do',
    html`${faultSummary(faults)}${heading(1, nameOf(who.name))}${paragraph(html`<span dir="auto">${who.email_address}</span>`)}${
      isSelf ? paragraph('This is you. What you take from yourself only others can give back.') : null
    }${postForm({ action: at(`/team/${who.id}`), fields }, permissionBoxes(chosen), button({ text: 'Save', preventDoubleClick: true }))}${paragraph(link(at(`/team/${who.id}/remove`), isSelf ? 'Leave the team' : 'Remove from the team'))}`,
    { ...answering(faults), back: { href: at('/team'), text: 'Team' } },
  );
}

const change = servicePage('/team/:user', 'manage_users', {
  fresh: true,
  async get(visit) {
    const who = await memberOf(visit);
    return memberForm(visit, who, ticked(permissionsIn(who, visit.service.id)), noFaults);
  },
  async post(visit, form) {
    const { api, service, at } = visit;
    const who = await memberOf(visit);
    const chosen = form.all('permission');
    const permissions = permissionsOf(chosen, permissionsIn(who, service.id));
    const body = { permissions: permissions.map((permission) => ({ permission })) };
    const set = await api.send('POST', `/user/${who.id}/service/${service.id}/permission`, body, form.id);
    if (!set.ok)
      return memberForm(visit, who, chosen, {
        permission: lastOne(Object.values(set.fields).flat().join(' ')),
      });
    return redirect(at('/team'), 'What they may do is changed.');
  },
});

function removeForm({ at, fields, person }: ServiceVisit, who: Member, faults: Faults): Answer {
  const isSelf = who.id === person.id;
  const title = isSelf ? 'Leave the team' : 'Remove somebody from the team';
  return page(
    title,
    html`${faultSummary(faults)}${heading(1, title)}${warningText(
      isSelf
        ? 'You lose access to this service at once. To come back you need an invitation.'
        : html`${nameOf(who.name)} loses access to this service at once. To come back they need an invitation. What they have sent and written stays.`,
    )}${postForm({ action: at(`/team/${who.id}/remove`), fields }, button({ text: isSelf ? 'Leave the team' : 'Remove from the team', classes: 'govuk-button--warning', preventDoubleClick: true }))}${paragraph(link(at(`/team/${who.id}`), isSelf ? 'Stay in the team' : 'Keep them in the team'))}`,
    { ...answering(faults), back: { href: at(`/team/${who.id}`), text: 'Back to what they may do' } },
  );
}

const remove = servicePage('/team/:user/remove', 'manage_users', {
  fresh: true,
  get: async (visit) => removeForm(visit, await memberOf(visit), noFaults),
  async post(visit) {
    const { api, service, at, person } = visit;
    const who = await memberOf(visit);
    const gone = await api.send('DELETE', `/service/${service.id}/users/${who.id}`, undefined);
    if (!gone.ok) return removeForm(visit, who, { '': lastOne(Object.values(gone.fields).flat().join(' ')) });
    return who.id === person.id
      ? redirect('/services', 'You have left the team.')
      : redirect(at('/team'), 'They are removed from the team.');
  },
});

export const memberPages: readonly Page[] = [change, remove];
