import { type Static, Type } from 'typebox';
import type { KeyType, NotificationStatus } from '../../../database/tables.ts';
import { dayAfter, dayOf, dayStart } from '../../../ground/clock.ts';
import { idFloor } from '../../../ground/id.ts';
import { invalidFields } from '../../../ground/problem.ts';
import { oneOf } from '../../../http/validate/shapes.ts';

/** A parsed query of `GET /notifications` (spec 01, section 2.3); null means no filter. */
export type ListQuery = Readonly<{
  types: readonly string[] | null;
  statuses: readonly NotificationStatus[] | null;
  page: number;
  pageSize: number;
  limitDays: number | null;
  includeJobs: boolean;
}>;

/** The statuses that each value of `status` matches. */
const statuses: Readonly<Record<string, readonly NotificationStatus[]>> = {
  created: ['created'],
  sending: ['sending'],
  sent: ['sent'],
  delivered: ['delivered'],
  pending: ['pending'],
  failed: ['technical-failure', 'temporary-failure', 'permanent-failure'],
  'technical-failure': ['technical-failure'],
  'temporary-failure': ['temporary-failure'],
  'permanent-failure': ['permanent-failure'],
};
/** There are no letters, but `letter` is a valid filter. */
const types: readonly string[] = ['sms', 'email', 'letter'];

/** Query of `GET /notifications` (spec 01, section 2.3); errors come in the order of the properties. */
export const listQuery = Type.Object({
  template_type: Type.Optional(Type.Array(oneOf(types), { description: 'May be repeated.' })),
  status: Type.Optional(
    Type.Array(oneOf(Object.keys(statuses)), {
      description: 'May be repeated. `failed` means all three kinds of failure.',
    }),
  ),
  page: Type.Optional(Type.Integer({ minimum: 1, default: 1 })),
  page_size: Type.Optional(
    Type.Integer({ minimum: 1, default: 250, description: 'At most 5000 are returned.' }),
  ),
  limit_days: Type.Optional(
    Type.Integer({ description: 'Only messages from today and from this many whole days before it.' }),
  ),
  include_jobs: Type.Optional(
    Type.Boolean({ default: false, description: 'Includes messages sent from files; only for normal keys.' }),
  ),
});

/** Rows per page; capped, because a page is built in memory. */
const pageSizes = { default: 250, max: 5000 } as const;

/** Parses a validated query of `GET /notifications`. */
export function listRequest(query: Static<typeof listQuery>): ListQuery {
  const { template_type, status, page = 1, page_size = pageSizes.default, limit_days, include_jobs } = query;
  return {
    types: template_type ?? null,
    statuses: status?.flatMap((name) => statuses[name] ?? []) ?? null,
    page,
    pageSize: Math.min(page_size, pageSizes.max),
    limitDays: limit_days ?? null,
    includeJobs: include_jobs ?? false,
  };
}

/** Which of a service's messages a list contains. */
export type ListFilter = Readonly<{
  serviceId: string;
  keyType: KeyType;
  includeJobs: boolean;
  types: readonly string[] | null;
  statuses: readonly NotificationStatus[] | null;
  /** The smallest id to list. */
  floor: string;
}>;

/**
 * A caller sees the messages of its own key type. Messages of jobs are listed only for a normal key that asks for them
 * (spec 01, section 2.3). `limit_days` counts whole days back from today, in the business zone.
 */
export function listFilter(
  caller: Readonly<{ serviceId: string; keyType: KeyType }>,
  { types, statuses, limitDays, includeJobs }: ListQuery,
  now: number,
): ListFilter {
  return {
    ...caller,
    types,
    statuses,
    includeJobs: includeJobs && caller.keyType === 'normal',
    floor: idFloor(limitDays === null ? 0 : dayStart(dayAfter(dayOf(now), -clampDays(limitDays)))),
  };
}

/** Keeps the date in the supported range: no message is older than 10,000 days or from the future. */
function clampDays(days: number): number {
  return Math.max(-1, Math.min(days, 10_000));
}

/** A page's links, relative to the list at `path`, with the other parameters unchanged (spec 01, section 2.3). */
export function pageLinks(
  path: string,
  parameters: URLSearchParams,
  { page, pageSize }: Pick<ListQuery, 'page' | 'pageSize'>,
  total: number,
): Readonly<Record<string, string>> {
  const pages = Math.ceil(total / pageSize);
  const link = (to: number) => {
    const query = new URLSearchParams({ page: String(to) });
    for (const name of new Set(parameters.keys()))
      if (name !== 'page') for (const value of parameters.getAll(name)) query.append(name, value);
    return `${path}?${query}`;
  };
  return {
    ...(page > 1 && { prev: link(page - 1) }),
    ...(page < pages && { next: link(page + 1), last: link(pages) }),
  };
}

/** Query of `GET /notifications/statistics` (spec 01, section 2.4). */
export const dayQuery = Type.Object({
  day: Type.String({
    format: 'date',
    description: 'A day in London time, not in the future.',
    examples: ['2026-05-04'],
  }),
});

/** Throws a Problem for a day in the future, in the business zone. */
export function refuseFuture(day: string, now: number): void {
  if (day > dayOf(now)) throw invalidFields({ day: ['Date cannot be in the future'] });
}
