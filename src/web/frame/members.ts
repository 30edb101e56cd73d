import { NotAllowed } from './api.ts';
import type { ServiceVisit } from './page.ts';

/**
 * Keeps operators who are no members away from whole lists of recipients, whatever their reason (spec 07, section 5): the
 * API would show them. Throws NotAllowed.
 */
export function membersOnly(visit: ServiceVisit): void {
  if (!isMember(visit))
    throw new NotAllowed('It shows recipients, which only members of the service may see');
}

/** Whether the reader belongs to the team. */
export function isMember({ person, service }: ServiceVisit): boolean {
  return person.permissions[service.id] !== undefined;
}
