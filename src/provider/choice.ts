import type { NotificationType } from '../database/tables.ts';
import type { ProviderDetails } from './contract.ts';

/**
 * Who may send a message, in the order they are tried: active providers of its type, for an international text only
 * those that can, lowest priority number first (spec 05 section 3.2, `ordered`).
 */
export function candidates(
  all: readonly ProviderDetails[],
  message: Readonly<{ type: NotificationType; international: boolean }>,
): readonly ProviderDetails[] {
  return all
    .filter(
      (provider) =>
        provider.active &&
        provider.notificationType === message.type &&
        (!message.international || message.type !== 'sms' || provider.supportsInternational),
    )
    .sort((a, b) => a.priority - b.priority || a.identifier.localeCompare(b.identifier));
}
