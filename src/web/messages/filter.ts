import { statusText } from '../words/statuses.ts';
import { dayText, instantOf } from '../words/times.ts';

/** Which messages a list is of, as the address of the page says it; null: all (spec 07, section 6). */
export type MessageFilter = Readonly<{
  type: 'sms' | 'email' | null;
  /** A group of statuses, or one status as the reason of a failure. */
  status: string | null;
  templateId: string | null;
  jobId: string | null;
  keyId: string | null;
  senderId: string | null;
  /** Business days (YYYY-MM-DD), both included. */
  from: string | null;
  until: string | null;
  /** With messages of test keys. */
  tests: boolean;
}>;

/** The zone of business days; the API counts by them. */
const businessZone = 'Europe/London';

const groups: Readonly<Record<string, readonly string[]>> = {
  'under-way': ['created', 'sending', 'pending'],
  delivered: ['delivered', 'sent'],
  failed: ['permanent-failure', 'temporary-failure', 'technical-failure', 'validation-failed'],
  cancelled: ['cancelled'],
};

/** The ways of failing, which a list of failed messages can be narrowed to. */
export const failures = groups['failed']!;

/** What the filter for statuses offers. */
export const statusChoices: readonly (readonly [value: string, text: string])[] = [
  ['', 'All'],
  ['under-way', 'Under way'],
  ['delivered', 'Delivered'],
  ['failed', 'Failed, for any reason'],
  ['permanent-failure', 'Failed: the number or address does not exist'],
  ['temporary-failure', 'Failed: not accepted at the time, or not confirmed'],
  ['technical-failure', 'Failed: a technical fault'],
  ['validation-failed', 'Failed: the content or recipient was not valid'],
  ['cancelled', 'Cancelled'],
];

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const day = /^\d{4}-\d{2}-\d{2}$/;

/** Reads the query of a page. What is no filter counts as none. */
export function filterOf(query: URLSearchParams): MessageFilter {
  const matching = (name: string, pattern: RegExp) => {
    const value = query.get(name) ?? '';
    return pattern.test(value) ? value : null;
  };
  const status = query.get('status') ?? '';
  const realDay = (name: string) => {
    const value = matching(name, day);
    return value !== null && instantOf(value, '00:00', businessZone) !== null ? value : null;
  };
  return {
    type: matching('type', /^(sms|email)$/) as MessageFilter['type'],
    status: status !== '' && statusChoices.some(([value]) => value === status) ? status : null,
    templateId: matching('template', uuid),
    jobId: matching('file', uuid),
    keyId: matching('key', uuid),
    senderId: matching('sender', uuid),
    from: realDay('from'),
    until: realDay('until'),
    tests: query.get('tests') === '1',
  };
}

/** The filter as the query of a page; '' for none, else it begins with "?". `more`: such as where a page begins. */
export function addressOf(
  filter: Partial<MessageFilter>,
  more: Readonly<Record<string, string>> = {},
): string {
  const given: Record<string, string | null | undefined> = {
    type: filter.type,
    status: filter.status,
    template: filter.templateId,
    file: filter.jobId,
    key: filter.keyId,
    sender: filter.senderId,
    from: filter.from,
    until: filter.until,
    tests: filter.tests ? '1' : null,
    ...more,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value) query.set(name, value);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** The filter as the API takes it (spec 04, section 7.1). */
export function apiQuery(
  filter: MessageFilter,
  more: Readonly<Record<string, string>> = {},
): URLSearchParams {
  const query = new URLSearchParams(more);
  const set = (name: string, value: string | null) => {
    if (value !== null) query.set(name, value);
  };
  set('template_type', filter.type);
  const { status } = filter;
  for (const one of status === null ? [] : (groups[status] ?? [status])) query.append('status', one);
  set('template_id', filter.templateId);
  set('job_id', filter.jobId);
  set('api_key_id', filter.keyId);
  set('created_by', filter.senderId);
  set('created_from', filter.from === null ? null : midnight(filter.from, 0));
  set('created_before', filter.until === null ? null : midnight(filter.until, 1));
  if (filter.tests) query.set('include_from_test_key', 'true');
  return query;
}

/** Midnight at which a business day, or the day so many days later, begins (ISO 8601). */
function midnight(day: string, later: number): string {
  return new Date(instantOf(dayPlus(day, later), '00:00', businessZone)!).toISOString();
}

/** The day (YYYY-MM-DD) so many days later. */
export function dayPlus(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** What the filters that are on are called. `names`: what a page knows of templates, files, keys and people, by id. */
export function filterWords(filter: MessageFilter, names: ReadonlyMap<string, string>): readonly string[] {
  const named = (what: string, id: string | null) =>
    id === null ? [] : [names.has(id) ? `${what} “${names.get(id)}”` : `one ${what}`];
  return [
    ...(filter.type === null ? [] : [filter.type === 'sms' ? 'text messages' : 'emails']),
    ...(filter.status === null ? [] : [statusWords(filter.status)]),
    ...named('template', filter.templateId),
    ...named('file', filter.jobId),
    ...named('key', filter.keyId),
    ...(filter.senderId === null ? [] : [`sent by ${names.get(filter.senderId) ?? 'one person'}`]),
    ...(filter.from === null ? [] : [`from ${dayText(filter.from)}`]),
    ...(filter.until === null ? [] : [`until ${dayText(filter.until)}`]),
    ...(filter.tests ? ['with those of test keys'] : []),
  ];
}

function statusWords(status: string): string {
  return (statusChoices.find(([value]) => value === status)?.[1] ?? status).toLowerCase();
}

/** Whether there is any filter. */
export function isFiltered(filter: MessageFilter): boolean {
  return addressOf(filter) !== '';
}

/** A way of failing, for both types or one of them. */
export function failureWords(status: string, type: MessageFilter['type']): string {
  if (type !== null) return statusText(type, status);
  return {
    'permanent-failure': 'The number or address does not exist',
    'temporary-failure': 'Not accepted at the time, or not confirmed',
    'technical-failure': 'A technical fault',
    'validation-failed': 'The content or recipient was not valid',
  }[status]!;
}
