import type { ServiceVisit } from '../frame/page.ts';
import type { Template } from './template.ts';
import type { Values } from './view.ts';

export type OneMessage = Readonly<{
  to: string;
  values: Values;
  /** null: the default one. */
  senderId: string | null;
  /** For `Idempotency-Key`. */
  key: string;
}>;

/** Sends one message by hand (spec 04, section 7.2). Returns its id, or the API's sentences that say why not. */
export async function sendOne(
  { api, service, person }: ServiceVisit,
  { id }: Pick<Template, 'id'>,
  { to, values, senderId, key }: OneMessage,
): Promise<Readonly<{ id: string }> | Readonly<{ sentences: readonly string[] }>> {
  const outcome = await api.send<{ id: string }>(
    'POST',
    `/service/${service.id}/send-notification`,
    { template_id: id, to, personalisation: values, created_by: person.id, sender_id: senderId },
    key,
  );
  return outcome.ok ? { id: outcome.data.id } : { sentences: Object.values(outcome.fields).flat() };
}
