import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { suite, test } from 'node:test';
import { exampleValue } from './example.ts';
import { canCancel, explain } from './explain.ts';
import { addressOf, apiQuery, filterOf, filterWords } from './filter.ts';
import type { TimelineEntry } from './message.ts';
import { isWhole, searchedFor } from './searched.ts';
import { happened, providerName, seconds, sinceFirst } from './timeline.ts';

const now = Date.parse('2026-03-02T12:00:00Z');
const zone = 'Europe/London';
const message = {
  ...({ notification_type: 'sms', reason: null, next_attempt_at: null, scheduled_for: null } as const),
  ...({ key_type: 'normal', completed_at: null } as const),
};
const attempt: TimelineEntry = { event: 'attempt', at: '2026-03-02T11:59:00Z', provider: 'mmg', number: 1 };

suite('a message in words', () => {
  const explained: readonly (readonly [
    status: string,
    more: object,
    entries: readonly TimelineEntry[],
    expected: RegExp,
  ])[] = [
    ['created', {}, [], /waiting to be handed.*nothing for you to do/],
    [
      'created',
      { scheduled_for: '2026-03-02T13:00:00Z' },
      [],
      /will be sent on 2 March 2026 at 13:00 GMT.*cancel/,
    ],
    [
      'created',
      { next_attempt_at: '2026-03-02T12:05:00Z' },
      [attempt],
      /after 1 try.*by itself.*Next try: 2 March 2026 at 12:05/,
    ],
    ['created', { next_attempt_at: '2026-03-02T12:05:00Z' }, [], /No provider can be called/],
    ['sending', {}, [attempt], /has not said yet.*To come: the provider’s report/],
    ['sent', {}, [], /country whose networks do not say/],
    [
      'delivered',
      {},
      [{ event: 'callback', at: '', callback_status: 'pending' }],
      /reports that it has arrived\..*callback/,
    ],
    ['delivered', { key_type: 'test' }, [], /as a test/],
    ['permanent-failure', { reason: 'It is gone.' }, [], /^It is gone\..*Correct the phone number/],
    ['permanent-failure', {}, [{ event: 'suppressed', at: '' }], /list of suppressed recipients/],
    ['validation-failed', {}, [], /Put right what the sentence says/],
    ['technical-failure', {}, [], /You can send it again/],
  ];
  for (const [status, more, entries, expected] of explained)
    test(`${status} ${JSON.stringify(more)} with ${entries.map(({ event }) => event)} is explained`, () => {
      const { sentence, next, step } = explain({ ...message, status, ...more }, entries, zone, now);
      assert.match([sentence, next, step].filter(Boolean).join(' '), expected);
    });

  test('only what is scheduled and not yet due can be cancelled', () => {
    const at = (scheduled_for: string | null, status = 'created') =>
      canCancel({ ...message, status, scheduled_for }, now);
    assert.deepEqual(
      [
        at('2026-03-02T12:00:01Z'),
        at('2026-03-02T12:00:00Z'),
        at(null),
        at('2026-03-02T13:00:00Z', 'cancelled'),
      ],
      [true, false, false, false],
    );
  });

  const entries: readonly (readonly [Partial<TimelineEntry>, text: string, own: string | null])[] = [
    [{ event: 'accepted', created_by_name: 'Rowan' }, 'Accepted, sent by Rowan', null],
    [{ ...attempt, outcome: 'accepted', duration_ms: 1300 }, 'Handed over to MMG (1.3 seconds)', null],
    [
      { ...attempt, number: 2, outcome: 'unknown', code: 'timeout' },
      'Try 2: MMG gave no answer: it may have the message or not',
      'timeout',
    ],
    [
      { event: 'receipt', provider: 'firetext', status: 'delivered', applied: true, provider_status: '0' },
      'Firetext reports: delivered',
      '0',
    ],
    [
      {
        event: 'receipt',
        provider: 'mmg',
        status: 'delivered',
        applied: false,
        ignored_because: 'it was final',
      },
      'MMG reports: delivered. This was ignored, because it was final',
      null,
    ],
    [
      { event: 'callback', callback_type: 'delivery_status', callback_status: 'failed' },
      'Your program could not be told of the outcome by a callback',
      null,
    ],
    [
      { event: 'callback attempt', outcome: 'retry', code: '503' },
      'Your program did not take the callback; it is tried again',
      '503',
    ],
  ];
  for (const [entry, text, own] of entries)
    test(`“${text}”`, () => {
      assert.deepEqual(happened({ at: '', ...entry } as TimelineEntry, 'sms'), { text, own });
    });

  test('durations and names of providers are as people write them', () => {
    assert.deepEqual([20, 999, 1000, 1340].map(seconds), [
      '20 milliseconds',
      '999 milliseconds',
      '1 second',
      '1.3 seconds',
    ]);
    assert.deepEqual([0, 340, 180_000, 10_800_000, 259_200_000].map(sinceFirst), [
      'at once',
      'after 0.3 seconds',
      'after 3 minutes',
      'after 3 hours',
      'after 3 days',
    ]);
    assert.deepEqual(['ses', 'sandbox'].map(providerName), ['SES', 'Sandbox']);
  });
});

