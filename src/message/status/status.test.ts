import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NotificationStatus } from '../../database/tables.ts';
import { isCompleted, nextStatus, type StatusEvent } from './status.ts';

const unreportedEnds = ['delivered', 'temporary-failure', 'permanent-failure'] as const;

const statuses = [
  ...['created', 'sending', 'pending', 'sent', 'delivered', 'temporary-failure', 'permanent-failure'],
  ...['technical-failure', 'validation-failed', 'cancelled'],
] as readonly NotificationStatus[];
/** What a receipt can say. */
const results = statuses.filter((status) => status === 'pending' || /^delivered$|-failure$/.test(status));
const receipt = (
  status: NotificationStatus,
  found: 'id' | 'reference',
  international = false,
  reliable = true,
): StatusEvent => ({ kind: 'receipt', status, found, international, reliable });
const after = (current: NotificationStatus, event: StatusEvent) => {
  const next = nextStatus(current, event);
  return 'to' in next ? next.to : null;
};

test('every event changes every status as the drawing shows, and in no other way', () => {
  // Columns: handed over in the UK, abroad; given up; timed out; cancelled; suppressed; a receipt (R: the status it reports)
  // found by id, by reference; abroad by id, by reference; abroad where networks do not report delivery, by id, by reference.
  // -: nothing changes.
  const drawing = `
    created            sending  sent  technical-failure  technical-failure  cancelled  permanent-failure  R  -  R  -  -  -
    sending            -        -     technical-failure  temporary-failure  -          -                  R  R  R  R  -  -
    pending            -        -     technical-failure  temporary-failure  -          -                  R  R  R  R  -  -
    sent               -        -     -                  -                  -          -                  -  -  R  R  -  -
    delivered          -        -     -                  -                  -          -                  -  -  -  -  -  -
    temporary-failure  -        -     -                  -                  -          -                  -  -  -  -  -  -
    permanent-failure  -        -     -                  -                  -          -                  -  -  -  -  -  -
    technical-failure  -        -     -                  -                  -          -                  -  -  -  -  -  -
    validation-failed  -        -     -                  -                  -          -                  -  -  -  -  -  -
    cancelled          -        -     -                  -                  -          -                  -  -  -  -  -  -`;
  const rows = drawing
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  assert.deepEqual(
    rows.map(([current]) => current),
    statuses,
  );
  for (const said of results) {
    const events: StatusEvent[] = [
      { kind: 'handed over', international: false, end: null },
      { kind: 'handed over', international: true, end: null },
      { kind: 'given up', why: null },
      { kind: 'timed out' },
      { kind: 'cancelled' },
      { kind: 'suppressed', reason: 'unsubscribed' },
      receipt(said, 'id'),
      receipt(said, 'reference'),
      receipt(said, 'id', true),
      receipt(said, 'reference', true),
      receipt(said, 'id', true, false),
      receipt(said, 'reference', true, false),
    ];
    for (const [current, ...cells] of rows)
      events.forEach((event, column) => {
        const cell = cells[column];
        const expected = cell === '-' ? null : cell === 'R' ? said : cell;
        assert.equal(
          after(current as NotificationStatus, event),
          expected,
          `${current}, ${JSON.stringify(event)}`,
        );
      });
  }
});

test('a refusal because of the recipient ends only a message that is under way', () => {
  for (const current of statuses) {
    const isOpen = ['created', 'sending', 'pending'].includes(current);
    for (const recipient of ['permanent', 'temporary'] as const)
      assert.equal(after(current, { kind: 'refused', recipient }), isOpen ? `${recipient}-failure` : null);
  }
});

test('a message whose provider posts no receipts is completed by its hand-over', () => {
  for (const end of unreportedEnds)
    for (const international of [false, true]) {
      assert.equal(after('created', { kind: 'handed over', international, end }), end);
      assert.equal(after('sending', { kind: 'handed over', international, end }), null);
    }
});

test('an event that changes nothing says why', () => {
  const table: [NotificationStatus, StatusEvent, string][] = [
    ['delivered', receipt('temporary-failure', 'id'), 'already delivered'],
    ['sending', { kind: 'handed over', international: false, end: null }, 'already sending'],
    ['sent', receipt('delivered', 'id', true, false), 'networks of this country do not report delivery'],
    ['sending', receipt('created', 'id'), 'a receipt cannot say created'],
  ];
  for (const [current, event, stays] of table) assert.deepEqual(nextStatus(current, event), { stays });
});

test('no sequence of events returns a message to created or leaves a final status other than sent', () => {
  const flag = fc.boolean();
  const event: fc.Arbitrary<StatusEvent> = fc.oneof(
    fc.record({
      kind: fc.constant('handed over' as const),
      international: flag,
      end: fc.constantFrom(null, ...unreportedEnds),
    }),
    fc.record({ kind: fc.constant('given up' as const), why: fc.constantFrom(null, 'error' as const) }),
    fc.record({ kind: fc.constantFrom('timed out' as const, 'cancelled' as const) }),
    fc.record({ kind: fc.constant('suppressed' as const), reason: fc.constant('manual' as const) }),
    fc.record({
      kind: fc.constant('receipt' as const),
      status: fc.constantFrom(...statuses),
      found: fc.constantFrom('id' as const, 'reference' as const),
      international: flag,
      reliable: flag,
    }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...statuses),
      fc.array(event, { minLength: 1, maxLength: 12 }),
      (start, events) => {
        let current = start;
        for (const happened of events) {
          const next = after(current, happened);
          if (next === null) continue;
          assert.notEqual(next, 'created');
          assert.ok(current === 'sent' || !isCompleted(current), `${current} was left`);
          if (current === 'sent')
            assert.ok(happened.kind === 'receipt' && happened.international && happened.reliable);
          if (happened.kind === 'receipt') assert.ok(results.includes(next), `a receipt made it ${next}`);
          current = next;
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('all statuses but created, sending and pending count as completed', () => {
  assert.deepEqual(
    statuses.filter((status) => !isCompleted(status)),
    ['created', 'sending', 'pending'],
  );
});
