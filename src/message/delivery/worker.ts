import { randomUUID } from 'node:crypto';
import pLimit, { type LimitFunction } from 'p-limit';
import { simulatedEmailOutcome, simulatedSmsOutcome } from '../../content/recipient/simulator.ts';
import { isUnreachable } from '../../database/connection.ts';
import type { GivenUpReason, NotificationType } from '../../database/tables.ts';
import type { Batcher } from '../../ground/batcher.ts';
import { type Clock, isoTime, stopwatch } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import type { Metrics } from '../../ground/metrics.ts';
import { Problem } from '../../ground/problem.ts';
import type { Span, Traces } from '../../ground/traces.ts';
import type { Circuits } from '../../provider/circuit/circuits.ts';
import type { Provider, RecipientVerdict, SendResult } from '../../provider/contract.ts';
import type { RateLimits } from '../../provider/rate-limit/rate-limit.ts';
import type { ProviderState } from '../../provider/state.ts';
import type { Task, Verdict } from '../../queue/consume.ts';
import type { Settlement } from '../../queue/tasks.ts';
import type { Service } from '../../tenant/service/service.ts';
import type { StatusEvent } from '../status/status.ts';
import type { Sendable } from '../submission/store.ts';
import { type Claim, type ClaimRequest, type ClaimResult, isStale, type NotClaimed } from './claim.ts';
import type { Composed } from './compose.ts';
import { type DeliverPayload, notifyInternal } from './queue.ts';
import { createMeasures, type DeliveryRecord, type Measures, type Recorder } from './record.ts';
import { describeResult, nextStep, type RetryPolicy } from './retry-policy.ts';
import type { AttemptEnd, Candidate } from './store.ts';

export type DeliverDeps = Readonly<{
  clock: Clock;
  log: Log;
  metrics: Metrics;
  /** The provider clients of this process, by identifier. */
  clients: ReadonlyMap<string, Provider>;
  circuits: Pick<Circuits, 'record' | 'endProbe'>;
  rateLimits: Pick<RateLimits, 'wait'>;
  claims: Batcher<ClaimRequest, ClaimResult>;
  composeLarge(notification: Candidate, service: Service): Promise<Composed>;
  recorder: Recorder;
  retries: RetryPolicy;
  traces: Traces | null;
}>;

type Delivering = DeliverDeps & Readonly<{ measures: Measures }>;
type DeliverTask = Task<DeliverPayload>;

/**
 * Why a message is retried. `waitsFor`: what can make the retry due early; null if nothing can. `why`: what its timeline
 * says if it has no try left; null if its last attempt says it.
 */
type RetryReason = Readonly<{
  error: unknown;
  isDefinite: boolean;
  waitsFor: NotificationType | null;
  why: GivenUpReason | null;
}>;

/** Message types as log lines write them (spec 05, sections 2.4 and 3.1). */
const written = { sms: { start: 'SMS', sent: 'SMS' }, email: { start: 'EMAIL', sent: 'Email' } } as const;

/** Large messages that a process composes and hands over at once: each takes tens of megabytes until it is gone. */
const mostLarge = 2;

/** A message of a paused job looks so often whether the job goes on. */
const pausedSeconds = 300;

const nothing: DeliveryRecord = { attempt: null, move: null, simulatedReceipts: null, settled: null };

/**
 * The `deliver_sms` and `deliver_email` tasks (spec 05, sections 2.3 and 3). At least once: a message in status
 * `created` is claimed, handed to a provider with no transaction open, and the outcome is recorded together with the
 * end of the task. A definite refusal goes on to the next provider at once; any other temporary failure is retried by
 * the retry policy, by default 48 times 5 minutes apart, and finally becomes `technical-failure`. A provider that
 * refuses the recipient decides the status at once.
 */
