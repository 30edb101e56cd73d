import { html } from '../../ground/html.ts';
import { heading } from '../components/content.ts';
import { button, postForm, textarea } from '../components/form.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults, sentenceOf } from '../words/faults.ts';
import { permissionBoxes, permissionsOf } from './permissions.ts';

/** More than a team has, and few enough to be sent while somebody waits. */
const mostAtOnce = 50;

type Filled = Readonly<{ addresses: string; chosen: readonly string[] }>;

function inviteForm({ fields, at }: ServiceVisit, { addresses, chosen }: Filled, faults: Faults): Answer {
  return page(
    'Invite people',
    html`${faultSummary(faults)}${heading(1, 'Invite people')}${postForm(
      { action: at('/team/invite'), fields },
      textarea({
        name: 'addresses',
        label: 'Email addresses',
        hint: 'One to a line. Each gets a link of their own.',
        value: addresses,
        rows: 4,
        error: errorAt(faults, 'addresses'),
        attributes: { autocomplete: 'off', spellcheck: 'false' },
      }),
      permissionBoxes(chosen),
      button({ text: 'Send the invitations', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back: { href: at('/team'), text: 'Team' } },
  );
}

/** Several at once: those that could be sent are gone from the form when it comes back with the others. */
const invite = servicePage('/team/invite', 'manage_users', {
  fresh: true,
  get: (visit) => inviteForm(visit, { addresses: '', chosen: ['view'] }, noFaults),
  async post(visit, form) {
    const { api, service, person, at } = visit;
    const chosen = form.all('permission');
    const given = [
      ...new Set(
        form
          .text('addresses')
          .split(/[\n,;]/)
          .map((line) => line.trim()),
      ),
    ].filter((line) => line !== '');
    const filled = { addresses: given.join('\n'), chosen };
    if (given.length === 0) return inviteForm(visit, filled, { addresses: 'Enter an email address.' });
    if (given.length > mostAtOnce)
      return inviteForm(visit, filled, { addresses: `Invite at most ${mostAtOnce} people at a time.` });
    const permissions = permissionsOf(chosen).join(',');
    const refused: [address: string, why: string][] = [];
    // One after another: they are few, and each takes the lock of the service.
    for (const [index, address] of given.entries()) {
      const body = { email_address: address, from_user: person.id, permissions };
      const sent = await api.send('POST', `/service/${service.id}/invite`, body, `${form.id}-${index}`);
      if (!sent.ok)
        refused.push([
          address,
          sentenceOf(sent.fields['email_address']?.[0] ?? Object.values(sent.fields).flat()[0]!),
        ]);
    }
    const count = given.length - refused.length;
    const said = count === 1 ? '1 invitation is on its way.' : `${count} invitations are on their way.`;
    if (refused.length === 0) return redirect(at('/team'), said);
    const why = refused.map(([address, text]) => (text.includes(address) ? text : `${address}: ${text}`));
    const done = count === 0 ? '' : `${said} The others were not sent. `;
    const rest = refused.map(([address]) => address).join('\n');
    return inviteForm(visit, { addresses: rest, chosen }, { addresses: done + why.join(' ') });
  },
});

const change = servicePage('/team/invites/:invite', 'manage_users', {
  fresh: true,
  get: ({ at }) => redirect(at('/team')),
  async post({ api, service, at, params }, form) {
    const path = `/service/${service.id}/invite/${encodeURIComponent(params['invite']!)}`;
    const isAgain = form.text('do') === 'resend';
    const outcome = isAgain
      ? await api.send('POST', `${path}/resend`, {}, form.id)
      : await api.send('POST', path, { status: 'cancelled' }, form.id);
    if (!outcome.ok) return redirect(at('/team'), sentenceOf(Object.values(outcome.fields).flat()[0]!));
    return redirect(at('/team'), isAgain ? 'The invitation is sent again.' : 'The invitation is withdrawn.');
  },
});

export const invitePages: readonly Page[] = [invite, change];
