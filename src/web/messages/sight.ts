import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import type { Form } from '../frame/form.ts';
import { isMember } from '../frame/members.ts';
import { type Answer, page, redirect, type ServiceVisit, Unexpected } from '../frame/page.ts';

/**
 * Operators see figures, statuses and ids of every service, not recipients or contents. With a reason they see those of
 * one service for half an hour; the reason stands in the service's own history (spec 07, section 5).
 */
const eventType = 'view_service_messages';
const milliseconds = 30 * 60_000;

/** Whether the visitor may see recipients and contents now. */
export async function hasSight(visit: ServiceVisit): Promise<boolean> {
  if (isMember(visit)) return true;
  const { api, person, service, now } = visit;
  const query = new URLSearchParams({ service_id: service.id, user_id: person.id, type: eventType });
  type Found = Readonly<{ events: readonly Readonly<{ created_at: string }>[] }>;
  const { events } = await api.get<Found>(`/events?${query}`);
  return events[0] !== undefined && now - Date.parse(events[0].created_at) < milliseconds;
}

const longestReason = 255;

/** Takes the form that asks an operator for the reason, records it, and goes on to `to`. */
export async function takeSight(visit: ServiceVisit, form: Form, to: string): Promise<Answer> {
  const { api, person, service } = visit;
  if (isMember(visit)) return redirect(to);
  const reason = form.text('reason').trim();
  const fault =
    reason === ''
      ? 'Enter why you need to see recipients and contents'
      : reason.length > longestReason
        ? `The reason must be ${longestReason} characters or fewer`
        : null;
  if (fault !== null)
    return page(
      'Show messages of a service',
      html`${errorSummary([{ text: fault, href: '#reason' }])}${heading(1, 'Show messages of a service')}${sightForm(visit, to, fault, reason)}`,
      { status: 400, isError: true, back: { href: to, text: 'Back' } },
    );
  const data = { service_id: service.id, user_id: person.id, reason };
  const outcome = await api.send('POST', '/events', { event_type: eventType, data }, form.id);
  if (!outcome.ok) throw new Unexpected(outcome);
  return redirect(to, 'For 30 minutes you see the recipients and contents of this service.');
}

/** The form that asks for the reason. `action`: the page that shows them then. */
export function sightForm(
  { fields }: ServiceVisit,
  action: string,
  error: string | null = null,
  value = '',
): Html {
  return html`${paragraph('You are not a member of this service, so recipients and contents are not shown to you.')}${postForm(
    { action, fields },
    input({
      ...{ name: 'reason', value },
      label: 'Why do you need to see them?',
      hint: 'Your reason stands in the history of the service, whose team can read it. It holds for 30 minutes.',
      error: error === null ? null : { text: error },
      attributes: { autocomplete: 'off' },
    }),
    button({ text: 'Show the messages of this service', classes: 'govuk-button--secondary' }),
  )}`;
}