export function createDeliver(given: DeliverDeps): (task: DeliverTask) => Promise<Verdict> {
  const deps = { ...given, measures: createMeasures(given.metrics) };
  deps.metrics.count('attempts.stalled', 0);
  const apart = pLimit(mostLarge);
  const work = async (task: DeliverTask): Promise<Verdict> => {
    try {
      return await deps.metrics.timed(
        'tasks',
        `deliver_${task.payload.type}`,
        () => deliver(deps, task, apart),
        // One that is tried again is not counted (spec 06, section 4.3).
        (verdict) => (verdict === 'settled' || verdict === 'done' ? 1 : 0),
      );
    } catch (error) {
      // Without a database nothing can be written, and the message must not lose a try because of it.
      if (isUnreachable(error) || task.signal.aborted) throw error;
      // No provider takes a message that is too large, however often it is tried.
      if (error instanceof Problem && error.status === 400) return await refuse(deps, task, error);
      return await retryLater(deps, task, { error, isDefinite: true, waitsFor: null, why: 'error' });
    }
  };
  const { traces } = deps;
  return traces === null ? work : (task) => inSpan(traces, task, work);
}

/** The span of a try, to which those of its calls belong. */
async function inSpan(
  traces: Traces,
  task: DeliverTask,
  work: (task: DeliverTask) => Promise<Verdict>,
): Promise<Verdict> {
  const { type } = task.payload;
  const attributes = { 'notification.id': task.id, 'notification.type': type, attempt: task.attempt };
  const span = traces.begin(`deliver ${type}`, task.carried, { attributes });
  let isDone = false;
  try {
    const verdict = await work({ ...task, carried: span.carried });
    isDone = true;
    return verdict;
  } finally {
    span.end({}, !isDone);
  }
}

async function deliver(
  deps: Delivering,
  task: DeliverTask,
  apart: LimitFunction,
  composed: Composed | null = null,
): Promise<Verdict> {
  const { id } = task;
  const { type } = task.payload;
  const refused: string[] = [];
  // Only at first: what was known may have changed by the next time.
  let known = (task.held.known as Sendable | undefined) ?? null;
  let mayCall: string | null = null;
  for (;;) {
    // A call that began now might not end in time, and its outcome would be lost.
    if (task.stopping.aborted) return { waitSeconds: 0 };
    const result: ClaimResult = await deps.claims.add({ id, known, refused, mayCall, composed });
    known = null;
    if (result.kind === 'deferred') continue;
    if (result.kind === 'large')
      return await apart(async () => {
        if (task.stopping.aborted) return { waitSeconds: 0 };
        const large = await deps.composeLarge(result.notification, result.service);
        return await deliver(deps, task, apart, large);
      });
    mayCall = null;
    if (result.kind === 'rate limited') {
      // The wait comes before the claim, which would expire meanwhile.
      if (!(await waitForCall(deps, task, result.provider))) return { waitSeconds: 0 };
      mayCall = result.provider.identifier;
      continue;
    }
    if (result.kind !== 'claimed') return await withoutClaim(deps, task, result, refused.length > 0);
    const { claim } = result;
    if (refused.length === 0) {
      const queued = deps.clock.now() - claim.notification.createdAt.getTime();
      deps.metrics.timing(`tasks.deliver_${type}.queued-for`, queued);
    }
    const ending = await attempt(deps, task, claim);
    if (ending !== 'refused') return ending;
    refused.push(claim.attempt.provider);
  }
}

function waitForCall(deps: DeliverDeps, task: DeliverTask, provider: ProviderState): Promise<boolean> {
  const isInternal = task.queue === notifyInternal.name;
  return deps.rateLimits.wait(provider, { isInternal, priority: task.priority }, task.signal);
}

