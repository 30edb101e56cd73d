import type { Cache } from '../../database/cache.ts';
import { type Db, databaseErrors } from '../../database/connection.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { candidates, choose, drawOrder, othersLeft, type Strategy } from '../../provider/choice.ts';
import type { Circuits } from '../../provider/circuit/circuit.ts';
import type { Message } from '../../provider/contract.ts';
import type { ProviderState } from '../../provider/state.ts';
import { allProviders } from '../../provider/store.ts';
import { platformServiceId, type Service } from '../../tenant/service/service.ts';
import { type Composer, composeMessage } from './compose.ts';
import { type Candidate, findCandidates, insertClaims, lapseAttempts, type NewAttempt } from './store.ts';

/** The right to hand a message to a provider once, soon. */
export type Claim = Readonly<{
  notification: Candidate;
  message: Message;
  /** As it stands in the database: while it has no end, nobody else may hand the message over. */
  attempt: NewAttempt;
  provider: ProviderState;
  /** It is the one message that tries a half-open provider. */
  isProbe: boolean;
  /** No provider is called: a test key, or a service in research mode. */
  isResearch: boolean;
  /** How many providers may still be asked if this one refuses. */
  othersLeft: number;
}>;

/** Why a message cannot be handed over now. */
export type NotClaimed = Readonly<
  /** It is not `created` any more: nothing is left to do. */
  | { kind: 'settled already'; notification: Candidate }
  /** Another attempt may still be under way; look again after `seconds`. */
  | { kind: 'held'; seconds: number }
  | { kind: 'not found' }
  | { kind: 'inactive service'; notification: Candidate }
  | { kind: 'no provider' }
  /** The circuits of all providers that may have it are open. `suspect`: the only one, since it may have it already. */
  | { kind: 'circuits open'; suspect: string | null }
  | { kind: 'not composed'; error: unknown }
>;

export type ClaimResult =
  | Readonly<{ kind: 'claimed'; claim: Claim }>
  /** The provider has a rate limit: claim again once a call of it is free. */
  | Readonly<{ kind: 'rate limited'; provider: ProviderState }>
  | NotClaimed;

export type ClaimRequest = Readonly<{
  id: string;
  /** Providers that have just refused it. */
  refused: readonly string[];
  /** A provider with a rate limit that this message may call now. */
  mayCall: string | null;
}>;

export type ClaimDeps = Composer &
  Readonly<{
    db: Db;
    clock: Clock;
    metrics: Metrics;
    services: Cache<Service | null>;
    providers: Cache<readonly ProviderState[]>;
    circuits: Pick<Circuits, 'takeProbes' | 'endProbe'>;
    smsStrategy: Strategy;
    /** Chance, from 0 up to but not including 1. */
    draw: () => number;
    /** How long a provider may take to answer. */
    providerTimeoutSeconds: number;
  }>;

/**
 * A claim runs out this long after the provider's time-out (spec 05, section 2.6). So the call must begin within this
 * time of the claim, or not at all: see `isStale`.
 */
const claimMarginMilliseconds = 5000;

/** Whether so much time has passed since the claim that a call could outlast it: another worker may then hold it. */
export function isStale({ attempt }: Claim, now: number): boolean {
  return now - attempt.startedAt.getTime() > claimMarginMilliseconds;
}

/** A message that may be handed over, and the providers that may have it, best first. */
type Sendable = Readonly<{
  kind: 'sendable';
  request: ClaimRequest;
  candidate: Candidate;
  service: Service;
  isResearch: boolean;
  order: readonly ProviderState[];
  suspect: string | null;
}>;

/**
 * Claims messages to send, many at a time. Guarantee: an attempt is written before a provider is called, its number is
 * unique, and a later attempt begins only when the one before has ended or its claim has run out; so no two workers
 * hand over the same message at once, however late a stalled one wakes up (docs/architecture.md, "Claim, attempt,
 * outcome").
 */
export function createClaims(deps: ClaimDeps): Batcher<ClaimRequest, ClaimResult> {
  const { db, clock, providers, circuits } = deps;
  return createBatcher<ClaimRequest, ClaimResult>({
    paceMilliseconds: 15,
    ...databaseErrors,
    async flush(requests) {
      const ids = requests.map(({ id }) => id);
      const [found, available] = await Promise.all([
        findCandidates(deps, db, ids),
        providers.get(allProviders),
      ]);
      const now = clock.now();
      const checked = await Promise.all(
        requests.map((request) => check(deps, request, found.get(request.id), available, now)),
      );
      const probes = await takeProbes(deps, checked, now);
      const results = await Promise.all(
        checked.map((one) => (one.kind === 'sendable' ? choosePath(deps, one, probes, now) : one)),
      );
      // A receipt has settled what a worker left behind: nobody else will close its attempt.
      await lapseAttempts(
        deps,
        db,
        results.flatMap((result) => (result.kind === 'settled already' ? [result.notification] : [])),
        new Date(now),
      );
      const claims = results.flatMap((result) => (result.kind === 'claimed' ? [result.claim.attempt] : []));
      const won = claims.length > 0 ? await insertClaims(deps, db, claims) : new Set<string>();
      return results.map((result): ClaimResult => {
        if (result.kind !== 'claimed' || won.has(result.claim.notification.id)) return result;
        const { isProbe, provider, notification } = result.claim;
        if (isProbe) circuits.endProbe(provider, notification.id, null);
        return { kind: 'held', seconds: 1 };
      });
    },
  });
}

