import { type Static, Type } from 'typebox';
import type { KeyType, NotificationStatus } from '../../../database/tables.ts';
import { idFloor } from '../../../ground/id.ts';
import { invalidFields } from '../../../ground/problem.ts';
import { dayAfter, dayOf, dayStart } from '../../../ground/time-zone.ts';
import { oneOf } from '../../../http/validate/shapes.ts';

/** What `GET /notifications` asks for (spec 01, section 2.3); null: no filter. */
export type ListQuery = Readonly<{
  types: readonly string[] | null;
  statuses: readonly NotificationStatus[] | null;
  page: number;
  pageSize: number;
  limitDays: number | null;
  includeJobs: boolean;
}>;

/** What a status of the query stands for. */
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
/** There are no letters, but a caller may ask for them. */
const types: readonly string[] = ['sms', 'email', 'letter'];

/** Query of `GET /notifications` (spec 01, section 2.3); the order of the properties is the order of the errors. */
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
    Type.Integer({ description: 'Only messages of this many whole days before today, and of today.' }),
  ),
  include_jobs: Type.Optional(
    Type.Boolean({ default: false, description: 'Includes messages sent from files; only for normal keys.' }),
  ),
});

/** Rows of one page; the largest that is given whatever is asked for, since all of it is made in memory. */
const pageSizes = { usual: 250, most: 5000 } as const;

/** What a checked query of `GET /notifications` asks for. */
export function listRequest(query: Static<typeof listQuery>): ListQuery {
  const { template_type, status, page = 1, page_size = pageSizes.usual, limit_days, include_jobs } = query;
  return {
    types: template_type ?? null,
    statuses: status?.flatMap((name) => statuses[name] ?? []) ?? null,
    page,
    pageSize: Math.min(page_size, pageSizes.most),
    limitDays: limit_days ?? null,
    includeJobs: include_jobs ?? false,
  };
}

/** Which messages of a service a list is made of. */
export type ListFilter = Readonly<{
  serviceId: string;
  keyType: KeyType;
  includeJobs: boolean;
  types: readonly string[] | null;
  statuses: readonly NotificationStatus[] | null;
  /** Lower bound of the ids. */
  floor: string;
}>;

/**
 * A caller sees the messages of its own kind of key, and those of jobs, which have none, only as a normal key that asks
 * for them (spec 01, section 2.3). `limit_days` counts whole days back from today, in the business zone.
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
    floor: idFloor(limitDays === null ? 0 : dayStart(dayAfter(dayOf(now), -inReach(limitDays)))),
  };
}

/** No message is older than this, and none is younger; dates end somewhere. */
function inReach(days: number): number {
  return Math.max(-1, Math.min(days, 10_000));
}

/** The links of a page: relative, the other parameters kept as they were given (spec 01, section 2.3). */
export function pageLinks(
  parameters: URLSearchParams,
  { page, pageSize }: Pick<ListQuery, 'page' | 'pageSize'>,
  total: number,
): Readonly<Record<string, string>> {
  const pages = Math.ceil(total / pageSize);
  const link = (to: number) => {
    const query = new URLSearchParams({ page: String(to) });
    for (const name of new Set(parameters.keys()))
      if (name !== 'page') for (const value of parameters.getAll(name)) query.append(name, value);
    return `/notifications?${query}`;
  };
  return {
    ...(page > 1 && { prev: link(page - 1) }),
    ...(page < pages && { next: link(page + 1), last: link(pages) }),
  };
}

/** Query of `GET /notifications/statistics`. */
export const dayQuery = Type.Object({
  day: Type.String({
    format: 'date',
    description: 'A day in London time, not in the future.',
    examples: ['2026-05-04'],
  }),
});

/** Throws a Problem for a day that has not begun yet. */
export function refuseFuture(day: string, now: number): void {
  if (day > dayOf(now)) throw invalidFields({ day: ['Date cannot be in the future'] });
}