/** Handles a task whose message cannot be handed over now. */
async function withoutClaim(
  deps: DeliverDeps,
  task: DeliverTask,
  result: NotClaimed,
  wasRefused: boolean,
): Promise<Verdict> {
  const { log } = deps;
  const { id } = task;
  const { type } = task.payload;
  switch (result.kind) {
    case 'settled already':
      log.warn(
        fieldsOf(task),
        `Not sending ${written[type].start} notification ${id} because status is '${result.notification.status}' (not 'created')`,
      );
      return 'done';
    case 'held':
      return { waitSeconds: result.seconds };
    case 'lapsed':
      // Like any unknown result.
      return await retryLater(deps, task, {
        error: new Error('The last attempt never ended: its provider may have the message'),
        isDefinite: false,
        waitsFor: null,
        why: null,
      });
    case 'inactive service':
      log.warn(
        fieldsOf(task),
        `Send ${type} for notification id ${id} to provider is not allowed: service ${result.notification.serviceId} is inactive`,
      );
      await deps.recorder.write({ ...nothing, ...givenUp(deps, task, 'inactive-service') }, task.signal);
      return 'settled';
    case 'suppressed': {
      log.info(
        fieldsOf(task),
        `Not sending ${written[type].start} notification ${id} because its recipient is suppressed: ${result.reason}`,
      );
      const event = { kind: 'suppressed', reason: result.reason } as const;
      const move = { id, event, at: new Date(deps.clock.now()), handOver: null };
      await deps.recorder.write({ ...nothing, move, settled: settledAs(task, 'done') }, task.signal);
      return 'settled';
    }
    case 'stopped': {
      const move = {
        id,
        event: { kind: 'cancelled' },
        at: new Date(deps.clock.now()),
        handOver: null,
      } as const;
      await deps.recorder.write({ ...nothing, move, settled: settledAs(task, 'done') }, task.signal);
      return 'settled';
    }
    case 'paused':
      // Whoever resumes the job makes it due at once (job/run/steer.ts).
      return { waitSeconds: pausedSeconds, waitsFor: result.jobId };
    case 'no provider':
      if (!wasRefused) log.error(fieldsOf(task), `${type} ${id} failed as no active providers`);
      return await retryLater(deps, task, {
        error: new Error(`No active ${type} providers`),
        isDefinite: true,
        waitsFor: type,
        why: 'no-provider',
      });
    case 'circuits open': {
      const { suspect } = result;
      // Woken early, but the circuits are open again or another message is the probe: this uses up no try.
      if (task.earlySeconds > 0 && !wasRefused && suspect === null)
        return { waitSeconds: task.earlySeconds, waitsFor: type };
      const allOpen = `The circuits of all ${type} providers are open`;
      const ofSuspect = `Provider ${suspect} may have the message, and its circuit is open`;
      // Not definite, so never retried at once: the circuits would still be open.
      const waitsFor = suspect === null ? type : null;
      const error = new Error(suspect === null ? allOpen : ofSuspect);
      return await retryLater(deps, task, { error, isDefinite: false, waitsFor, why: 'no-provider' });
    }
    case 'not composed':
      throw result.error;
    case 'not found':
      // Users' description: tried again like any error; it happens only when tasks overlap in unusual ways.
      throw new Error(`Notification ${id} is not stored`);
  }
}

/** Hands over a claimed message and records the outcome. `refused`: the next provider can be tried. */
async function attempt(deps: Delivering, task: DeliverTask, claim: Claim): Promise<Verdict | 'refused'> {
  const { clock, log, recorder, retries } = deps;
  const { type } = task.payload;
  if (isStale(claim, clock.now())) return await abandon(deps, task, claim);
  log.info(
    fieldsOf(task),
    `Starting sending ${written[type].start} ${task.id} to provider at ${isoTime(clock.now())}`,
  );
  const result = await handOver(deps, task, claim);
  const end = endOf(claim, result, new Date(clock.now()));
  const { identifier } = claim.provider;
  deps.measures.attempted(claim.notification, identifier, result, end.finishedAt);
  if (result.outcome !== 'accepted')
    log.warn(
      { ...fieldsOf(task), provider: identifier, outcome: end.outcome, code: end.code },
      `Provider ${identifier} did not take ${type} ${task.id}`,
    );
  const step = nextStep(result, claim.othersLeft, retries.limit - task.attempt);
  if (step === 'handed over') {
    const reference = result.outcome === 'accepted' ? result.reference : null;
    await recordHandOver(deps, task, claim, reference, end);
    return 'settled';
  }
  if (step === 'next provider') {
    await recorder.write({ ...nothing, attempt: end }, task.signal);
    return 'refused';
  }
  const isDefinite = result.outcome === 'failed';
  const ending =
    result.outcome === 'rejected'
      ? rejected(deps, task, result.recipient)
      : retryOrGiveUp(deps, task, {
          error: new Error(`Code ${end.code} text ${end.detail}`),
          isDefinite,
          waitsFor: isDefinite ? type : null,
          why: null,
        });
  await recorder.write({ ...nothing, attempt: end, ...ending }, task.signal);
  return verdictOf(ending);
}

