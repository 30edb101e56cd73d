import { Type } from 'typebox';
import type { DbOrTrx } from '../../database/connection.ts';
import type { ServiceBranding } from '../../database/tables.ts';
import { parseUuid } from '../../ground/id.ts';
import { noResultFound } from '../../ground/problem.ts';
import { oneOf, orNull, relatedId } from '../../http/validate/shapes.ts';
import { findOrganisation } from './store.ts';

const brandings: readonly ServiceBranding[] = ['govuk', 'org', 'both'];

/** How the emails of a service look; absent fields of a body stay as they are (spec 04, section 1.1). */
export const brandingFields = {
  branding: Type.Optional(
    oneOf(brandings, '`org` and `both`: its emails show the organisation; `govuk`: they do not.'),
  ),
  organisation: Type.Optional(orNull(relatedId(''), 'The `id` of an organisation; null for none.')),
};

/** What a body asks for. Throws a Problem (404) if there is no such organisation. */
export async function brandingIn(
  db: DbOrTrx,
  body: Readonly<{ branding?: string; organisation?: unknown }>,
): Promise<Readonly<{ branding?: ServiceBranding; organisationId?: string | null }>> {
  const { branding, organisation } = body;
  const id = parseUuid(organisation);
  const isNamed = organisation !== undefined && organisation !== null;
  if (isNamed && (id === null || !(await findOrganisation(db, id)))) throw noResultFound();
  return {
    ...(branding !== undefined && { branding: branding as ServiceBranding }),
    ...(organisation !== undefined && { organisationId: id }),
  };
}
