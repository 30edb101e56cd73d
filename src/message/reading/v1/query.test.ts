import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Static, TSchema } from 'typebox';
import { dayStart } from '../../../ground/clock.ts';
import { idFloor, idTime } from '../../../ground/id.ts';
import { invalidFields, Problem } from '../../../ground/problem.ts';
import { queryDocument } from '../../../http/server/request.ts';
import { fieldFaults } from '../../../http/validate/check.ts';
import { dayQuery, listFilter, listQuery, listRequest, pageLinks, refuseFuture } from './query.ts';

type Query = Readonly<Record<string, string | readonly string[]>>;

const defaults = {
  types: null,
  statuses: null,
  page: 1,
  pageSize: 250,
  limitDays: null,
  includeJobs: false,
};
const failures = ['technical-failure', 'temporary-failure', 'permanent-failure'];

function parametersOf(query: Query): URLSearchParams {
  return new URLSearchParams(
    Object.entries(query).flatMap(([name, values]) =>
      [values].flat().map((value): [string, string] => [name, String(value)]),
    ),
  );
}

/** A query as a route's handler gets it. */
function checked<Schema extends TSchema>(schema: Schema, query: Query): Static<Schema> {
  const document = queryDocument(schema, parametersOf(query));
  const faults = fieldFaults(schema, document, {});
  if (Object.keys(faults).length > 0) throw invalidFields(faults);
  return document as Static<Schema>;
}
const readListQuery = (query: Query) => listRequest(checked(listQuery, query));
function readDay(query: Query, now: number): string {
  const { day } = checked(dayQuery, query);
  refuseFuture(day, now);
  return day;
}

