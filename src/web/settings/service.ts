import type { Outcome } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, redirect, type ServiceVisit } from '../frame/page.ts';
import { type Faults, faultsOf } from '../words/faults.ts';

/** A service with all that its settings need (spec 04, section 1.1). */
export type FullService = Readonly<{
  id: string;
  name: string;
  active: boolean;
  restricted: boolean;
  email_from: string;
  prefix_sms: boolean;
  permissions: readonly string[];
  sms_message_limit: number;
  email_message_limit: number;
  international_sms_message_limit: number;
  rate_limit: number;
  contact_link: string | null;
  go_live_at: string | null;
  has_active_go_live_request: boolean;
  go_live_requested_at: string | null;
  version: number;
}>;

/** What a service may do, by the API's name for it. */
export const whatServicesDo: Readonly<Record<string, string>> = {
  sms: 'Text messages',
  international_sms: 'Text messages to other countries',
  inbound_sms: 'Received text messages',
  email: 'Emails',
  letter: 'Letters',
  schedule: 'Messages at a later time',
};

export async function readService({ api, service }: ServiceVisit): Promise<FullService> {
  return (await api.get<{ data: FullService }>(`/service/${service.id}`)).data;
}

/**
 * Changes fields of the service: the redirect, or what is wrong with the form. Where somebody else changed the service
 * meanwhile, nothing is changed.
 */
export async function changeService(
  { api, service, at }: ServiceVisit,
  form: Form,
  body: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, string>>,
  said: string,
): Promise<Answer | Faults> {
  const version = Number(form.text('version'));
  const known = Number.isInteger(version) && version > 0 ? { version } : {};
  const changed = await api.send('POST', `/service/${service.id}`, { ...body, ...known }, form.id);
  if (changed.ok) return redirect(at('/settings'), said);
  if (changed.status === 409) return { '': conflict };
  return faultsOf(changed, fields);
}

const conflict =
  'Somebody else has changed the settings meanwhile. The form shows what you filled in: look at the settings, and save again if it is still right.';

export const isAnswer = (result: Answer | Faults): result is Answer => 'kind' in result;

/** What an API that answers with plain sentences said. */
export function sentences(outcome: Outcome<unknown>): string {
  return outcome.ok ? '' : Object.values(outcome.fields).flat().join(' ');
}
