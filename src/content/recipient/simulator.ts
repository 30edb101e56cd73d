/**
 * Recipients that are not people: simulated ones, for which the API answers and sends nothing (spec 01, section 5.1),
 * and those that decide how a message ends in research mode or with a test key (spec 01, section 5.2; spec 05,
 * section 6).
 */
import { type RecipientSet, recipientSet } from './allow-list.ts';

/** The simulated recipients unless others are configured (spec 01, section 5.1). */
export const defaultSimulatedRecipients: readonly string[] = [
  '+447700900000',
  '+447700900111',
  '+447700900222',
  'simulate-delivered@notifications.service.gov.uk',
  'simulate-delivered-2@notifications.service.gov.uk',
  'simulate-delivered-3@notifications.service.gov.uk',
];

/**
 * The set of simulated recipients, given as phone numbers and email addresses in any spelling. It holds the
 * `normalised` form of parsed numbers and addresses (spec 01, section 5.1).
 */
export function simulatedRecipients(
  configured: readonly string[] = defaultSimulatedRecipients,
): RecipientSet {
  return recipientSet(configured);
}

export type SimulatedOutcome = 'delivered' | 'temporary-failure' | 'permanent-failure';

// Endings, because numbers may be stored with or without the calling code. The first of each pair is documented for
// users; the second is reserved for fiction and so cannot belong to anybody.
const temporaryFailureEndings = ['7833333333', '7700900003'];
const permanentFailureEndings = ['7822222222', '7700900002'];

/**
 * How a text message to this number ends in research mode or with a test key (spec 05, section 6). Anything but digits
 * is ignored.
 */
export function simulatedSmsOutcome(number: string): SimulatedOutcome {
  const digits = number.replace(/\D/g, '');
  if (temporaryFailureEndings.some((ending) => digits.endsWith(ending))) return 'temporary-failure';
  if (permanentFailureEndings.some((ending) => digits.endsWith(ending))) return 'permanent-failure';
  return 'delivered';
}

/** How an email to this address, compared exactly, ends in research mode or with a test key (spec 05, section 6). */
export function simulatedEmailOutcome(address: string): SimulatedOutcome {
  if (address === 'temp-fail@simulator.notify') return 'temporary-failure';
  if (address === 'perm-fail@simulator.notify') return 'permanent-failure';
  return 'delivered';
}