/**
 * Closes a claim that is too old for a call to the provider. It counts as a try: where every claim grows too old, the
 * message must not go round for ever.
 */
async function abandon(deps: DeliverDeps, task: DeliverTask, claim: Claim): Promise<Verdict> {
  if (claim.isProbe) deps.circuits.endProbe(claim.provider, claim.notification.id, null);
  deps.metrics.count('attempts.stalled');
  const detail = 'The worker stalled and did not call the provider';
  const end = endOf(claim, { outcome: 'failed', code: 'stalled', detail }, new Date(deps.clock.now()));
  const reason = { error: new Error(detail), isDefinite: true, waitsFor: null, why: null };
  const ending = retryOrGiveUp(deps, task, reason);
  await deps.recorder.write({ ...nothing, attempt: end, ...ending }, task.signal);
  return verdictOf(ending);
}

/** Hands the message to its provider, with no transaction open; the outcome counts towards the provider's circuit. */
async function handOver(
  { log, metrics, measures, circuits, clients, traces }: Delivering,
  task: DeliverTask,
  { notification, message, provider: state, isProbe }: Claim,
): Promise<SendResult> {
  if (!message) return { outcome: 'accepted', reference: null };
  const { identifier } = state;
  const endProbe = (outcome: SendResult['outcome'] | null) => {
    if (isProbe) circuits.endProbe(state, notification.id, outcome);
  };
  const provider = clients.get(identifier);
  if (!provider) {
    endProbe(null);
    const detail = `The provider ${identifier} is not configured in this process`;
    return { outcome: 'failed', code: 'not configured', detail };
  }
  const span = traces?.begin(`call ${identifier}`, task.carried, { isCall: true });
  const elapsed = stopwatch();
  const result = await provider.send(message, task.signal).catch((error: unknown): SendResult => {
    log.error({ ...fieldsOf(task), err: error }, `The client of provider ${identifier} failed`);
    return { outcome: 'unknown', code: 'error', detail: 'The provider’s client failed' };
  });
  const milliseconds = elapsed();
  measures.called(identifier, notification.type, result, milliseconds);
  span?.end(callAttributes(notification.id, identifier, result), result.outcome !== 'accepted');
  metrics.timing(`clients.${identifier}.request-time`, milliseconds);
  metrics.count(`clients.${identifier}.${result.outcome === 'accepted' ? 'success' : 'error'}`);
  // A call that we aborted says nothing about the provider.
  const isOurs = task.signal.aborted && result.outcome === 'unknown';
  if (!isOurs) circuits.record(state, result.outcome, milliseconds);
  endProbe(isOurs ? null : result.outcome);
  return result;
}

function callAttributes(id: string, provider: string, result: SendResult): Parameters<Span['end']>[0] {
  const { outcome } = result;
  const code = outcome === 'accepted' ? null : result.code;
  return { 'notification.id': id, provider, outcome, code };
}

/** Records that a provider has the message. `reference`: the provider's own id for it. */
async function recordHandOver(
  { log, metrics, clients, recorder }: DeliverDeps,
  task: DeliverTask,
  claim: Claim,
  reference: string | null,
  end: AttemptEnd,
): Promise<void> {
  const { notification, attempt, isResearch } = claim;
  const { id, type } = notification;
  const { provider: identifier, billableUnits } = attempt;
  // Receipts identify a text by our own id, which the provider echoes, and an email by the provider's id.
  const stored = type === 'sms' ? null : isResearch ? randomUUID() : reference;
  const isReported = clients.get(identifier)?.receipts !== 'none';
  const at = end.finishedAt;
  await recorder.write(
    {
      attempt: end,
      move: {
        id,
        event: {
          kind: 'handed over',
          international: type === 'sms' && notification.international,
          end: isReported ? null : isResearch ? simulatedOutcome(notification) : 'delivered',
        },
        at,
        handOver: { sentAt: at, sentBy: identifier, reference: stored, billableUnits },
      },
      simulatedReceipts:
        isResearch && isReported
          ? {
              ...{ notificationId: id, type, provider: identifier, reference: stored ?? id },
              outcome: simulatedOutcome(notification),
            }
          : null,
      settled: settledAs(task, 'done'),
    },
    task.signal,
  );
  log.info(
    fieldsOf(task),
    `${written[type].sent} ${id} sent to provider ${identifier} at ${isoTime(at.getTime())}`,
  );
  metrics.timing(`${type}.total-time`, at.getTime() - notification.createdAt.getTime());
}

