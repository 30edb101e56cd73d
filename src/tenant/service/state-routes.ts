import { Type } from 'typebox';
import type { Db, DbOrTrx, Trx } from '../../database/connection.ts';
import { type Clock, isoMicroseconds } from '../../ground/clock.ts';
import { badRequest, noResultFound } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { orNull, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../event/store.ts';
import { platformUserId } from '../user/store.ts';
import { differences, type KeyVersion, type ServiceRecord, showService } from './record.ts';
import { platformServiceId } from './service.ts';
import {
  archiveService,
  changeService,
  findServiceRecord,
  findServiceVersions,
  lockService,
} from './store-admin.ts';

/** Keys and templates belong to later rooms, whose functions are handed in. */
export type StateRouteDeps = Readonly<{
  db: Db;
  clock: Clock;
  endKeys: (trx: Trx, serviceId: string, by: string, at: Date) => Promise<void>;
  archiveTemplates: (trx: Trx, serviceId: string, createdBy: string, at: Date) => Promise<void>;
  findKeyHistory: (db: DbOrTrx, serviceId: string, limit: number) => Promise<readonly KeyVersion[]>;
  findTemplateHistory: (db: DbOrTrx, serviceId: string, limit: number) => Promise<readonly TemplateVersion[]>;
}>;

type TemplateVersion = Readonly<{
  id: string;
  type: string;
  name: string;
  subject: string | null;
  content: string;
  version: number;
  archived: boolean;
  priority: boolean;
  createdAt: Date;
  updatedAt: Date | null;
  author: Readonly<{ id: string; name: string; email_address: string }>;
}>;

const base = `/service/${uuidPart('service_id')}`;
const common = {
  tag: 'Administration',
  authentication: 'admin',
  params: Type.Object({ service_id: uuid('The service.') }),
} as const;
const changed = {
  204: { description: 'Done, or so already.' },
  400: { description: 'The service cannot be changed so.' },
  404: { description: 'There is no such service.' },
};

/** A change of state under the lock of the service, with its event. `work` returns whether it changed anything. */
async function move(
  { db, clock }: StateRouteDeps,
  id: string,
  { type, actorId }: Readonly<{ type: string; actorId: string | null }>,
  work: (trx: Trx, service: ServiceRecord, by: string, at: Date) => Promise<boolean>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const before = await lockService(trx, id);
    if (!before) throw noResultFound();
    const at = new Date(clock.now());
    if (!(await work(trx, before, actorId ?? platformUserId, at))) return;
    const after = (await findServiceRecord(trx, id))!;
    const data = differences(showService(before), showService(after));
    await recordEvent(trx, { type, serviceId: id, userId: actorId, subjectId: id, data }, at);
  });
}

function refusePlatform(id: string): void {
  if (id === platformServiceId) throw badRequest('The platform’s own service cannot be made inactive');
}

const archive = defineRoute({
  ...common,
  permission: 'manage_settings',
  method: 'POST',
  path: `${base}/archive`,
  handlerName: 'service.archive_service',
  summary: 'Archive a service',
  description:
    'For good: its keys end, its templates are archived, and its name is free for another. Nothing changes if it is not active.',
  answers: changed,
  async handler(deps: StateRouteDeps, { params: { service_id: id }, actorId }) {
    refusePlatform(id);
    await move(deps, id, { type: 'archive_service', actorId }, async (trx, { active }, by, at) => {
      if (!active) return false;
      await archiveService(trx, id, by, at);
      await deps.archiveTemplates(trx, id, by, at);
      await deps.endKeys(trx, id, by, at);
      return true;
    });
  },
});

const suspend = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path: `${base}/suspend`,
  handlerName: 'service.suspend_service',
  summary: 'Suspend a service',
  description: 'Its keys end; its templates and name stay. Nothing changes if it is not active.',
  answers: changed,
  async handler(deps: StateRouteDeps, { params: { service_id: id }, actorId }) {
    refusePlatform(id);
    await move(deps, id, { type: 'suspend_service', actorId }, async (trx, { active }, by, at) => {
      if (!active) return false;
      await changeService(trx, id, { active: false }, by, at);
      await deps.endKeys(trx, id, by, at);
      return true;
    });
  },
});