/** Whether the message may be handed over at all, and who may have it. */
async function check(
  { services, providerTimeoutSeconds, smsStrategy, draw }: ClaimDeps,
  request: ClaimRequest,
  candidate: Candidate | undefined,
  available: readonly ProviderState[],
  now: number,
): Promise<NotClaimed | Sendable> {
  if (!candidate) return { kind: 'not found' };
  if (candidate.lastNumber !== null && candidate.lastOutcome === null) {
    const runsOut =
      candidate.lastStartedAt!.getTime() + providerTimeoutSeconds * 1000 + claimMarginMilliseconds;
    if (runsOut > now) return { kind: 'held', seconds: Math.max(1, Math.ceil((runsOut - now) / 1000)) };
  }
  if (candidate.status !== 'created') return { kind: 'settled already', notification: candidate };
  const service = await services.get(candidate.serviceId);
  if (!service?.active) return { kind: 'inactive service', notification: candidate };
  // The platform's own messages are always sent: people must be able to sign in (spec 05, section 1.2).
  const isResearch =
    candidate.keyType === 'test' || (service.researchMode && service.id !== platformServiceId);
  const able = candidates(available, candidate).filter(
    ({ identifier }) => !request.refused.includes(identifier),
  );
  if (able.length === 0) return { kind: 'no provider' };
  const order = candidate.type === 'sms' && smsStrategy === 'weighted' ? drawOrder(able, draw) : able;
  // Nobody knows whether the last provider has it: it can tell by the reference, another would send it twice.
  const isUnknown = candidate.lastOutcome === 'unknown' || candidate.lastOutcome === null;
  const suspect = order.find(({ identifier }) => isUnknown && identifier === candidate.lastProvider);
  const called = order.find(({ identifier }) => identifier === request.mayCall);
  const first = suspect ? [suspect] : called ? [called, ...order.filter((one) => one !== called)] : order;
  const sendable = { kind: 'sendable', request, candidate, service, isResearch } as const;
  return { ...sendable, order: first, suspect: suspect?.identifier ?? null };
}

/** The messages of a batch that try a half-open provider: for each, the first that would, unless one does already. */
async function takeProbes(
  { circuits }: ClaimDeps,
  checked: readonly (NotClaimed | Sendable)[],
  now: number,
): Promise<ReadonlySet<string>> {
  const wishes = new Map<string, string>();
  for (const one of checked) {
    if (one.kind !== 'sendable' || one.isResearch) continue;
    const { probe } = choose(one.order, now);
    if (probe && !wishes.has(probe.id)) wishes.set(probe.id, one.candidate.id);
  }
  if (wishes.size === 0) return new Set();
  return await circuits.takeProbes([...wishes].map(([providerId, messageId]) => ({ providerId, messageId })));
}

/** The provider that the message goes to now, if there is one, and the message as that provider gets it. */
async function choosePath(
  deps: ClaimDeps,
  { request, candidate, service, isResearch, order, suspect }: Sendable,
  probes: ReadonlySet<string>,
  now: number,
): Promise<ClaimResult> {
  const choice = choose(order, now);
  const isProbe = choice.probe !== null && probes.has(candidate.id);
  // Nobody is called for research, so no circuit counts.
  const provider = isResearch ? order[0]! : isProbe ? choice.probe : choice.provider;
  if (!provider) return { kind: 'circuits open', suspect };
  // A probe does not wait for the rate: it would hold up all others.
  if (provider.rateLimit !== null && !isResearch && !isProbe && provider.identifier !== request.mayCall)
    return { kind: 'rate limited', provider };
  let composed: Awaited<ReturnType<typeof composeMessage>>;
  try {
    composed = await composeMessage(deps, candidate, service);
  } catch (error) {
    if (isProbe) deps.circuits.endProbe(provider, candidate.id, null);
    return { kind: 'not composed', error };
  }
  const attempt: NewAttempt = {
    notificationId: candidate.id,
    number: (candidate.lastNumber ?? 0) + 1,
    provider: provider.identifier,
    startedAt: new Date(now),
    billableUnits: isResearch ? 0 : composed.billableUnits,
  };
  const claim: Claim = {
    ...{ notification: candidate, message: composed.message, attempt, provider, isProbe, isResearch },
    othersLeft: othersLeft(order, provider, now),
  };
  return { kind: 'claimed', claim };
}
