import { randomUUID } from 'node:crypto';
import { simulatedEmailOutcome, simulatedSmsOutcome } from '../../content/recipient/simulator.ts';
import { isUnreachable } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Batcher } from '../../ground/batcher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { SendResult } from '../../provider/contract.ts';
import type { RateLimits } from '../../provider/rate-limit/rate-limit.ts';
import type { TaskData } from '../../queue/boss.ts';
import type { Settlement, Task, Verdict } from '../../queue/consume.ts';
import { type CallDeps, callProvider } from './call.ts';
import { type Claimed, type ClaimWish, isStale } from './claim.ts';
import { afterSending, describeResult } from './outcome.ts';
import { type DeliverPayload, notifyInternal } from './queue.ts';
import type { Record, Recorder } from './record.ts';
import type { RetryPolicy } from './retry-policy.ts';

export type DeliverDeps = CallDeps &
  Readonly<{
    clock: Clock;
    claims: Batcher<ClaimWish, Claimed>;
    recorder: Recorder;
    rateLimits: Pick<RateLimits, 'wait'>;
    retries: RetryPolicy;
  }>;

/** What a message of a test key or of research mode gets in place of a provider's answer (spec 05, section 3.5). */
const pretended: SendResult = { outcome: 'accepted', reference: null };

type DeliverTask = Task<DeliverPayload>;
type Claim = Extract<Claimed, { kind: 'claimed' }>;
type RateLimited = Extract<Claimed, { kind: 'rate limited' }>;

/** Why a message is tried again. `waitsFor`: what lets it go earlier, null: only time does. */
type Again = Readonly<{ error: unknown; isDefinite: boolean; waitsFor: NotificationType | null }>;

/** How the types are written in log lines (spec 05, sections 2.4 and 3.1). */
const written = { sms: { start: 'SMS', sent: 'SMS' }, email: { start: 'EMAIL', sent: 'Email' } } as const;

/**
 * The `deliver_sms` and `deliver_email` tasks (spec 05, sections 2.3 and 3). At least once: a message in status
 * `created` is claimed, handed to a provider with no transaction open, and the outcome is recorded together with the
 * end of the task. A definite refusal goes on to the next provider at once; anything else that is temporary is tried
 * again on its retry course, by default 48 times 5 minutes apart, and ends as `technical-failure`.
 */