/** What `read` returns, or the faults it throws, by field. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof Problem);
    return Object.fromEntries(error.faults.map(({ field = '', message }) => [field, [message]]));
  }
}

test('a list query is parsed, with defaults for missing parameters', () => {
  const table: [query: Query, wanted: object][] = [
    [{}, {}],
    [
      { page: '3', page_size: '50' },
      { page: 3, pageSize: 50 },
    ],
    [
      { page: ' +2 ', page_size: '999999999999999999999' },
      { page: 2, pageSize: 5000 },
    ],
    [{ page: ['2', '9'] }, { page: 2 }],
    [{ limit_days: '7' }, { limitDays: 7 }],
    [{ limit_days: '-1' }, { limitDays: -1 }],
    [{ limit_days: '0' }, { limitDays: 0 }],
    ...['1', 't', 'T', 'true', 'True', 'TRUE'].map((text): [Query, object] => [
      { include_jobs: text },
      { includeJobs: true },
    ]),
    ...['0', 'f', 'F', 'false', 'False', 'FALSE'].map((text): [Query, object] => [
      { include_jobs: text },
      {},
    ]),
    [{ template_type: 'sms' }, { types: ['sms'] }],
    [{ template_type: ['sms', 'letter'] }, { types: ['sms', 'letter'] }],
    [{ status: 'failed' }, { statuses: failures }],
    [{ status: ['created', 'failed'] }, { statuses: ['created', ...failures] }],
    [{ status: 'sent' }, { statuses: ['sent'] }],
    [{ something: 'else' }, {}],
  ];
  for (const [query, wanted] of table)
    assert.deepEqual(readListQuery(query), { ...defaults, ...wanted }, JSON.stringify(query));
});

test('all invalid query parameters are refused at once, by name', () => {
  const table: [query: Query, faults: object][] = [
    [{ page: 'x' }, { page: ['Not a valid integer.'] }],
    [{ page: '' }, { page: ['Not a valid integer.'] }],
    [{ page: '1.5' }, { page: ['Not a valid integer.'] }],
    [{ page: '0' }, { page: ['Not a positive integer'] }],
    [{ page: '-1' }, { page: ['Not a positive integer'] }],
    [{ page_size: 'ten' }, { page_size: ['Not a valid integer.'] }],
    [{ page_size: '0' }, { page_size: ['Not a positive integer'] }],
    [{ limit_days: 'week' }, { limit_days: ['Not a valid integer.'] }],
    [{ include_jobs: 'yes' }, { include_jobs: ['Not a valid boolean.'] }],
    [{ include_jobs: '' }, { include_jobs: ['Not a valid boolean.'] }],
    [{ status: 'lost' }, { status: ['Not a valid choice.'] }],
    [{ status: ['created', 'constructor'] }, { status: ['Not a valid choice.'] }],
    [{ template_type: 'fax' }, { template_type: ['Not a valid choice.'] }],
    [
      { page: 'x', page_size: '-0', template_type: '' },
      {
        template_type: ['Not a valid choice.'],
        page: ['Not a valid integer.'],
        page_size: ['Not a positive integer'],
      },
    ],
  ];
  for (const [query, faults] of table)
    assert.deepEqual(
      outcome(() => readListQuery(query)),
      faults,
      JSON.stringify(query),
    );
});

test('a list shows messages of the caller’s key type, and those of jobs only to a normal key', () => {
  const now = Date.parse('2026-06-15T22:30:00Z');
  const filter = (keyType: 'normal' | 'team' | 'test', query: Query) =>
    listFilter({ serviceId: 's', keyType }, readListQuery(query), now);
  for (const keyType of ['normal', 'team', 'test'] as const) {
    assert.equal(filter(keyType, {}).keyType, keyType);
    assert.equal(filter(keyType, { include_jobs: 'true' }).includeJobs, keyType === 'normal');
    assert.equal(filter(keyType, {}).includeJobs, false);
  }
  assert.equal(filter('normal', {}).floor, idFloor(0));
  // 23:30 in London: still the 15th there.
  assert.equal(filter('normal', { limit_days: '0' }).floor, idFloor(dayStart('2026-06-15')));
  assert.equal(filter('normal', { limit_days: '7' }).floor, idFloor(dayStart('2026-06-08')));
  assert.ok(idTime(filter('normal', { limit_days: '-5' }).floor) > now);
  for (const limit_days of ['9'.repeat(30), `-${'9'.repeat(30)}`])
    assert.match(filter('normal', { limit_days }).floor, /^[0-9a-f]{8}-[0-9a-f]{4}-0000-0000-0{12}$/);
});

test('a page links to its neighbours and to the last page, keeping all other parameters', () => {
  const table: [query: Query, total: number, links: object][] = [
    [{}, 0, {}],
    [{}, 250, {}],
    [{}, 251, { next: '/notifications?page=2', last: '/notifications?page=2' }],
    [
      { page: '2' },
      750,
      { prev: '/notifications?page=1', next: '/notifications?page=3', last: '/notifications?page=3' },
    ],
    [{ page: '3' }, 750, { prev: '/notifications?page=2' }],
    [
      { status: ['created', 'a b'], page_size: '2', template_type: 'sms' },
      5,
      {
        next: '/notifications?page=2&status=created&status=a+b&page_size=2&template_type=sms',
        last: '/notifications?page=3&status=created&status=a+b&page_size=2&template_type=sms',
      },
    ],
  ];
  for (const [query, total, links] of table) {
    const page = Number(query['page'] ?? 1);
    const pageSize = Number(query['page_size'] ?? 250);
    assert.deepEqual(
      pageLinks('/notifications', parametersOf(query), { page, pageSize }, total),
      links,
      JSON.stringify(query),
    );
  }
});

test('a day must exist and must not be after today in London', () => {
  const now = Date.parse('2026-06-15T23:30:00Z');
  const table: [query: Query, outcome: unknown][] = [
    [{ day: '2026-06-16' }, '2026-06-16'],
    [{ day: '2024-02-29' }, '2024-02-29'],
    [{ day: '0001-01-01' }, '0001-01-01'],
    [{ day: ['2026-06-01', 'x'] }, '2026-06-01'],
    [{}, { day: ['Missing data for required field.'] }],
    [{ day: '' }, { day: ['Not a valid date.'] }],
    [{ day: '2026-02-29' }, { day: ['Not a valid date.'] }],
    [{ day: '2026-13-01' }, { day: ['Not a valid date.'] }],
    [{ day: '16/06/2026' }, { day: ['Not a valid date.'] }],
    [{ day: '2026-6-1' }, { day: ['Not a valid date.'] }],
    [{ day: '2026-06-16T00:00:00' }, { day: ['Not a valid date.'] }],
    [{ day: '2026-06-17' }, { day: ['Date cannot be in the future'] }],
    [{ day: '9999-12-31' }, { day: ['Date cannot be in the future'] }],
  ];
  for (const [query, expected] of table)
    assert.deepEqual(
      outcome(() => readDay(query, now)),
      expected,
      JSON.stringify(query),
    );
});

test('no query makes parsing throw anything but a Problem', () => {
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.integer().map(String));
  const names = ['page', 'page_size', 'limit_days', 'include_jobs', 'status', 'template_type', 'day'];
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value),
      fc.nat(),
      (query, now) => {
        outcome(() => listFilter({ serviceId: 's', keyType: 'test' }, readListQuery(query), now));
        outcome(() => readDay(query, now));
      },
    ),
  );
});
