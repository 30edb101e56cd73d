import { type Batcher, createBatcher } from '../batcher.ts';
import type { Clock } from '../clock.ts';
import type { Cache } from '../database/cache.ts';
import { type Db, isUnreachable } from '../database/connection.ts';
import type { Metrics } from '../metrics.ts';
import { candidates } from '../provider/choice.ts';
import type { ProviderDetails } from '../provider/contract.ts';
import { allProviders } from '../provider/store.ts';
import type { Service } from '../service/service.ts';
import { type Candidate, type Claim, findCandidates, insertClaims } from './store.ts';

/** What may be done with a message now. */
export type Claimed = Readonly<
  | {
      kind: 'claimed';
      notification: Candidate;
      service: Service;
      number: number;
      provider: ProviderDetails;
      othersLeft: number;
    }
  /** It is not `created` any more: nothing is left to do. */
  | { kind: 'settled already'; status: string }
  /** Another attempt may still be under way; look again after `seconds`. */
  | { kind: 'held'; seconds: number }
  | { kind: 'not found' }
  | { kind: 'inactive service'; notification: Candidate }
  | { kind: 'no provider'; notification: Candidate }
>;

/** A message to claim; `refused` are the providers that have just refused it. */
export type ClaimWish = Readonly<{ id: string; refused: readonly string[] }>;

export type ClaimDeps = Readonly<{
  db: Db;
  clock: Clock;
  metrics: Metrics;
  services: Cache<Service | null>;
  providers: Cache<readonly ProviderDetails[]>;
  /** How long a provider may take to answer; a claim runs out 5 seconds later (spec 05, section 2.6). */
  providerTimeoutSeconds: number;
}>;

type Decision =
  | Exclude<Claimed, { kind: 'claimed' }>
  | Readonly<{ kind: 'claim'; claim: Claim; claimed: Extract<Claimed, { kind: 'claimed' }> }>;

const claimMarginSeconds = 5;

/**
 * Claims messages to send, many at a time. Guarantee: an attempt is written before a provider is called, its number
 * is unique, and a later attempt begins only when the one before has ended or its claim has run out; so no two
 * workers hand over the same message at once, however late a stalled one wakes up (DESIGN, section 5).
 */
export function createClaims(deps: ClaimDeps): Batcher<ClaimWish, Claimed> {
  const { db, clock, services, providers } = deps;

  async function decide(
    { id, refused }: ClaimWish,
    candidate: Candidate | undefined,
    available: readonly ProviderDetails[],
  ): Promise<Decision> {
    if (!candidate) return { kind: 'not found' };
    if (candidate.status !== 'created') return { kind: 'settled already', status: candidate.status };
    const service = await services.get(candidate.serviceId);
    if (!service?.active) return { kind: 'inactive service', notification: candidate };
    const now = clock.now();
    if (candidate.lastNumber !== null && candidate.lastOutcome === null) {
      const runsOut =
        candidate.lastStartedAt!.getTime() + (deps.providerTimeoutSeconds + claimMarginSeconds) * 1000;
      if (runsOut > now) return { kind: 'held', seconds: Math.max(1, Math.ceil((runsOut - now) / 1000)) };
    }
    const [provider, ...others] = candidates(available, candidate).filter(
      ({ identifier }) => !refused.includes(identifier),
    );
    if (!provider) return { kind: 'no provider', notification: candidate };
    const number = (candidate.lastNumber ?? 0) + 1;
    return {
      kind: 'claim',
      claim: { notificationId: id, number, provider: provider.identifier, startedAt: new Date(now) },
      claimed: {
        kind: 'claimed',
        notification: candidate,
        service,
        number,
        provider,
        othersLeft: others.length,
      },
    };
  }

  return createBatcher<ClaimWish, Claimed>({
    concurrency: 2,
    isShared: isUnreachable,
    async flush(wishes) {
      const [found, available] = await Promise.all([
        findCandidates(
          deps,
          db,
          wishes.map(({ id }) => id),
        ),
        providers.get(allProviders),
      ]);
      const decisions = await Promise.all(wishes.map((wish) => decide(wish, found.get(wish.id), available)));
      const claims = decisions.flatMap((decision) => (decision.kind === 'claim' ? [decision.claim] : []));
      const won = claims.length > 0 ? await insertClaims(deps, db, claims) : new Set<string>();
      return decisions.map((decision): Claimed => {
        if (decision.kind !== 'claim') return decision;
        return won.has(decision.claim.notificationId) ? decision.claimed : { kind: 'held', seconds: 1 };
      });
    },
  });
}
