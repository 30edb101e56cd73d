import { setImmediate } from 'node:timers/promises';
import type { TemplateCaches } from '../../content/template/store.ts';
import type { TemplateVersion } from '../../content/template/template.ts';
import type { Cache } from '../../database/cache.ts';
import { type Db, databaseErrors } from '../../database/connection.ts';
import type { SuppressionReason } from '../../database/tables.ts';
import { type Batcher, createBatcher } from '../../ground/batcher.ts';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { candidates, choose, drawOrder, othersLeft, type Strategy } from '../../provider/choice.ts';
import type { Circuits } from '../../provider/circuit/circuits.ts';
import type { Message } from '../../provider/contract.ts';
import type { ProviderState } from '../../provider/state.ts';
import { allProviders } from '../../provider/store.ts';
import { platformServiceId, type Service } from '../../tenant/service/service.ts';
import type { Sendable } from '../submission/store.ts';
import { stoppedBy } from '../suppression/suppression.ts';
import { type Composed, type Composer, compose, unsent } from './compose.ts';
import {
  type Candidate,
  findCandidates,
  firstCandidate,
  insertClaims,
  lapseAttempts,
  type NewAttempt,
} from './store.ts';

/** The right to hand a message to a provider once, within a short time. */
export type Claim = Readonly<{
  notification: Candidate;
  /** null: no provider gets it. */
  message: Message | null;
  /** The row in the database: while it has no outcome, no other worker may hand the message over. */
  attempt: NewAttempt;
  provider: ProviderState;
  /** The message is the probe of a half-open provider. */
  isProbe: boolean;
  /** No provider is called: a test key, or a service in research mode. */
  isResearch: boolean;
  /** How many providers can still be tried if this one refuses. */
  othersLeft: number;
}>;

/** Why a message cannot be handed over now. */
export type NotClaimed = Readonly<
  /** It is no longer `created`: nothing is left to do. */
  | { kind: 'settled already'; notification: Candidate }
  /** Another attempt may still be under way; look again after `seconds`. */
  | { kind: 'held'; seconds: number }
  /** Its last attempt never ended, and is closed as unknown: a receipt may still settle it. */
  | { kind: 'lapsed'; notification: Candidate }
  | { kind: 'not found' }
  | { kind: 'inactive service'; notification: Candidate }
  | { kind: 'suppressed'; reason: SuppressionReason }
  /** Its job was stopped. */
  | { kind: 'stopped' }
  /** Its job is paused. */
  | { kind: 'paused'; jobId: string }
  | { kind: 'no provider' }
  /**
   * The circuits of all eligible providers are open. `suspect`: the only eligible one, since it may already have the
   * message.
   */
  | { kind: 'circuits open'; suspect: string | null }
  | { kind: 'not composed'; error: unknown }
>;

export type ClaimResult =
  | Readonly<{ kind: 'claimed'; claim: Claim }>
  /** The provider has a rate limit: claim again once it permits a call. */
  | Readonly<{ kind: 'rate limited'; provider: ProviderState }>
  /** The batch was full before this message was composed: claim again, in the next one. */
  | Readonly<{ kind: 'deferred' }>
  /** It is large: claim again with what `composeLarge` returns. */
  | Readonly<{ kind: 'large'; notification: Candidate; service: Service }>
  | NotClaimed;

export type ClaimRequest = Readonly<{
  id: string;
  /** The message, if this process has just stored it; null: it is read. */
  known: Sendable | null;
  /** Providers that have just refused it. */
  refused: readonly string[];
  /** A rate-limited provider that this message may call now. */
  mayCall: string | null;
  /** A large message, composed before; null for any other. */
  composed: Composed | null;
}>;

export type ClaimDeps = Composer &
  Readonly<{
    db: Db;
    clock: Clock;
    metrics: Metrics;
    services: Cache<Service | null>;
    templates: TemplateCaches;
    providers: Cache<readonly ProviderState[]>;
    circuits: Pick<Circuits, 'takeProbes' | 'endProbe'>;
    smsStrategy: Strategy;
    /** A random number from 0 up to but not including 1. */
    draw: () => number;
    /** How long a provider may take to answer. */
    providerTimeoutSeconds: number;
  }>;