/** The outcome of a message that no provider gets, determined by its recipient (spec 05, section 6). */
function simulatedOutcome({ type, recipient, normalisedRecipient }: Candidate) {
  return type === 'sms' ? simulatedSmsOutcome(normalisedRecipient) : simulatedEmailOutcome(recipient);
}

async function retryLater(deps: DeliverDeps, task: DeliverTask, reason: RetryReason): Promise<Verdict> {
  const ending = retryOrGiveUp(deps, task, reason);
  await deps.recorder.write({ ...nothing, ...ending }, task.signal);
  return verdictOf(ending);
}

/** Gives up a message that is too large to be sent. */
async function refuse(deps: DeliverDeps, task: DeliverTask, problem: Problem): Promise<Verdict> {
  const { type } = task.payload;
  deps.log.error(
    { ...fieldsOf(task), err: problem },
    `${written[type].sent} notification ${task.id} cannot be sent`,
  );
  await deps.recorder.write({ ...nothing, ...givenUp(deps, task, 'too-large') }, task.signal);
  return 'settled';
}

type Ending = Pick<DeliveryRecord, 'move' | 'settled'>;

function verdictOf({ settled }: Ending): Verdict {
  return typeof settled?.settlement === 'object' ? 'put back' : 'settled';
}

/** What is recorded when no provider took the message: it is retried, or given up when its tries are used up. */
function retryOrGiveUp(deps: DeliverDeps, task: DeliverTask, reason: RetryReason): Ending {
  const { log, retries } = deps;
  const { type } = task.payload;
  const { error, isDefinite, waitsFor, why } = reason;
  if (task.attempt < retries.limit) {
    log.error(
      { ...fieldsOf(task), err: error },
      `RETRY: ${written[type].sent} notification ${task.id} failed`,
    );
    const retryAfterSeconds = retries.seconds(task.attempt, type, isDefinite);
    return { move: null, settled: settledAs(task, { retryAfterSeconds, waitsFor }) };
  }
  log.error(
    { ...fieldsOf(task), err: error },
    `RETRY FAILED: task send_${type}_to_provider failed for notification ${task.id}`,
  );
  return givenUp(deps, task, why);
}

/** A provider will never take the message: it fails technically, or as its recipient was refused. */
function rejected(deps: DeliverDeps, task: DeliverTask, recipient?: RecipientVerdict): Ending {
  return recipient ? ended(deps, task, { kind: 'refused', recipient }) : givenUp(deps, task, null);
}

/** The message fails technically. `why`: null if its last attempt says it. */
function givenUp(deps: DeliverDeps, task: DeliverTask, why: GivenUpReason | null): Ending {
  return ended(deps, task, { kind: 'given up', why });
}

/** The message ends, unless it has a final status. */
function ended({ clock }: DeliverDeps, task: DeliverTask, event: StatusEvent): Ending {
  const at = new Date(clock.now());
  return { move: { id: task.id, event, at, handOver: null }, settled: settledAs(task, 'done') };
}

function settledAs({ queue, held }: DeliverTask, settlement: Settlement) {
  return { queue, held, settlement };
}

function endOf({ attempt }: Claim, result: SendResult, finishedAt: Date): AttemptEnd {
  const { notificationId, number } = attempt;
  return { notificationId, number, finishedAt, ...describeResult(result) };
}

function fieldsOf({ id, requestId, attempt }: DeliverTask) {
  return { notificationId: id, requestId, attempt };
}
