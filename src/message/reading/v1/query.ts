import type { KeyType, NotificationStatus } from '../../../database/tables.ts';
import { idFloor } from '../../../ground/id.ts';
import { FieldProblem } from '../../../ground/problem.ts';
import { dayAfter, dayOf, dayStart } from '../../../ground/time-zone.ts';

/** A query string as the server hands it on: a name that comes more than once has all its values. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

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

export const listChoices = { status: Object.keys(statuses), template_type: types };

const truths: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);
const untruths: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'False', 'FALSE']);

/** Rows of one page; the largest that is given whatever is asked for, since all of it is made in memory. */
const pageSizes = { usual: 250, most: 5000 } as const;
const furthest = Number.MAX_SAFE_INTEGER;

/** Reads the query of `GET /notifications`. Throws a FieldProblem with all that is wrong with it. */
export function readListQuery(query: Query): ListQuery {
  const faults: Record<string, string[]> = {};
  const read = <Value>(name: string, otherwise: Value, parse: (text: string) => Value | string): Value => {
    const [text] = valuesOf(query, name);
    if (text === undefined) return otherwise;
    const value = parse(text);
    if (typeof value !== 'string') return value;
    faults[name] = [value];
    return otherwise;
  };
  const chosen = (name: keyof typeof listChoices): readonly string[] | null => {
    const values = valuesOf(query, name);
    if (values.some((value) => !listChoices[name].includes(value))) faults[name] = ['Not a valid choice.'];
    return values.length === 0 ? null : values;
  };
  const positive = (text: string): number | string => {
    const value = integer(text);
    return typeof value === 'number' && value < 1 ? 'Not a positive integer' : value;
  };
  const wanted = {
    types: chosen('template_type'),
    statuses: chosen('status')?.flatMap((name) => statuses[name] ?? []) ?? null,
    page: read<number>('page', 1, positive),
    pageSize: Math.min(read<number>('page_size', pageSizes.usual, positive), pageSizes.most),
    limitDays: read<number | null>('limit_days', null, integer),
    includeJobs: read<boolean>('include_jobs', false, boolean),
  };
  if (Object.keys(faults).length > 0) throw new FieldProblem(faults);
  return wanted;
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
  query: Query,
  { page, pageSize }: Pick<ListQuery, 'page' | 'pageSize'>,
  total: number,
): Readonly<Record<string, string>> {
  const pages = Math.ceil(total / pageSize);
  const link = (to: number) => {
    const parameters = new URLSearchParams({ page: String(to) });
    for (const name of Object.keys(query))
      if (name !== 'page') for (const value of valuesOf(query, name)) parameters.append(name, value);
    return `/notifications?${parameters}`;
  };
  return {
    ...(page > 1 && { prev: link(page - 1) }),
    ...(page < pages && { next: link(page + 1), last: link(pages) }),
  };
}

/** Reads the query of `GET /notifications/statistics`: a day, not after today. Throws a FieldProblem. */
export function readDay(query: Query, now: number): string {
  const fault = (text: string) => new FieldProblem({ day: [text] });
  const [day] = valuesOf(query, 'day');
  if (day === undefined) throw fault('Missing data for required field.');
  const time = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day)
    throw fault('Not a valid date.');
  if (day > dayOf(now)) throw fault('Date cannot be in the future');
  return day;
}

function valuesOf(query: Query, name: string): readonly string[] {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function integer(text: string): number | string {
  const trimmed = text.trim();
  if (!/^[+-]?\d+$/.test(trimmed)) return 'Not a valid integer.';
  return Math.max(-furthest, Math.min(Number(trimmed), furthest));
}

function boolean(text: string): boolean | string {
  if (truths.has(text)) return true;
  return untruths.has(text) ? false : 'Not a valid boolean.';
}