/**
 * A claim expires this long after the provider's time-out (spec 05, section 2.6). So the call must begin within this
 * time after the claim, or not at all: see `isStale`.
 */
const claimMarginMilliseconds = 5000;

/** Whether the claim is so old that a call could outlast it, when another worker may already hold the message. */
export function isStale({ attempt }: Claim, now: number): boolean {
  return now - attempt.startedAt.getTime() > claimMarginMilliseconds;
}

/** A message that may be handed over, and its eligible providers, best first. */
type Eligible = Readonly<{
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
 * unique, and a later attempt begins only when the one before has ended or its claim has expired; so no two workers
 * hand over the same message at once, however late a stalled one wakes up (docs/architecture.md, "Claim, attempt,
 * outcome").
 */
export function createClaims(deps: ClaimDeps): Batcher<ClaimRequest, ClaimResult> {
  const { db, clock, providers, circuits } = deps;
  deps.metrics.count('attempts.lapsed', 0);
  return createBatcher<ClaimRequest, ClaimResult>({
    onFlush: (items) => deps.metrics.batch('claim', items),
    paceMilliseconds: 15,
    ...databaseErrors,
    async flush(requests) {
      const unknown = requests.flatMap(({ id, known }) => (known ? [] : [id]));
      const [found, available] = await Promise.all([
        unknown.length > 0 ? findCandidates(deps, db, unknown, new Date(clock.now())) : new Map(),
        providers.get(allProviders),
      ]);
      const messages = requests.map(({ id, known }) => (known ? firstCandidate(known) : found.get(id)));
      const origins = await readOrigins(deps, messages);
      const now = clock.now();
      const checked = requests.map((request, index) =>
        check(deps, origins, request, messages[index], available, now),
      );
      const probes = await takeProbes(deps, checked, now);
      const composing = startComposing();
      const results: ClaimResult[] = [];
      for (const one of checked) {
        const result = one.kind === 'sendable' ? choosePath(deps, origins, one, probes, now, composing) : one;
        results.push(result instanceof Promise ? await result : result);
        if (composing.isLong()) await composing.pause();
      }
      // Composing takes time, and a claim begins once it is over: it limits how late the call may begin.
      const startedAt = new Date(clock.now());
      // A dead worker's attempt, whether or not a receipt has settled its message: nothing else would close it.
      const lapsed = results.flatMap((result) =>
        result.kind === 'settled already' || result.kind === 'lapsed' ? [result.notification] : [],
      );
      const closed = await lapseAttempts(deps, db, lapsed, new Date(now));
      if (closed > 0) deps.metrics.count('attempts.lapsed', closed);
      const claims = results.flatMap((result) =>
        result.kind === 'claimed' ? [{ ...result.claim.attempt, startedAt }] : [],
      );
      const won = claims.length > 0 ? await insertClaims(deps, db, claims) : new Set<string>();
      return results.map((result): ClaimResult => {
        if (result.kind !== 'claimed') return result;
        const { isProbe, provider, notification, attempt } = result.claim;
        if (won.has(notification.id))
          return { kind: 'claimed', claim: { ...result.claim, attempt: { ...attempt, startedAt } } };
        if (isProbe) circuits.endProbe(provider, notification.id, null);
        return { kind: 'held', seconds: 1 };
      });
    },
  });
}

/** A batch composes for this long, so that the messages composed first do not wait for all the others. */
const composingMilliseconds = 500;
/** UTF-16 units of composed text in a batch, which is held in memory until it is handed over. */
const composingLength = 8_000_000;

/** A batch lets everything else of the process have its turn after composing for this long. */
const pauseMilliseconds = 10;

/** How much a batch has composed; null: a message that could not be composed. */
type Composing = {
  isFull(): boolean;
  add(message: Message | null): void;
  /** It is time for a pause. */
  isLong(): boolean;
  pause(): Promise<void>;
};

function startComposing(): Composing {
  const elapsed = stopwatch();
  let pauseAt = pauseMilliseconds;
  let length = 0;
  let count = 0;
  return {
    // The first message is always composed, however large, so that every batch gets on.
    isFull: () => count > 0 && (length >= composingLength || elapsed() >= composingMilliseconds),
    isLong: () => elapsed() >= pauseAt,
    async pause() {
      await setImmediate();
      pauseAt = elapsed() + pauseMilliseconds;
    },
    add(message) {
      count += 1;
      if (message === null) return;
      length +=
        message.type === 'sms'
          ? message.body.length
          : message.subject.length + message.text.length + message.html.length;
    },
  };
}

/** The services and templates of a batch: read once for all of its messages, which then wait for nothing more. */
type Origins = Readonly<{
  service(message: Candidate): Service | null;
  /** null: there is none. Throws what its reading failed with. */
  template(message: Candidate): TemplateVersion | null;
}>;

async function readOrigins(
  { services, templates }: Pick<ClaimDeps, 'services' | 'templates'>,
  messages: readonly (Candidate | undefined)[],
): Promise<Origins> {
  const ofService = new Map<string, Service | null>();
  const ofTemplate = new Map<string, TemplateVersion | Failure | null>();
  const keyOf = ({ templateId, templateVersion }: Candidate) => `${templateId}/${templateVersion}`;
  const reads: Promise<unknown>[] = [];
  for (const message of messages) {
    if (!message) continue;
    const { serviceId, templateId, templateVersion } = message;
    if (!ofService.has(serviceId)) {
      ofService.set(serviceId, null);
      reads.push(services.get(serviceId).then((service) => ofService.set(serviceId, service)));
    }
    const key = keyOf(message);
    if (ofTemplate.has(key)) continue;
    ofTemplate.set(key, null);
    reads.push(
      templates.version(templateId, templateVersion).then(
        (template) => ofTemplate.set(key, template),
        // Only its own messages fail.
        (error: unknown) => ofTemplate.set(key, { error }),
      ),
    );
  }
  await Promise.all(reads);
  return {
    service: ({ serviceId }) => ofService.get(serviceId) ?? null,
    template(message) {
      const template = ofTemplate.get(keyOf(message)) ?? null;
      if (template && 'error' in template) throw template.error;
      return template;
    },
  };
}

type Failure = Readonly<{ error: unknown }>;

/** Whether the message may be handed over at all, and to which providers. */
function check(
  { providerTimeoutSeconds, smsStrategy, draw }: ClaimDeps,
  origins: Origins,
  request: ClaimRequest,
  candidate: Candidate | undefined,
  available: readonly ProviderState[],
  now: number,
): NotClaimed | Eligible {
  if (!candidate) return { kind: 'not found' };
  if (candidate.lastNumber !== null && candidate.lastOutcome === null) {
    const runsOut =
      candidate.lastStartedAt!.getTime() + providerTimeoutSeconds * 1000 + claimMarginMilliseconds;
    if (runsOut > now) return { kind: 'held', seconds: Math.max(1, Math.ceil((runsOut - now) / 1000)) };
  }
  if (candidate.status !== 'created') return { kind: 'settled already', notification: candidate };
  if (candidate.lastNumber !== null && candidate.lastOutcome === null)
    return { kind: 'lapsed', notification: candidate };
  // What a provider may have already is not held back: it goes on as if the job did.
  if (candidate.lastOutcome !== 'unknown') {
    if (candidate.jobStatus === 'cancelled') return { kind: 'stopped' };
    if (candidate.jobStatus === 'paused') return { kind: 'paused', jobId: candidate.jobId! };
  }
  const service = origins.service(candidate);
  if (!service?.active) return { kind: 'inactive service', notification: candidate };
  // The platform's own messages are always sent: people must be able to sign in (spec 05, section 1.2).
  const isResearch =
    candidate.keyType === 'test' || (service.researchMode && service.id !== platformServiceId);
  // Nobody gets research messages, so they do not depend on what live ones led to.
  if (!isResearch && candidate.suppressions.length > 0) {
    const template = origins.template(candidate);
    const reason = stoppedBy(candidate.suppressions, {
      hasUnsubscribeLink: candidate.unsubscribeUrl !== null || template?.hasUnsubscribeLink === true,
      isUrgent: template?.priority === true,
      suppressesFailed: service.permissions.has('suppress_failed_recipients'),
    });
    if (reason !== null) return { kind: 'suppressed', reason };
  }
  const able = candidates(available, candidate).filter(
    ({ identifier }) => !request.refused.includes(identifier),
  );
  if (able.length === 0) return { kind: 'no provider' };
  const order = candidate.type === 'sms' && smsStrategy === 'weighted' ? drawOrder(able, draw) : able;
  // The last provider may have the message. It recognises the reference; another provider would send it twice.
  const isUnknown = candidate.lastOutcome === 'unknown';
  const suspect = order.find(({ identifier }) => isUnknown && identifier === candidate.lastProvider);
  const called = order.find(({ identifier }) => identifier === request.mayCall);
  const first = suspect ? [suspect] : called ? [called, ...order.filter((one) => one !== called)] : order;
  const sendable = { kind: 'sendable', request, candidate, service, isResearch } as const;
  return { ...sendable, order: first, suspect: suspect?.identifier ?? null };
}

/**
 * Chooses the probes in a batch: for each half-open provider its first message, unless a probe is already under way.
 */
async function takeProbes(
  { circuits }: ClaimDeps,
  checked: readonly (NotClaimed | Eligible)[],
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

/** Chooses the message's provider and composes the message, or says why it cannot be claimed now. */
function choosePath(
  deps: ClaimDeps,
  origins: Origins,
  { request, candidate, service, isResearch, order, suspect }: Eligible,
  probes: ReadonlySet<string>,
  now: number,
  composing: Composing,
): ClaimResult | Promise<ClaimResult> {
  const choice = choose(order, now);
  const isProbe = choice.probe !== null && probes.has(candidate.id);
  // Research calls no provider, so circuits do not matter.
  const provider = isResearch ? order[0]! : isProbe ? choice.probe : choice.provider;
  if (!provider) return { kind: 'circuits open', suspect };
  // A probe does not wait for the rate limit: that would delay all other messages.
  if (provider.rateLimit !== null && !isResearch && !isProbe && provider.identifier !== request.mayCall)
    return { kind: 'rate limited', provider };
  // A probe does not wait either: all other messages wait for it.
  if (composing.isFull() && !isProbe) return { kind: 'deferred' };
  const notComposed = (error: unknown): ClaimResult => {
    composing.add(null);
    if (isProbe) deps.circuits.endProbe(provider, candidate.id, null);
    return { kind: 'not composed', error };
  };
  const claimWith = (composed: Composed | null): ClaimResult => {
    if (!composed) {
      if (isProbe) deps.circuits.endProbe(provider, candidate.id, null);
      return { kind: 'large', notification: candidate, service };
    }
    composing.add(composed.message);
    const attempt: NewAttempt = {
      notificationId: candidate.id,
      number: (candidate.lastNumber ?? 0) + 1,
      provider: provider.identifier,
      startedAt: new Date(now),
      billableUnits: composed.billableUnits,
    };
    const claim: Claim = {
      ...{ notification: candidate, message: composed.message, attempt, provider, isProbe, isResearch },
      othersLeft: othersLeft(order, provider, now),
    };
    return { kind: 'claimed', claim };
  };
  try {
    const composed = isResearch
      ? unsent
      : (request.composed ?? compose(deps, origins.template(candidate), candidate, service));
    return composed instanceof Promise ? composed.then(claimWith, notComposed) : claimWith(composed);
  } catch (error) {
    return notComposed(error);
  }
}
