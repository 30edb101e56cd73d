import { type Batcher, createBatcher } from '../batcher.ts';
import type { Clock } from '../clock.ts';
import type { Cache } from '../database/cache.ts';
import { type Db, isUnreachable } from '../database/connection.ts';
import type { Metrics } from '../metrics.ts';
import { candidates } from '../provider/choice.ts';
import type { ProviderDetails } from '../provider/contract.ts';
import { allProviders } from '../provider/store.ts';
import { platformServiceId, type Service } from '../service/service.ts';
import { type Composed, type Composer, composeMessage } from './message.ts';
import { type Candidate, type Claim, findCandidates, insertClaims, lapseAttempts } from './store.ts';

/** What may be done with a message now. */
export type Claimed = Readonly<
  | {
      kind: 'claimed';
      notification: Candidate;
      composed: Composed;
      claim: Claim;
      /** No provider is called: a test key, or a service in research mode. */
      isResearch: boolean;
      /** How many providers may still be asked when this one refuses. */
      othersLeft: number;
    }
  /** It is not `created` any more: nothing is left to do. */
  | { kind: 'settled already'; notification: Candidate }
  /** Another attempt may still be under way; look again after `seconds`. */
  | { kind: 'held'; seconds: number }
  | { kind: 'not found' }
  | { kind: 'inactive service'; notification: Candidate }
  | { kind: 'no provider'; notification: Candidate }
  | { kind: 'not composed'; error: unknown }
>;

/** A message to claim; `refused` are the providers that have just refused it. */
export type ClaimWish = Readonly<{ id: string; refused: readonly string[] }>;

export type ClaimDeps = Composer &
  Readonly<{
    db: Db;
    clock: Clock;
    metrics: Metrics;
    services: Cache<Service | null>;
    providers: Cache<readonly ProviderDetails[]>;
    /** How long a provider may take to answer. */
    providerTimeoutSeconds: number;
  }>;

/**
 * A claim runs out this long after the provider's time (spec 05, section 2.6). So the call must begin within this time
 * of the claim, or not at all: see `isStale`.
 */
const claimMarginMilliseconds = 5000;

/** True when so much time has passed since the claim that the call could outlast it: another worker may hold the message then. */
export function isStale(claim: Claim, now: number): boolean {
  return now - claim.startedAt.getTime() > claimMarginMilliseconds;
}

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
  ): Promise<Claimed> {
    if (!candidate) return { kind: 'not found' };
    const now = clock.now();
    if (candidate.lastNumber !== null && candidate.lastOutcome === null) {
      const runsOut =
        candidate.lastStartedAt!.getTime() + deps.providerTimeoutSeconds * 1000 + claimMarginMilliseconds;
      if (runsOut > now) return { kind: 'held', seconds: Math.max(1, Math.ceil((runsOut - now) / 1000)) };
    }
    if (candidate.status !== 'created') return { kind: 'settled already', notification: candidate };
    const service = await services.get(candidate.serviceId);
    if (!service?.active) return { kind: 'inactive service', notification: candidate };
    const [provider, ...others] = candidates(available, candidate).filter(
      ({ identifier }) => !refused.includes(identifier),
    );
    if (!provider) return { kind: 'no provider', notification: candidate };
    let composed: Composed;
    try {
      composed = await composeMessage(deps, { notification: candidate, service });
    } catch (error) {
      return { kind: 'not composed', error };
    }
    // The platform's own messages go out whatever is set there: people must be able to sign in (spec 05, section 1.2).
    const isResearch =
      candidate.keyType === 'test' || (service.researchMode && service.id !== platformServiceId);
    const claim: Claim = {
      notificationId: id,
      number: (candidate.lastNumber ?? 0) + 1,
      provider: provider.identifier,
      startedAt: new Date(now),
      billableUnits: isResearch ? 0 : composed.billableUnits,
    };
    return {
      kind: 'claimed',
      notification: candidate,
      composed,
      claim,
      isResearch,
      othersLeft: others.length,
    };
  }

  return createBatcher<ClaimWish, Claimed>({
    paceMilliseconds: 15,
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
      // A receipt has settled what a worker left behind: its attempt is closed, as nobody else will.
      await lapseAttempts(
        deps,
        db,
        decisions.flatMap((decision) => (decision.kind === 'settled already' ? [decision.notification] : [])),
        new Date(clock.now()),
      );
      const claims = decisions.flatMap((decision) => (decision.kind === 'claimed' ? [decision.claim] : []));
      const won = claims.length > 0 ? await insertClaims(deps, db, claims) : new Set<string>();
      return decisions.map(
        (decision): Claimed =>
          decision.kind === 'claimed' && !won.has(decision.claim.notificationId)
            ? { kind: 'held', seconds: 1 }
            : decision,
      );
    },
  });
}
