import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inOrder, type TimelineEntry } from './timeline.ts';

const time = (milliseconds: number) => new Date(1_800_000_000_000 + milliseconds);
const ended = { finishedAt: null, outcome: null, code: null, detail: null } as const;
const attempt = (at: number, number: number, provider = 'mmg'): TimelineEntry => ({
  ...{ kind: 'attempt', at: time(at), startedAt: time(at), number, provider, ...ended },
});
const receipt = (at: number, rawStatus: string, provider = 'mmg'): TimelineEntry => ({
  ...{ kind: 'receipt', at: time(at), provider, rawStatus, status: 'delivered', ignored: null },
});
const callback = (at: number, id = 'c1'): TimelineEntry => ({
  ...{ kind: 'callback', at: time(at), id, type: 'delivery_status', state: 'pending' },
});
const posted = (at: number, number: number, id = 'c1'): TimelineEntry => ({
  ...{
    kind: 'callback attempt',
    at: time(at),
    startedAt: time(at),
    id,
    type: 'delivery_status',
    number,
    ...ended,
  },
});
const accepted = (at: number): TimelineEntry => ({ kind: 'accepted', at: time(at), by: null });
const persisted = (at: number): TimelineEntry => ({ kind: 'persisted', at: time(at) });

const shown = (entries: readonly TimelineEntry[]) =>
  inOrder(entries).map((entry) => {
    const name = 'number' in entry ? `${entry.kind} ${entry.number}` : entry.kind;
    return `${name} at ${entry.at.getTime() - time(0).getTime()}`;
  });

test('a timeline is in the order of what happened, whatever the times of different processes say', () => {
  const table: [string, readonly TimelineEntry[], readonly string[]][] = [
    ['persisted before accepted', [accepted(7), persisted(0)], ['accepted at 7', 'persisted at 7']],
    [
      'everything at the same time',
      [callback(0), posted(0, 1), receipt(0, 'D'), attempt(0, 1), persisted(0), accepted(0)],
      [
        'accepted at 0',
        'persisted at 0',
        'attempt 1 at 0',
        'receipt at 0',
        'callback at 0',
        'callback attempt 1 at 0',
      ],
    ],
    [
      'a receipt before its attempt, and what followed from it',
      [accepted(0), persisted(1), attempt(20, 1), receipt(12, 'D'), callback(13), posted(11, 1)],
      [
        'accepted at 0',
        'persisted at 1',
        'attempt 1 at 20',
        'receipt at 20',
        'callback at 20',
        'callback attempt 1 at 20',
      ],
    ],
    [
      'a receipt between two attempts stays there',
      [accepted(0), persisted(1), attempt(10, 1), attempt(310, 2), receipt(50, 'D')],
      ['accepted at 0', 'persisted at 1', 'attempt 1 at 10', 'receipt at 50', 'attempt 2 at 310'],
    ],
    [
      'a receipt of the provider that was asked second',
      [accepted(0), persisted(1), attempt(10, 1), attempt(20, 2, 'firetext'), receipt(15, 'D', 'firetext')],
      ['accepted at 0', 'persisted at 1', 'attempt 1 at 10', 'attempt 2 at 20', 'receipt at 20'],
    ],
    [
      'attempts by number',
      [accepted(0), persisted(1), attempt(10, 1), attempt(8, 2)],
      ['accepted at 0', 'persisted at 1', 'attempt 1 at 10', 'attempt 2 at 10'],
    ],
    [
      'two callbacks, each before its attempts',
      [accepted(0), persisted(1), callback(50), posted(45, 1), callback(20, 'c2'), posted(60, 1, 'c2')],
      [
        'accepted at 0',
        'persisted at 1',
        'callback at 20',
        'callback at 50',
        'callback attempt 1 at 50',
        'callback attempt 1 at 60',
      ],
    ],
    ['not persisted yet', [accepted(3)], ['accepted at 3']],
  ];
  for (const [title, entries, expected] of table) assert.deepEqual(shown(entries), expected, title);
});

test('the times of a timeline never go back, and times that do not cross stay as they are', () => {
  const at = fc.integer({ min: 0, max: 50 });
  const other = fc.oneof(
    at.map((value) => receipt(value, 'D')),
    at.map((value) => callback(value)),
    at.map((value) => posted(value, 1)),
  );
  fc.assert(
    fc.property(
      at,
      at,
      fc.array(at, { maxLength: 3 }),
      fc.array(other, { maxLength: 6 }),
      (a, p, starts, rest) => {
        const all = [
          accepted(a),
          persisted(p),
          ...starts.map((start, index) => attempt(start, index + 1)),
          ...rest,
        ];
        const result = inOrder(all);
        assert.equal(result.length, all.length);
        assert.deepEqual([result[0]?.kind, result[1]?.kind], ['accepted', 'persisted']);
        for (let index = 1; index < result.length; index++)
          assert.ok(result[index - 1]!.at <= result[index]!.at);
        assert.deepEqual(inOrder(result), result);
      },
    ),
  );
});
