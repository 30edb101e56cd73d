import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DayCounts, dailyEntries } from './daily.ts';

const days = ['2026-03-28', '2026-03-29', '2026-03-30'];
const sms = { notification_type: 'sms' } as const;
const email = { notification_type: 'email' } as const;
const written = (counts: readonly DayCounts[], most = 10) =>
  dailyEntries(counts, days, { most, nameOf: (id) => `Tide ${id}` });

test('entries are by day and then by kind, and each status is added up however often a day has it', () => {
  const entries = written([
    { ...email, status: 'cancelled', days: [2], counts: [4] },
    { ...email, status: 'delivered', days: [2, 0], counts: [1, 1] },
    { ...sms, status: 'delivered', days: [0, 2, 0], counts: [5, 2, 3] },
    { ...sms, status: 'temporary-failure', days: [0], counts: [2] },
  ]);
  // As text, since callers compare answers by their tags: the order of the fields is part of it.
  assert.equal(
    JSON.stringify(entries),
    JSON.stringify([
      {
        ...{ day: days[0], notification_type: 'email', requested: 1, delivered: 1, failed: 0 },
        statuses: { delivered: 1 },
      },
      {
        ...{ day: days[0], notification_type: 'sms', requested: 10, delivered: 8, failed: 2 },
        statuses: { delivered: 8, 'temporary-failure': 2 },
      },
      {
        ...{ day: days[2], notification_type: 'email', requested: 1, delivered: 1, failed: 0 },
        statuses: { cancelled: 4, delivered: 1 },
      },
      {
        ...{ day: days[2], notification_type: 'sms', requested: 2, delivered: 2, failed: 0 },
        statuses: { delivered: 2 },
      },
    ]),
  );
});

test('what is not folded yet takes messages away, and a kind that has none left has no entry', () => {
  const entries = written([
    { ...sms, status: 'created', days: [0, 1, 1, 0], counts: [3, 2, -2, -1] },
    { ...sms, status: 'sending', days: [0, 1, 1], counts: [1, 7, -7] },
  ]);
  assert.deepEqual(
    entries?.map(({ day, statuses }) => ({ day, statuses })),
    [{ day: days[0], statuses: { created: 2, sending: 1 } }],
  );
});

test('templates have their names, keys their type, and kinds that share a type stay apart', () => {
  const ofTemplates = written([
    { ...sms, template_id: 'a', status: 'sent', days: [0], counts: [1] },
    { ...sms, template_id: 'b', status: 'sent', days: [0], counts: [2] },
  ]);
  const [first, second] = ofTemplates!;
  assert.deepEqual(Object.keys(first!).slice(0, 4), [
    'day',
    'notification_type',
    'template_id',
    'template_name',
  ]);
  assert.deepEqual([first!.template_name, second!.template_name], ['Tide a', 'Tide b']);
  assert.deepEqual([first!.requested, second!.requested], [1, 2]);
  const ofKeys = written([
    { ...sms, key_type: 'normal', status: 'sent', days: [1], counts: [1] },
    { ...sms, key_type: 'test', status: 'sent', days: [1], counts: [1] },
  ]);
  assert.deepEqual(
    ofKeys!.map(({ key_type }) => key_type),
    ['normal', 'test'],
  );
});

test('no more entries are made than are shown, and those without messages do not count', () => {
  const counts = [
    { ...sms, status: 'created', days: [0, 0], counts: [1, -1] },
    { ...sms, status: 'delivered', days: [1, 2], counts: [1, 1] },
  ];
  assert.equal(written(counts, 2)?.length, 2);
  assert.equal(written(counts, 1), null);
  assert.deepEqual(written([], 0), []);
});
