import { type Static, Type } from 'typebox';
import { dayAfter, dayOf, dayStart, parseDatetime } from '../../../ground/clock.ts';
import { uuid } from '../../../http/validate/shapes.ts';
import type { AdminFilter } from './store.ts';

export const usualPage = 50;
export const mostPerPage = 250;
/** There are no letters, but they may be asked for. */
const listedTypes: readonly string[] = ['sms', 'email', 'letter'];
export const failed = ['technical-failure', 'temporary-failure', 'permanent-failure', 'validation-failed'];
/** No message is older; keeps dates within the range that is supported. */
export const mostDays = 10_000;

export const flag = (description: string, byDefault: boolean) =>
  Type.Optional(Type.Boolean({ description, default: byDefault }));
const moment = (description: string) => Type.Optional(Type.String({ format: 'datetime', description }));

/** What a list and a download can be of. */
export const messageFilter = {
  status: Type.Optional(Type.Array(Type.String(), { description: '`failed` means every kind of failure.' })),
  template_type: Type.Optional(
    Type.Array(Type.String(), { description: `May be repeated: ${listedTypes.join(', ')}.` }),
  ),
  template_id: Type.Optional(uuid()),
  api_key_id: Type.Optional(uuid()),
  job_id: Type.Optional(uuid()),
  created_by: Type.Optional(uuid('Only messages that this person sent, one by one or from a file.')),
  client_reference: Type.Optional(
    Type.String({ maxLength: 1000, description: 'The whole of your own reference.' }),
  ),
  created_from: moment('Only messages created at this time or later.'),
  created_before: moment('Only messages created before this time.'),
  limit_days: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: 'Only messages from today and from this many whole days before it.',
    }),
  ),
  include_jobs: flag('Includes messages sent from files.', true),
  include_one_off: flag('Includes messages sent one by one, by hand.', true),
  include_from_test_key: flag('Includes messages sent with test keys.', false),
  older_than: Type.Optional(
    uuid('Only messages older than the one with this `id`, whether it is still kept or not.'),
  ),
} as const;

const filterSchema = Type.Object(messageFilter);

/** The formats of `messageFilter`. */
export const filterFormats = () => ({
  datetime: (text: string) => (parseDatetime(text) ? null : 'Not a valid datetime.'),
});

/** What is wrong with the types that are asked for, or null. */
export function typeFault(types: readonly string[] | undefined): Record<string, unknown> | null {
  const wrong = types?.findIndex((type) => !listedTypes.includes(type)) ?? -1;
  return wrong < 0 ? null : { template_type: { [wrong]: { template_type: ['Not a valid choice.'] } } };
}

/** The filter of a checked request. */
export function filterOf(serviceId: string, request: Static<typeof filterSchema>, now: number): AdminFilter {
  const { limit_days: days, created_from: from, created_before: until } = request;
  const starts = [
    ...(from === undefined ? [] : [parseDatetime(from)!.getTime()]),
    ...(days === undefined ? [] : [dayStart(dayAfter(dayOf(now), -Math.min(days, mostDays)))]),
  ];
  return {
    serviceId,
    types: request.template_type ?? null,
    statuses: request.status?.flatMap((one) => (one === 'failed' ? failed : withoutNull(one))) ?? null,
    templateId: request.template_id ?? null,
    keyId: request.api_key_id ?? null,
    jobId: request.job_id ?? null,
    createdBy: request.created_by ?? null,
    reference: request.client_reference === undefined ? null : withoutNull(request.client_reference),
    from: starts.length === 0 ? null : new Date(Math.max(...starts)),
    until: until === undefined ? null : parseDatetime(until),
    jobs: request.include_jobs ?? true,
    oneOff: request.include_one_off ?? true,
    testKeys: request.include_from_test_key ?? false,
    olderThan: request.older_than ?? null,
  };
}

/** PostgreSQL rejects null characters in text; nothing stored has the character that stands for them. */
export function withoutNull(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