suite('filters and searches in words', () => {
  test('a filter survives its address, and what is none is left out', () => {
    const text =
      '?type=sms&status=failed&sender=11111111-2222-3333-4444-555555555555&from=2026-03-01&until=2026-03-29';
    const filter = filterOf(new URLSearchParams(text));
    assert.equal(addressOf(filter), text);
    assert.equal(
      addressOf(filterOf(new URLSearchParams('type=fax&status=x&file=1&from=2026-13-01&key='))),
      '',
    );
    assert.deepEqual(filterWords(filter, new Map([['11111111-2222-3333-4444-555555555555', 'you']])), [
      ...['text messages', 'failed, for any reason', 'sent by you'],
      ...['from Sunday 1 March 2026', 'until Sunday 29 March 2026'],
    ]);
  });

  test('days are those of London, both included, also where clocks change', () => {
    const query = apiQuery(
      filterOf(new URLSearchParams('from=2026-03-28&until=2026-03-29&status=delivered')),
    );
    assert.deepEqual(
      [query.get('created_from'), query.get('created_before'), query.getAll('status')],
      ['2026-03-28T00:00:00.000Z', '2026-03-29T23:00:00.000Z', ['delivered', 'sent']],
    );
  });

  const terms: readonly (readonly [string, RegExp])[] = [
    ['+44 7700 900', /^phone numbers that begin with \+447700900,/],
    ['0123', /begin with 0123, also with 44 in place of a leading 0, or end with 0123/],
    ['@Quay.example', /^email addresses that end with @quay\.example$/],
    ['Order 7', /begin or end with order7, and this whole reference/],
    ['11111111-2222-3333-4444-555555555555', /^a message with this id/],
  ];
  for (const [term, expected] of terms)
    test(`“${term}” is searched as said`, () => assert.match(searchedFor(term), expected));

  test('a whole number, address or id is told from what can be a part of a reference', () => {
    const whole = ['07700 900123', '+33 6 12 34 56 78', 'rowan@quay.example', randomUUID()];
    const parts = [
      '900 123',
      '12345678',
      'CASE-7',
      '@quay.example',
      'rowan@quay',
      'a@b@c.d',
      'Order 1234567890',
    ];
    for (const term of whole) assert.equal(isWhole(` ${term} `), true, term);
    for (const term of parts) assert.equal(isWhole(term), false, term);
  });

  test('placeholders get values to try them out with', () => {
    const values = ['first name', 'Full name', 'last name', 'date', 'time', 'book title', 'thing'].map(
      (name) => exampleValue(name, { name: 'Rowan Hill' }, '2026-03-02'),
    );
    assert.deepEqual(values, [
      'Rowan',
      'Rowan Hill',
      'Hill',
      'Monday 9 March 2026',
      '10:30',
      'Sea Charts',
      'example of thing',
    ]);
  });
});
