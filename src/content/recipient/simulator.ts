/**
 * Recipients who stand for no person: simulated ones, for which the API answers and does nothing, and those that
 * decide how a message of research mode or a test key ends (spec 01 sections 5.1 and 5.2, spec 05 section 6).
 */
import { type RecipientSet, recipientSet } from './allow-list.ts';

/** The simulated recipients of an installation that configures none. */
export const DEFAULT_SIMULATED_RECIPIENTS: readonly string[] = [
  '+447700900000',
  '+447700900111',
  '+447700900222',
  'simulate-delivered@notifications.service.gov.uk',
  'simulate-delivered-2@notifications.service.gov.uk',
  'simulate-delivered-3@notifications.service.gov.uk',
];

/**
 * Makes the set of simulated recipients from phone numbers and email addresses in any spelling. Ask it for the
 * `normalised` form of a parsed number or address.
 */
export function simulatedRecipients(
  configured: readonly string[] = DEFAULT_SIMULATED_RECIPIENTS,
): RecipientSet {
  return recipientSet(configured);
}

export type SimulatedOutcome = 'delivered' | 'temporary-failure' | 'permanent-failure';

// Ends of numbers, because a number may be stored with or without its calling code. The first of each pair is the
// users' own list; the second is of numbers that cannot belong to anybody.
const TEMPORARY_FAILURE_ENDS = ['7833333333', '7700900003'];
const PERMANENT_FAILURE_ENDS = ['7822222222', '7700900002'];

/**
 * How a text message to this number ends in research mode or with a test key. Takes the number in any form: all but
 * its digits is passed over.
 */
export function simulatedSmsOutcome(number: string): SimulatedOutcome {
  const digits = number.replace(/\D/g, '');
  if (TEMPORARY_FAILURE_ENDS.some((end) => digits.endsWith(end))) return 'temporary-failure';
  if (PERMANENT_FAILURE_ENDS.some((end) => digits.endsWith(end))) return 'permanent-failure';
  return 'delivered';
}

/** How an email to this address ends in research mode or with a test key; the address has to match exactly. */
export function simulatedEmailOutcome(address: string): SimulatedOutcome {
  if (address === 'temp-fail@simulator.notify') return 'temporary-failure';
  if (address === 'perm-fail@simulator.notify') return 'permanent-failure';
  return 'delivered';
}
