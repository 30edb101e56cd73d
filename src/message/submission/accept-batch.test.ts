import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { freshDatabase } from '../../../test/support/database.ts';
import { type Connection, connect, writeConnections } from '../../database/connection.ts';
import { migrate } from '../../database/migrate.ts';
import { ensurePartitions } from '../../database/partitions.ts';
import type { KeyType, NotificationType } from '../../database/tables.ts';
import { dayOf, systemClock } from '../../ground/clock.ts';
import { createIdSource } from '../../ground/id.ts';
import { createLog } from '../../ground/log.ts';
import { deliverQueuesOf, priorities } from '../delivery/queue.ts';
import { type AcceptVerdict, acceptBatch, type Submission } from './accept-batch.ts';

const log = createLog('silent');
const newId = createIdSource(systemClock);
let database: Awaited<ReturnType<typeof freshDatabase>>;
let connection: Connection;

before(async () => {
  database = await freshDatabase();
  connection = connect(database.url, 2, log, writeConnections);
  await migrate(connection.db, log);
  await ensurePartitions(connection.db, systemClock.now(), systemClock.now());
});
after(async () => {
  await connection.close();
  await database.drop();
});

/** The limits of a service: its rate by key type, and what it may send of each type in a day. */
type Limits = Readonly<{
  rates: Readonly<Record<KeyType, number>>;
  daily: Readonly<Record<NotificationType, number>>;
  abroad: number;
}>;

/** A request of a service. `keyType` null: a person sends without a key. */
type Request = Readonly<{
  serviceId: string;
  limits: Limits;
  keyType: KeyType | null;
  type: NotificationType;
  isAbroad: boolean;
  isSimulated: boolean;
}>;

function submissionOf({ serviceId, limits, keyType, type, isAbroad, isSimulated }: Request): Submission {
  const counts = keyType !== 'test';
  return {
    serviceId,
    keyType: keyType ?? 'normal',
    rateLimit: keyType === null ? null : limits.rates[keyType],
    dailyLimit: counts ? limits.daily[type] : null,
    internationalLimit: counts && isAbroad ? limits.abroad : null,
    idempotency: null,
    message: isSimulated
      ? null
      : {
          ...{ id: newId(), serviceId, type, templateId: randomUUID(), templateVersion: 1 },
          ...{ jobId: null, jobRowNumber: null, apiKeyId: null, keyType: keyType ?? 'normal' },
          ...{ createdAt: new Date(systemClock.now()), clientReference: null, scheduledFor: null },
          ...{ international: isAbroad, phonePrefix: '44', rateMultiplier: 1 },
          ...{ recipient: '07700900123', normalisedRecipient: '447700900123' },
          ...{ personalisation: Buffer.from('sealed'), replyToText: null, unsubscribeUrl: null },
          ...{ queue: deliverQueuesOf(type).main, priority: priorities.api, requestId: null },
          createdBy: keyType === null ? randomUUID() : null,
        },
  };
}

/** What spec 01, section 4 says of the requests one after the other, all of them at one moment and on a new day. */
function expected(requests: readonly Request[]): AcceptVerdict[] {
  const taken = new Map<string, number>();
  const take = (name: string, limit: number) => {
    const count = taken.get(name) ?? 0;
    if (count >= limit) return false;
    taken.set(name, count + 1);
    return true;
  };
  return requests.map(({ serviceId, limits, keyType, type, isAbroad, isSimulated }) => {
    const burst = keyType === null ? 0 : Math.ceil(limits.rates[keyType] / 3);
    if (keyType !== null && !take(`${serviceId} ${keyType}`, burst)) return 'rate';
    if (isSimulated) return 'counted';
    if (keyType === 'test') return 'accepted';
    if (isAbroad && !take(`${serviceId} abroad`, limits.abroad)) return 'international';
    return take(`${serviceId} ${type}`, limits.daily[type]) ? 'accepted' : 'daily';
  });
}

/** Few of a service's requests fit its limits. */
const someService: fc.Arbitrary<Pick<Request, 'serviceId' | 'limits'>> = fc
  .record({
    rates: fc.record({ normal: fc.nat(40), team: fc.nat(20), test: fc.nat(20) }),
    daily: fc.record({ sms: fc.nat(30), email: fc.nat(30) }),
    abroad: fc.nat(6),
  })
  .map(({ rates: { normal, team, test }, ...limits }) => ({
    serviceId: randomUUID(),
    limits: { ...limits, rates: { normal: 3 * normal, team: 3 * team, test: 3 * test } },
  }));

function someBatch(keyTypes: readonly (KeyType | null)[], isAbroad: boolean): fc.Arbitrary<Request[]> {
  const one = fc.record({
    service: fc.nat(2),
    keyType: fc.constantFrom(...keyTypes),
    type: fc.constantFrom<NotificationType>('sms', 'sms', 'email'),
    isAbroad: isAbroad ? fc.boolean() : fc.constant(false),
    isSimulated: fc.nat(7).map((number) => number === 0),
  });
  return fc
    .tuple(
      fc.array(someService, { minLength: 3, maxLength: 3 }),
      fc.array(one, { minLength: 1, maxLength: 100, size: 'max' }),
    )
    .map(([services, requests]) =>
      requests.map(({ service, ...request }) => ({
        ...request,
        ...services[service]!,
        isAbroad: request.isAbroad && request.type === 'sms',
      })),
    );
}

/** What is in a batch decides which statement takes it. */
for (const [name, { keyTypes, isAbroad }] of Object.entries({
  'one key type': { keyTypes: ['normal'], isAbroad: false },
  'several key types': { keyTypes: ['normal', 'team', 'test'], isAbroad: false },
  'messages without a key': { keyTypes: ['normal', null], isAbroad: false },
  'texts abroad': { keyTypes: ['normal', 'team'], isAbroad: true },
  'all of them': { keyTypes: ['normal', 'team', 'test', null], isAbroad: true },
} as const satisfies Record<string, { keyTypes: readonly (KeyType | null)[]; isAbroad: boolean }>))
  test(`each request of a batch gets the verdict that it would get one by one: ${name}`, async () => {
    const seen = new Set<AcceptVerdict>();
    await fc.assert(
      fc.asyncProperty(someBatch(keyTypes, isAbroad), async (requests) => {
        await connection.pool.query('delete from rate_buckets');
        await connection.pool.query('delete from daily_counts');
        const now = new Date(systemClock.now());
        const results = await acceptBatch(connection.pool, requests.map(submissionOf), {
          ...{ behind: requests.map(() => 0), now, day: dayOf(now.getTime()) },
        });
        const wanted = expected(requests);
        assert.deepEqual(
          results.map(({ verdict }) => verdict),
          wanted,
        );
        for (const verdict of wanted) seen.add(verdict);
      }),
      { numRuns: 40 },
    );
    assert.deepEqual(
      seen,
      new Set(['accepted', 'counted', 'rate', 'daily', ...(isAbroad ? ['international'] : [])]),
    );
  });
