import type { Cache } from '../../database/cache.ts';
import { type Db, isUnreachable } from '../../database/connection.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { candidates, choose, drawOrder, othersLeft, type Strategy } from '../../provider/choice.ts';
import type { Circuits } from '../../provider/circuit/circuits.ts';
import type { ProviderState } from '../../provider/state.ts';
import { allProviders } from '../../provider/store.ts';
import { platformServiceId, type Service } from '../../tenant/service/service.ts';
import { type Composed, type Composer, composeMessage } from './message.ts';
import { type Candidate, type Claim, findCandidates, insertClaims, lapseAttempts } from './store.ts';

/** What may be done with a message now. */
export type Claimed = Readonly<
  | {
      kind: 'claimed';
      notification: Candidate;
      composed: Composed;
      claim: Claim;
      provider: ProviderState;
      /** It is the one message that tries a half-open provider. */
      isProbe: boolean;
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
  /** The provider has a rate: claim again with a call of it. */
  | { kind: 'rate limited'; provider: ProviderState }
  /** The circuits of all who could have it are open. `suspect`: the only one who could, since it may have it already. */
  | { kind: 'left alone'; suspect: string | null }
  | { kind: 'not composed'; error: unknown }
>;

/**
 * A message to claim; `refused` are the providers that have just refused it, `mayCall` is one with a rate that it may
 * call now.
 */
export type ClaimWish = Readonly<{ id: string; refused: readonly string[]; mayCall: string | null }>;

export type ClaimDeps = Composer &
  Readonly<{
    db: Db;
    clock: Clock;
    metrics: Metrics;
    services: Cache<Service | null>;
    providers: Cache<readonly ProviderState[]>;
    circuits: Pick<Circuits, 'takeProbes' | 'endProbe'>;
    /** How texts are shared out, and chance: from 0 up to, not including, 1. */
    smsStrategy: Strategy;
    draw: () => number;
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

type Claimable = Extract<Claimed, { kind: 'claimed' }>;

/** A message that may be handed over, and the providers that may have it, best first. */
type Sendable = Readonly<{
  kind: 'sendable';
  candidate: Candidate;
  service: Service;
  isResearch: boolean;
  order: readonly ProviderState[];
  suspect: string | null;
}>;

/**
 * Claims messages to send, many at a time. Guarantee: an attempt is written before a provider is called, its number
 * is unique, and a later attempt begins only when the one before has ended or its claim has run out; so no two
 * workers hand over the same message at once, however late a stalled one wakes up (DESIGN, section 5).
 */
export function createClaims(deps: ClaimDeps): Batcher<ClaimWish, Claimed> {
  const { db, clock, services, providers, circuits } = deps;

  async function check(
    { refused, mayCall }: ClaimWish,
    candidate: Candidate | undefined,
    available: readonly ProviderState[],
    now: number,
  ): Promise<Claimed | Sendable> {
    if (!candidate) return { kind: 'not found' };
    if (candidate.lastNumber !== null && candidate.lastOutcome === null) {
      const runsOut =
        candidate.lastStartedAt!.getTime() + deps.providerTimeoutSeconds * 1000 + claimMarginMilliseconds;
      if (runsOut > now) return { kind: 'held', seconds: Math.max(1, Math.ceil((runsOut - now) / 1000)) };
    }
    if (candidate.status !== 'created') return { kind: 'settled already', notification: candidate };
    const service = await services.get(candidate.serviceId);
    if (!service?.active) return { kind: 'inactive service', notification: candidate };
    // The platform's own messages go out whatever is set there: people must be able to sign in (spec 05, section 1.2).
    const isResearch =
      candidate.keyType === 'test' || (service.researchMode && service.id !== platformServiceId);
    const able = candidates(available, candidate).filter(({ identifier }) => !refused.includes(identifier));
    if (able.length === 0) return { kind: 'no provider', notification: candidate };
    const isDrawn = candidate.type === 'sms' && deps.smsStrategy === 'weighted';
    const order = isDrawn ? drawOrder(able, deps.draw) : able;
    // Nobody knows whether the last one has it: that one can tell by the reference, another would send it twice.
    const isUnknown = candidate.lastOutcome === 'unknown' || candidate.lastOutcome === null;
    const suspect = order.find(({ identifier }) => isUnknown && identifier === candidate.lastProvider);
    const called = order.find(({ identifier }) => identifier === mayCall);
    return {
      kind: 'sendable',
      candidate,
      service,
      isResearch,
      order: suspect
        ? [suspect]
        : called
          ? [called, ...order.filter((provider) => provider !== called)]
          : order,
      suspect: suspect?.identifier ?? null,
    };
  }

  /** The messages of a batch that try a half-open provider: the first that wants to, if none does already. */
  async function probing(
    checked: readonly (Claimed | Sendable)[],
    now: number,
  ): Promise<ReadonlySet<string>> {
    const wishes = new Map<string, string>();
    for (const one of checked) {
      if (one.kind !== 'sendable' || one.isResearch) continue;
      const { probe } = choose(one.order, now);
      if (probe && !wishes.has(probe.id)) wishes.set(probe.id, one.candidate.id);
    }
    if (wishes.size === 0) return new Set();
    return await circuits.takeProbes(
      [...wishes].map(([providerId, messageId]) => ({ providerId, messageId })),
    );
  }

  async function decide(
    one: Claimed | Sendable,
    { mayCall }: ClaimWish,
    probes: ReadonlySet<string>,
    now: number,
  ): Promise<Claimed> {
    if (one.kind !== 'sendable') return one;
    const { candidate, service, isResearch, order, suspect } = one;
    const choice = choose(order, now);
    const isProbe = choice.probe !== null && probes.has(candidate.id);
    // Whoever is not called is not left alone either.
    const provider = isResearch ? order[0]! : isProbe ? choice.probe : choice.provider;
    if (!provider) return { kind: 'left alone', suspect };
    // The one message that tries a provider does not wait: it would hold the others up.
    if (provider.rateLimit !== null && !isResearch && !isProbe && provider.identifier !== mayCall)
      return { kind: 'rate limited', provider };
    let composed: Composed;
    try {
      composed = await composeMessage(deps, { notification: candidate, service });
    } catch (error) {
      if (isProbe) circuits.endProbe(provider, candidate.id, null);
      return { kind: 'not composed', error };
    }
    const claim: Claim = {
      notificationId: candidate.id,
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
      provider,
      isProbe,
      isResearch,
      othersLeft: othersLeft(order, provider, now),
    };
  }

  function lost({ isProbe, provider, claim }: Claimable): Claimed {
    if (isProbe) circuits.endProbe(provider, claim.notificationId, null);
    return { kind: 'held', seconds: 1 };
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
      const now = clock.now();
      const checked = await Promise.all(
        wishes.map((wish) => check(wish, found.get(wish.id), available, now)),
      );
      const probes = await probing(checked, now);
      const decisions = await Promise.all(wishes.map((wish, i) => decide(checked[i]!, wish, probes, now)));
      // A receipt has settled what a worker left behind: its attempt is closed, as nobody else will.
      await lapseAttempts(
        deps,
        db,
        decisions.flatMap((decision) => (decision.kind === 'settled already' ? [decision.notification] : [])),
        new Date(now),
      );
      const claims = decisions.flatMap((decision) => (decision.kind === 'claimed' ? [decision.claim] : []));
      const won = claims.length > 0 ? await insertClaims(deps, db, claims) : new Set<string>();
      return decisions.map(
        (decision): Claimed =>
          decision.kind === 'claimed' && !won.has(decision.claim.notificationId) ? lost(decision) : decision,
      );
    },
  });
}