const resume = defineRoute({
  ...common,
  permission: 'operator',
  method: 'POST',
  path: `${base}/resume`,
  handlerName: 'service.resume_service',
  summary: 'Resume a suspended service',
  description: 'Its keys stay ended: the team makes new ones. An archived service cannot be resumed.',
  answers: changed,
  async handler(deps: StateRouteDeps, { params: { service_id: id }, actorId }) {
    await move(deps, id, { type: 'resume_service', actorId }, async (trx, service, by, at) => {
      if (service.archivedAt) throw badRequest('An archived service cannot be resumed');
      if (service.active) return false;
      await changeService(trx, id, { active: true }, by, at);
      return true;
    });
  },
});

const most = 1000;
const author = Type.Object({ id: uuid(), name: Type.String(), email_address: Type.String() });

const history = defineRoute({
  ...common,
  permission: 'member',
  method: 'GET',
  path: `${base}/history`,
  handlerName: 'service.get_service_history',
  summary: 'Read the history of a service',
  description: `Versions of the service, its keys and its templates, oldest first, the last ${most} of each.`,
  answers: {
    200: {
      description: 'Empty lists for a service that does not exist.',
      schema: Type.Object({
        data: Type.Object({
          service_history: Type.Array(
            Type.Object({
              ...{ id: uuid(), name: Type.String(), created_at: time, updated_at: orNull(time) },
              ...{ active: Type.Boolean(), message_limit: Type.Integer(), restricted: Type.Boolean() },
              ...{ email_from: Type.String(), created_by_id: uuid(), version: Type.Integer() },
            }),
          ),
          api_key_history: Type.Array(
            Type.Object({
              ...{ id: uuid(), name: Type.String(), service_id: uuid(), expiry_date: orNull(time) },
              ...{ created_at: time, updated_at: orNull(time), created_by_id: orNull(uuid()) },
            }),
          ),
          template_history: Type.Array(
            Type.Object({
              ...{ id: uuid(), name: Type.String(), template_type: Type.String() },
              ...{ subject: orNull(Type.String()), content: Type.String(), service: uuid() },
              ...{ created_by: author, created_at: time, updated_at: orNull(time) },
              ...{ version: Type.Integer(), archived: Type.Boolean(), process_type: Type.String() },
            }),
          ),
        }),
      }),
    },
  },
  async handler(deps: StateRouteDeps, { params: { service_id: id } }) {
    const services = await findServiceVersions(deps.db, id, most);
    const keys = await deps.findKeyHistory(deps.db, id, most);
    const templates = await deps.findTemplateHistory(deps.db, id, most);
    return {
      data: {
        service_history: services.map((one) => ({
          ...{ id: one.id, name: one.name, active: one.active, message_limit: one.messageLimit },
          ...{ restricted: one.restricted, email_from: one.emailFrom, created_by_id: one.createdBy },
          ...{ version: one.version, ...times(one) },
        })),
        api_key_history: keys.map(({ id: keyId, name, createdAt, updatedAt, endedAt, createdBy }) => ({
          ...{ id: keyId, name, service_id: id, expiry_date: endedAt && isoMicroseconds(endedAt) },
          ...{ ...times({ createdAt, updatedAt }), created_by_id: createdBy },
        })),
        template_history: templates.map((one) => ({
          ...{ id: one.id, name: one.name, template_type: one.type, subject: one.subject },
          ...{ content: one.content, service: id, version: one.version, archived: one.archived },
          created_by: one.author,
          ...{ process_type: one.priority ? 'priority' : 'normal', ...times(one) },
        })),
      },
    };
  },
});

/** What state a service is in, and was (spec 04, sections 1.7 and 1.10). */
export const serviceStateRoutes = [archive, suspend, resume, history];

function times({ createdAt, updatedAt }: Readonly<{ createdAt: Date; updatedAt: Date | null }>) {
  return { created_at: isoMicroseconds(createdAt), updated_at: updatedAt && isoMicroseconds(updatedAt) };
}
