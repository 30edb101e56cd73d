import { Type } from 'typebox';
import { findTemplate, type TemplateCaches } from '../../content/template/store.ts';
import type { NotificationStatus } from '../../database/tables.ts';
import { type Clock, dayAfter, dayOf, isoMicroseconds } from '../../ground/clock.ts';
import { idFloor, idMarginMilliseconds, parseUuid } from '../../ground/id.ts';
import { invalidFields, noResultFound, Problem } from '../../ground/problem.ts';
import { defineRoute, uuidPart } from '../../http/server/define-route.ts';
import { callerLeaves } from '../../http/server/request.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { isCompleted } from '../../message/status/status.ts';
import { groupBy } from './figures.ts';
import { periodOf } from './periods.ts';
import type { StatisticsRouteDeps } from './service-routes.ts';
import {
  findLastUses,
  findNewestMessage,
  findTemplateNames,
  type HistoryRow,
  sumOfServices,
} from './store-read.ts';

export type TemplateStatisticsDeps = StatisticsRouteDeps &
  Readonly<{ clock: Clock; templates: Pick<TemplateCaches, 'version'> }>;

const common = {
  tag: 'Administration',
  authentication: 'admin',
  permission: 'view_activity',
  method: 'GET',
} as const;
const path = `/service/${uuidPart('service_id')}/template-statistics`;
const ofService = Type.Object({ service_id: uuid('The service.') });
const ofTemplate = Type.Object({
  service_id: uuid('The service.'),
  template_id: Type.String({ format: 'text', description: 'The template.' }),
});

/** More days than any service has had messages for. */
const mostDays = 36_500;
const days = (description: string) =>
  Type.Optional(Type.String({ format: 'text', description, examples: ['7'] }));

const list = defineRoute({
  ...common,
  path,
  handlerName: 'template_statistics.get_template_statistics_for_service_by_day',
  summary: 'Count the messages of a service by template',
  description: 'By name, without messages of test keys and cancelled ones; days are those in London.',
  params: ofService,
  query: Type.Object({
    limit_days: days('Today and so many whole days before it; without it all messages there have been.'),
    whole_days: days('The same; at most 7.'),
    by_status: Type.Optional(oneOf(['True', 'False'], '`True`: an entry for each status, cancelled too.')),
  }),
  answers: {
    200: {
      description: 'The templates that were used.',
      schema: Type.Object({
        data: Type.Array(
          Type.Object({
            count: Type.Integer(),
            template_id: uuid(),
            template_name: Type.String(),
            template_type: oneOf(['sms', 'email']),
            status: Type.Optional(Type.String({ description: 'With `by_status`.' })),
          }),
        ),
      }),
    },
    400: { description: 'The number of days is invalid.' },
  },
  async handler({ reads, clock }: TemplateStatisticsDeps, { params, query }, reply) {
    const id = params.service_id;
    const before = daysBefore(query);
    const today = dayOf(clock.now());
    const period = periodOf(before === null ? '' : dayAfter(today, -before), today);
    const { rows, names } = await reads(id, callerLeaves(reply), async (db) => {
      const by = ['template_id', 'notification_type', 'status'] as const;
      const rows = await sumOfServices(db, [id], by, { period });
      return { rows, names: await findTemplateNames(db, [...new Set(rows.map((row) => row.template_id))]) };
    });
    const isByStatus = query.by_status === 'True';
    const groups = groupBy(rows, ({ template_id, status }) =>
      isByStatus ? `${template_id} ${status}` : template_id,
    );
    const data = [...groups.values()].map((group) => {
      const { template_id, notification_type: template_type, status } = group[0]!;
      const counted = group.filter((row) => isByStatus || row.status !== 'cancelled');
      return {
        ...{ count: counted.reduce((sum, { count }) => sum + count, 0), template_id, template_type },
        ...{ template_name: names.get(template_id) ?? '', ...(isByStatus && { status }) },
      };
    });
    const byName = (a: { template_name: string }, b: { template_name: string }) =>
      a.template_name < b.template_name ? -1 : a.template_name > b.template_name ? 1 : 0;
    return { data: data.filter(({ count }) => count > 0).sort(byName) };
  },
});

/** How many days before today count; null: all. Throws a Problem with the texts of spec 04, section 7.5. */
function daysBefore(query: Readonly<{ limit_days?: string; whole_days?: string }>): number | null {
  const name = query.limit_days === undefined ? 'whole_days' : 'limit_days';
  const text = query[name]?.trim();
  if (text === undefined) return null;
  if (!/^[+-]?\d+$/.test(text)) throw invalidFields({ [name]: [`${text} is not an integer`] });
  const number = Number(text);
  if (name === 'whole_days' && !(number >= 0 && number <= 7))
    throw invalidFields({ whole_days: ['whole_days must be between 0 and 7'] });
  return Math.max(0, Math.min(number, mostDays));
}