export function createDeliver(deps: DeliverDeps): (task: DeliverTask) => Promise<Verdict> {
  const { clock, log, metrics, claims, recorder, retries } = deps;
  const now = () => new Date(clock.now());
  const nothing: Record = { attempt: null, handOver: null, pretended: null, givenUp: null, settlement: null };
  const fieldsOf = (task: DeliverTask) => ({
    notificationId: task.id,
    requestId: task.requestId,
    attempt: task.attempt,
  });

  async function deliver(type: NotificationType, task: DeliverTask): Promise<Verdict> {
    const id = task.payload.notification_id;
    const refused: string[] = [];
    let mayCall: string | null = null;
    for (;;) {
      const claimed: Claimed = await claims.add({ id, refused, mayCall });
      mayCall = null;
      if (claimed.kind === 'rate limited') {
        // Before the claim, which does not last.
        if (!(await waitForCall(task, claimed))) return { waitSeconds: 0 };
        mayCall = claimed.provider.identifier;
        continue;
      }
      if (claimed.kind !== 'claimed') return await withoutClaim(type, task, claimed, refused.length > 0);
      if (refused.length === 0)
        metrics.timing(
          `tasks.deliver_${type}.queued-for`,
          clock.now() - claimed.notification.createdAt.getTime(),
        );
      const next = await attempt(type, task, claimed);
      if (next === 'settled') return 'settled';
      refused.push(claimed.claim.provider);
    }
  }

  function waitForCall(task: DeliverTask, { provider }: RateLimited): Promise<boolean> {
    const { priority = 0 } = task.raw.data as TaskData;
    return deps.rateLimits.wait(
      provider,
      { isInternal: task.queue === notifyInternal.name, priority },
      task.signal,
    );
  }

  async function withoutClaim(
    type: NotificationType,
    task: DeliverTask,
    claimed: Exclude<Claimed, Claim | RateLimited>,
    wasRefused: boolean,
  ): Promise<Verdict> {
    const { id } = task;
    switch (claimed.kind) {
      case 'settled already':
        log.warn(
          fieldsOf(task),
          `Not sending ${written[type].start} notification ${id} because status is '${claimed.notification.status}' (not 'created')`,
        );
        return 'done';
      case 'held':
        return { waitSeconds: claimed.seconds };
      case 'inactive service':
        log.warn(
          fieldsOf(task),
          `Send ${type} for notification id ${id} to provider is not allowed: service ${claimed.notification.serviceId} is inactive`,
        );
        await recorder.write(
          { ...nothing, givenUp: { id, at: now() }, settlement: { task, settlement: 'done' } },
          task.signal,
        );
        return 'settled';
      case 'no provider':
        if (!wasRefused) log.error(fieldsOf(task), `${type} ${id} failed as no active providers`);
        return await tryAgain(type, task, {
          error: new Error(`No active ${type} providers`),
          isDefinite: true,
          waitsFor: type,
        });
      case 'left alone': {
        // Woken early, and the circuits are open again or another message tries them: no try is used up by that.
        const { early_seconds: early = 0 } = task.raw.data as TaskData;
        if (early > 0 && !wasRefused && claimed.suspect === null)
          return { waitSeconds: early, waitsFor: type };
        // Not at once, whatever the course says: the circuits would be the same.
        return await tryAgain(type, task, {
          error: new Error(
            claimed.suspect === null
              ? `Every ${type} provider is left alone: circuits are open`
              : `Provider ${claimed.suspect} may have it and is left alone: its circuit is open`,
          ),
          isDefinite: false,
          waitsFor: claimed.suspect === null ? type : null,
        });
      }
      case 'not composed':
        throw claimed.error;
      case 'not found':
        // Seed: tried again like any error; it happens only when tasks overlap in unusual ways.
        throw new Error(`Notification ${id} is not stored`);
    }
  }

  async function tryAgain(type: NotificationType, task: DeliverTask, why: Again): Promise<Verdict> {
    await recorder.write({ ...nothing, ...ending(type, task, why) }, task.signal);
    return 'settled';
  }

  /** One hand-over of a claimed message, and its record. `refused`: another provider may have it now. */
  async function attempt(
    type: NotificationType,
    task: DeliverTask,
    claimed: Claim,
  ): Promise<'settled' | 'refused'> {
    const { notification, composed, othersLeft } = claimed;
    const { id } = notification;
    const { provider: identifier, number } = claimed.claim;
    if (isStale(claimed.claim, clock.now())) {
      if (claimed.isProbe) deps.circuits.endProbe(claimed.provider, id, null);
      const held = {
        outcome: 'failed',
        code: 'stalled',
        detail: 'The worker was held up and did not call the provider',
      } as const;
      const attempt = { notificationId: id, number, finishedAt: now(), ...held };
      await recorder.write(
        { ...nothing, attempt, settlement: { task, settlement: { waitSeconds: 1 } } },
        task.signal,
      );
      return 'settled';
    }
    log.info(
      fieldsOf(task),
      `Starting sending ${written[type].start} ${id} to provider at ${now().toISOString()}`,
    );
    const result = claimed.isResearch
      ? pretended
      : await callProvider(deps, claimed, task.signal, fieldsOf(task));
    const at = now();
    const end = { notificationId: id, number, finishedAt: at, ...describeResult(result) };
    const next = afterSending(result, othersLeft, retries.limit - task.attempt);
    if (result.outcome !== 'accepted')
      log.warn(
        { ...fieldsOf(task), provider: identifier, outcome: end.outcome, code: end.code },
        `Provider ${identifier} did not take ${type} ${id}`,
      );

    switch (next) {
      case 'handed over': {
        // A text is found again by our own id, which its provider echoes; an email by its provider's.
        const own = result.outcome === 'accepted' ? result.reference : null;
        const reference = type === 'sms' ? null : claimed.isResearch ? randomUUID() : own;
        const simulated =
          type === 'sms'
            ? simulatedSmsOutcome(composed.message.to)
            : simulatedEmailOutcome(composed.message.to);
        const isFinal = deps.provider(identifier, type)?.receipts === 'none';
        const open = type === 'sms' && notification.international ? 'sent' : 'sending';
        await recorder.write(
          {
            attempt: end,
            handOver: {
              id,
              status: isFinal ? (claimed.isResearch ? simulated : 'delivered') : open,
              sentAt: at,
              sentBy: identifier,
              reference,
              billableUnits: claimed.claim.billableUnits,
            },
            pretended:
              claimed.isResearch && !isFinal
                ? {
                    notificationId: id,
                    type,
                    provider: identifier,
                    reference: reference ?? id,
                    outcome: simulated,
                  }
                : null,
            givenUp: null,
            settlement: { task, settlement: 'done' },
          },
          task.signal,
        );
        log.info(
          fieldsOf(task),
          `${written[type].sent} ${id} sent to provider ${identifier} at ${at.toISOString()}`,
        );
        metrics.timing(`${type}.total-time`, at.getTime() - notification.createdAt.getTime());
        return 'settled';
      }
      case 'next provider':
        await recorder.write({ ...nothing, attempt: end }, task.signal);
        return 'refused';
      case 'retry':
      case 'give up': {
        const tried = result.outcome !== 'rejected';
        const error = new Error(`Code ${end.code} text ${end.detail}`);
        const isDefinite = result.outcome === 'failed';
        const why: Again = { error: tried ? error : null, isDefinite, waitsFor: isDefinite ? type : null };
        await recorder.write({ ...nothing, attempt: end, ...ending(type, task, why) }, task.signal);
        return 'settled';
      }
    }
  }

  /** What is recorded when nobody took the message: it is tried again, or given up when it was refused for good or the tries are used up. */
  function ending(
    type: NotificationType,
    task: DeliverTask,
    { error, isDefinite, waitsFor }: Again,
  ): Pick<Record, 'givenUp' | 'settlement'> {
    const settlement = (settlement: Settlement) => ({ task, settlement });
    if (error !== null && task.attempt < retries.limit) {
      log.error(
        { ...fieldsOf(task), err: error },
        `RETRY: ${written[type].sent} notification ${task.id} failed`,
      );
      const retryAfterSeconds = retries.seconds(task.attempt, type, isDefinite);
      return { givenUp: null, settlement: settlement({ retryAfterSeconds, waitsFor }) };
    }
    if (error !== null)
      log.error(
        { ...fieldsOf(task), err: error },
        `RETRY FAILED: task send_${type}_to_provider failed for notification ${task.id}`,
      );
    return { givenUp: { id: task.id, at: now() }, settlement: settlement('done') };
  }

  return async (task) => {
    const { type } = task.payload;
    try {
      return await metrics.timed('tasks', `deliver_${type}`, () => deliver(type, task));
    } catch (error) {
      // Without a database nothing can be written, and it is no fault of this message that would use up its tries.
      if (isUnreachable(error) || task.signal.aborted) throw error;
      return await tryAgain(type, task, { error, isDefinite: true, waitsFor: null });
    }
  };
}
