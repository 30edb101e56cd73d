import assert from 'node:assert/strict';
import { test } from 'node:test';
import { piecesOf, replaySpan, timeOutSpan } from './range.ts';

const at = (text: string) => Date.parse(text);
const iso = (time: number) => new Date(time).toISOString();

test('a span is split into pieces without gaps', () => {
  const table: [[number, number], number, [number, number][]][] = [
    [
      [0, 24],
      12,
      [
        [0, 12],
        [12, 24],
      ],
    ],
    [
      [0, 25],
      12,
      [
        [0, 12],
        [12, 24],
        [24, 25],
      ],
    ],
    [[5, 6], 12, [[5, 6]]],
    [[5, 5], 12, []],
    [[6, 5], 12, []],
  ];
  for (const [[from, until], size, pieces] of table)
    assert.deepEqual(
      [...piecesOf({ from, until }, size)].map((piece) => [piece.from, piece.until]),
      pieces,
    );
});

test('the first replay of a day covers all 7 days, any other only what has become an hour old since', () => {
  const table: [string | null, string, string, string][] = [
    [null, '2026-11-21T12:15:00.000Z', '2026-11-14T12:15:00.000Z', '2026-11-21T11:15:00.000Z'],
    [
      '2026-11-21T12:00:00.000Z',
      '2026-11-21T12:15:00.000Z',
      '2026-11-21T11:00:00.000Z',
      '2026-11-21T11:15:00.000Z',
    ],
    [
      '2026-11-21T08:00:00.000Z',
      '2026-11-21T12:15:00.000Z',
      '2026-11-21T07:00:00.000Z',
      '2026-11-21T11:15:00.000Z',
    ],
    [
      '2026-11-20T23:45:00.000Z',
      '2026-11-21T00:00:00.000Z',
      '2026-11-14T00:00:00.000Z',
      '2026-11-20T23:00:00.000Z',
    ],
    // Days are those of the business zone.
    [
      '2026-07-01T22:45:00.000Z',
      '2026-07-01T23:00:00.000Z',
      '2026-06-24T23:00:00.000Z',
      '2026-07-01T22:00:00.000Z',
    ],
    // A clock that was set back.
    [
      '2026-11-21T13:00:00.000Z',
      '2026-11-21T12:15:00.000Z',
      '2026-11-14T12:15:00.000Z',
      '2026-11-21T11:15:00.000Z',
    ],
  ];
  for (const [lastRun, now, from, until] of table) {
    const span = replaySpan(at(now), lastRun === null ? null : at(lastRun));
    assert.deepEqual([iso(span.from), iso(span.until)], [from, until], now);
  }
});

test('the first time-out covers everything, later ones what was created since, with a margin for scheduled messages', () => {
  const hours = 72 * 3_600_000;
  const now = at('2026-11-21T03:00:00.000Z');
  const until = '2026-11-18T03:00:00.000Z';
  assert.deepEqual(timeOutSpan(now, null, hours), { from: null, until: at(until) });
  const table: [string, string][] = [
    ['2026-11-20T03:00:00.000Z', '2026-11-09T03:00:00.000Z'],
    ['2026-11-01T03:00:00.000Z', '2026-10-21T03:00:00.000Z'],
    ['2026-11-21T04:00:00.000Z', '2026-11-10T03:00:00.000Z'],
  ];
  for (const [lastRun, from] of table) {
    const span = timeOutSpan(now, at(lastRun), hours);
    assert.deepEqual([iso(span.from!), iso(span.until)], [from, until], lastRun);
  }
});