const newest = defineRoute({
  ...common,
  path: `${path}/:template_id`,
  handlerName: 'template_statistics.get_template_statistics_for_template_id',
  summary: 'Read the last message of a template',
  description: 'From the history: without its recipient and its values. Messages of test keys are left out.',
  params: ofTemplate,
  answers: {
    200: {
      description: 'The message.',
      schema: Type.Object({
        data: Type.Object(
          { id: uuid(), notification_type: oneOf(['sms', 'email']), status: Type.String(), created_at: time },
          { additionalProperties: true },
        ),
      }),
    },
    404: { description: 'The service has no such template, or has sent nothing with it.' },
  },
  async handler(deps: TemplateStatisticsDeps, { params }, reply) {
    const { service_id: serviceId, template_id: given } = params;
    const templateId = parseUuid(given);
    const found =
      templateId &&
      (await deps.reads(serviceId, callerLeaves(reply), async (db) => {
        const at = (await findLastUses(db, serviceId, [templateId])).get(templateId)?.getTime();
        if (at === undefined) return null;
        const range = {
          floor: idFloor(at - idMarginMilliseconds),
          ceiling: idFloor(at + idMarginMilliseconds),
        };
        return await findNewestMessage(db, serviceId, templateId, range);
      }));
    if (!found) {
      const shown = given.slice(0, 100);
      throw noResultFoundFor(`No template found for id ${shown}`);
    }
    return { data: await showRow(deps, serviceId, templateId, found) };
  },
});

/** 404 with the text under the field (spec 04, section 7.5). */
function noResultFoundFor(message: string) {
  return new Problem(404, [{ error: 'NoResultFound', message, field: 'template_id' }]);
}

async function showRow(
  { templates }: TemplateStatisticsDeps,
  serviceId: string,
  templateId: string,
  row: HistoryRow,
) {
  const { type, templateVersion: version, updatedAt, sentAt, scheduledFor } = row;
  const template = await templates.version(templateId, version);
  if (!template) throw new Error(`Template ${templateId} has no version ${version}`);
  const at = (value: Date | null) => value && isoMicroseconds(value);
  return {
    ...{ id: row.id, to: null, normalised_to: null, notification_type: type, status: row.status },
    ...{ key_type: row.keyType, key_name: row.keyName, api_key: row.apiKeyId, service: serviceId },
    job: row.jobId === null ? null : { id: row.jobId, original_file_name: row.fileName },
    job_row_number: row.jobRowNumber,
    template: { id: templateId, name: template.name, template_type: type, version },
    ...{ template_version: version, personalisation: null, body: null, subject: null },
    ...{ reference: row.reference, client_reference: row.clientReference, sent_by: row.sentBy },
    ...{ billable_units: row.billableUnits, international: row.international },
    ...{ phone_prefix: row.phonePrefix, rate_multiplier: row.rateMultiplier },
    ...{ created_at: isoMicroseconds(row.createdAt), sent_at: at(sentAt), updated_at: at(updatedAt) },
    scheduled_for: at(scheduledFor),
    completed_at: isCompleted(row.status as NotificationStatus) ? at(updatedAt) : null,
  };
}

const lastUsed = defineRoute({
  ...common,
  path: `${path}/last-used/${uuidPart('template_id')}`,
  handlerName: 'template_statistics.get_last_used_datetime_for_template',
  summary: 'Read when a template was last used',
  description: 'Messages of test keys are left out.',
  params: Type.Object({ service_id: uuid('The service.'), template_id: uuid('The template.') }),
  answers: {
    200: {
      description: 'When its newest message was accepted; null if there is none.',
      schema: Type.Object({ last_date_used: orNull(time) }),
    },
    404: { description: 'The service has no such template.' },
  },
  async handler({ reads }: TemplateStatisticsDeps, { params }, reply) {
    const { service_id: serviceId, template_id: id } = params;
    const at = await reads(serviceId, callerLeaves(reply), async (db) => {
      const template = await findTemplate(db, id);
      if (template?.serviceId !== serviceId) throw noResultFound();
      return (await findLastUses(db, serviceId, [id])).get(id);
    });
    return { last_date_used: at ? isoMicroseconds(at) : null };
  },
});

const lastUses = defineRoute({
  ...common,
  path: `${path}/last-used`,
  handlerName: 'template_statistics.get_last_used_datetimes_for_service',
  summary: 'Read when each template was last used',
  description: 'Templates that were never used are left out, and messages of test keys too.',
  params: ofService,
  answers: {
    200: {
      description: 'When the newest message of each was accepted.',
      schema: Type.Object({
        data: Type.Array(Type.Object({ template_id: uuid(), last_date_used: time })),
      }),
    },
  },
  async handler({ reads }: TemplateStatisticsDeps, { params: { service_id: id } }, reply) {
    const uses = await reads(id, callerLeaves(reply), (db) => findLastUses(db, id, null));
    return {
      data: [...uses].map(([template_id, at]) => ({ template_id, last_date_used: isoMicroseconds(at) })),
    };
  },
});

/** The statistics of templates (spec 04, section 7.5). */
export const templateStatisticsRoutes = [list, lastUses, lastUsed, newest];
