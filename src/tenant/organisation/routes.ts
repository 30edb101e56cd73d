import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { plainErrors } from '../../http/server/error-format.ts';
import { isHttpsUrl } from '../../http/validate/check.ts';
import { orNull, uuid } from '../../http/validate/shapes.ts';
import { changesOf, recordEvent } from '../event/store.ts';
import {
  addOrganisation,
  changeOrganisation,
  findOrganisation,
  findOrganisations,
  mostOrganisations,
  type Organisation,
} from './store.ts';

export type OrganisationRouteDeps = Readonly<{ db: Db; clock: Clock }>;

const organisation = Type.Object(
  {
    id: uuid(),
    name: orNull(Type.String()),
    colour: orNull(Type.String(), '`#rrggbb`'),
    logo: orNull(Type.String(), 'An https URL, which emails show, or the name of a file.'),
  },
  { $id: 'Organisation' },
);

const fields = {
  name: Type.String({ format: 'organisation_name', maxLength: 255 }),
  colour: Type.Optional(orNull(Type.String({ format: 'colour' }), 'Of the line beside it, as `#rrggbb`.')),
  logo: Type.Optional(
    orNull(
      Type.String({ format: 'logo', maxLength: 2000 }),
      'An https URL of an image, which emails show at a height of 27 pixels, or the name of a file.',
    ),
  ),
};
const newOrganisation = Type.Object(fields);
const organisationChange = Type.Object({ ...fields, name: Type.Optional(fields.name) });

const formats = () => ({
  organisation_name: (text: string) =>
    text.includes('\0') || text.trim() === '' ? 'Not a valid string.' : null,
  colour: (text: string) => (/^#[0-9a-f]{6}$/i.test(text) ? null : 'Must be a colour such as #0b0c0c.'),
  logo: (text: string) =>
    /^(?!\.)[\w.-]{1,255}$/.test(text) || (isHttpsUrl(text) && new URL(text).protocol === 'https:')
      ? null
      : 'Must be an https URL or the name of a file.',
});

const common = { tag: 'Administration', authentication: 'admin', errors: plainErrors } as const;
const path = '/organisation';
const byId = `${path}/${uuidPart('organisation_id')}`;
const params = Type.Object({ organisation_id: uuid('The organisation.') });
const one = { description: 'The organisation.', schema: Type.Object({ organisation }) };
const notFound = { description: 'There is no such organisation.' };

const list = defineRoute({
  ...common,
  permission: 'person',
  method: 'GET',
  path,
  handlerName: 'organisation.get_organisations',
  summary: 'Read the organisations that emails can show',
  description: `By name; there are at most ${mostOrganisations}.`,
  answers: {
    200: {
      description: 'The organisations.',
      schema: Type.Object({ organisations: Type.Array(organisation) }),
    },
  },
  async handler({ db }: OrganisationRouteDeps) {
    return { organisations: await findOrganisations(db) };
  },
});

const read = defineRoute({
  ...common,
  permission: 'person',
  method: 'GET',
  path: byId,
  params,
  handlerName: 'organisation.get_organisation_by_id',
  summary: 'Read an organisation',
  answers: { 200: one, 404: notFound },
  async handler({ db }: OrganisationRouteDeps, { params: { organisation_id: id } }) {
    const found = await findOrganisation(db, id);
    if (!found) throw noResultFound();
    return { organisation: found };
  },
});

const create = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path,
  handlerName: 'organisation.create_organisation',
  summary: 'Add an organisation that emails can show',
  body: newOrganisation,
  formats,
  example: { name: 'Harbour Board', colour: '#0b5c66', logo: 'https://harbour.example/logo.png' },
  answers: {
    201: one,
    400: { description: `A field is missing or invalid, or there are ${mostOrganisations} already.` },
  },
  async handler({ db, clock }: OrganisationRouteDeps, { body, actorId }) {
    const at = new Date(clock.now());
    const { name, colour = null, logo = null } = body;
    const added: Organisation = { id: randomUUID(), name, colour, logo };
    await db.transaction().execute(async (trx) => {
      if (!(await addOrganisation(trx, added, at)))
        throw badRequest(`There are ${mostOrganisations} organisations already`);
      const event = { type: 'create_organisation', serviceId: null, userId: actorId, subjectId: added.id };
      await recordEvent(trx, { ...event, data: changesOf(null, added) }, at);
    });
    return { organisation: added };
  },
});

const change = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path: byId,
  params,
  handlerName: 'organisation.update_organisation',
  summary: 'Change an organisation',
  description: 'What is left out stays as it is. Emails show the change from then on.',
  body: organisationChange,
  formats,
  example: { colour: '#0b5c66' },
  answers: { 200: one, 400: { description: 'A field is invalid.' }, 404: notFound },
  async handler({ db, clock }: OrganisationRouteDeps, { params: { organisation_id: id }, body, actorId }) {
    const at = new Date(clock.now());
    return await db.transaction().execute(async (trx) => {
      const before = await findOrganisation(trx, id);
      if (!before) throw noResultFound();
      const after = { ...before, ...given(body) };
      await changeOrganisation(trx, after, at);
      const event = { type: 'update_organisation', serviceId: null, userId: actorId, subjectId: id };
      await recordEvent(trx, { ...event, data: changesOf(before, after) }, at);
      return { organisation: after };
    });
  },
});

/** Organisations, whose look emails can have (spec 04, section 8.3). */
export const organisationRoutes = [list, read, create, change];

function given({ name, colour, logo }: Static<typeof organisationChange>): Partial<Organisation> {
  return {
    ...(name !== undefined && { name }),
    ...(colour !== undefined && { colour }),
    ...(logo !== undefined && { logo }),
  };
}
