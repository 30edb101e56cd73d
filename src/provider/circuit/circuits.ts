import type { Cache } from '../../database/cache.ts';
import type { Db } from '../../database/connection.ts';
import type { NotificationType } from '../../database/tables.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { candidates, choose } from '../choice.ts';
import type { SendResult } from '../contract.ts';
import type { ProviderState } from '../state.ts';
import { allProviders } from '../store.ts';
import {
  breaks,
  type Calls,
  type CircuitRules,
  failuresOf,
  openSecondsAfter,
  reasonToOpen,
  slotSeconds,
} from './circuit.ts';
import {
  addCalls,
  dropProbes,
  failProbe,
  findCalls,
  openCircuit,
  type Probe,
  passProbe,
  type SlotCalls,
  takeProbes,
} from './store.ts';

export type CircuitDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  providers: Cache<readonly ProviderState[]>;
  rules: CircuitRules;
  /** The user id that changes are recorded under: the platform's own. */
  by: string;
  /** Makes messages due that wait for a provider of the type; at most `limit`, null: all. */
  release: (type: NotificationType, limit: number | null) => Promise<unknown>;
  /** Called with providers that have just had failures, after these were written. */
  onFailures?: (providers: readonly ProviderState[]) => Promise<void>;
}>;

export type Circuits = {
  /** Counts the outcome of one call, and how long it took; cheap. */
  record(provider: ProviderState, outcome: SendResult['outcome'], milliseconds: number): void;
  /** Returns the ids of the messages that may probe their half-open provider now; each must end with `endProbe`. */
  takeProbes(probes: readonly Probe[]): Promise<ReadonlySet<string>>;
  /** The outcome of a probe; null: no call was made. */
  endProbe(provider: ProviderState, messageId: string, outcome: SendResult['outcome'] | null): void;
  stop(): Promise<void>;
};

const tickMilliseconds = 1000;
/** How long calls are kept, for the figures of a day (spec 04, section 8.1). */
const keptMilliseconds = 25 * 3_600_000;
/** How often a waiting message is woken to probe a provider while no new one arrives. */
const wakeMilliseconds = 5000;

/**
 * The circuits of all providers, shared by all processes through the database. Each process counts the outcomes of its
 * calls and writes them once a second, or at once when failures pile up; the one that finds too many opens the circuit.
 * Guarantee: among any number of processes, one opens a circuit, one message at a time probes the provider, and one
 * closes it. Opening and closing are each a version with its reason. When a circuit closes, the messages that waited
 * are sent.
 */
export function createCircuits(deps: CircuitDeps): Circuits {
  const { log } = deps;
  const counter = createCounter(deps);
  const probes = createProbes(deps);
  const reviews = oneAtATime(createReview(deps), (error) =>
    log.debug({ err: error }, 'The providers could not be reviewed'),
  );
  const ticks = setInterval(() => {
    void counter.flush();
    void reviews.run();
  }, tickMilliseconds);
  return {
    record: counter.record,
    takeProbes: probes.take,
    endProbe: probes.end,
    async stop() {
      clearInterval(ticks);
      await Promise.all([counter.settled(), reviews.settled(), probes.settled()]);
      await counter.flush();
    },
  };
}

/**
 * Upper ends of the steps by which the durations of calls are counted, in milliseconds; the last step has none. Counts
 * of a day are kept in the database: a change to the steps falsifies them for that day.
 */
export const durationSteps = [
  25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000, 20_000, 30_000,
] as const;

/** The step that a duration counts in. */
export function durationStep(milliseconds: number): number {
  const step = durationSteps.findIndex((end) => milliseconds <= end);
  return step === -1 ? durationSteps.length : step;
}

/**
 * Within how many milliseconds this share of the calls, from 0 to 1, had ended: the upper end of a step. null: there
 * were no calls, or it was longer than the longest step.
 */
export function durationWithin(counts: readonly number[], share: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  let left = all * share;
  const step = counts.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return all === 0 ? null : (durationSteps[step] ?? null);
}

type Counted = { -readonly [Key in keyof Calls]: number } & { refused: number; durations: number[] };

/** Counts calls, writes the counts, and opens circuits. */
function createCounter(deps: CircuitDeps) {
  const { db, clock, log, rules } = deps;
  let counts = new Map<string, { provider: ProviderState; calls: Counted }>();
  let failures = 0;

  async function flush(): Promise<void> {
    const batch = [...counts.values()];
    counts = new Map();
    failures = 0;
    if (batch.length === 0) return;
    const now = clock.now();
    const slotMilliseconds = slotSeconds(rules.windowSeconds) * 1000;
    const slot = new Date(Math.floor(now / slotMilliseconds) * slotMilliseconds);
    const calls: SlotCalls[] = batch.map(({ provider, calls }) => ({
      providerId: provider.id,
      slot,
      ...calls,
    }));
    await addCalls(db, calls, new Date(now - keptMilliseconds));
    const failing = batch.filter(({ calls }) => failuresOf(calls) > 0).map(({ provider }) => provider);
    if (failing.length === 0) return;
    const window = await findCalls(
      db,
      failing.map(({ id }) => id),
      new Date(now - rules.windowSeconds * 1000),
    );
    for (const provider of failing) {
      const all = window.get(provider.id);
      if (all && breaks(all, rules)) await open(deps, provider, all, now);
    }
    await deps.onFailures?.(failing);
  }

  // After an error the counts are lost, which only delays a decision.
  const flushes = oneAtATime(flush, (error) =>
    log.warn({ err: error }, 'The calls to providers could not be counted'),
  );
  return {
    flush: flushes.run,
    settled: flushes.settled,
    record(provider: ProviderState, outcome: SendResult['outcome'], milliseconds: number): void {
      let count = counts.get(provider.id);
      if (!count) {
        const durations = Array.from({ length: durationSteps.length + 1 }, () => 0);
        count = { provider, calls: { taken: 0, failed: 0, unknown: 0, refused: 0, durations } };
        counts.set(provider.id, count);
      }
      const kind = countsAs(outcome);
      count.calls[kind] += 1;
      if (outcome === 'rejected') count.calls.refused += 1;
      count.calls.durations[durationStep(milliseconds)]! += 1;
      if (kind !== 'taken') failures += 1;
      if (failures >= rules.leastFailures) void flushes.run();
    },
  };
}

/** A message that is rejected for good shows that its provider works. */
function countsAs(outcome: SendResult['outcome']): keyof Calls {
  return outcome === 'accepted' || outcome === 'rejected' ? 'taken' : outcome;
}

async function open(
  { db, log, providers, rules, by }: CircuitDeps,
  provider: ProviderState,
  calls: Calls,
  now: number,
): Promise<void> {
  const reason = reasonToOpen(calls, rules);
  const seconds = openSecondsAfter(1, rules);
  const change = { reason, by, now: new Date(now), until: new Date(now + seconds * 1000) };
  const opened = await db.transaction().execute((trx) => openCircuit(trx, provider.id, change));
  if (!opened) return;
  providers.drop(allProviders);
  log.warn({ provider: provider.identifier, seconds }, `Provider ${nameOf(provider)}: ${reason}`);
}

/** Starts and ends probes. */
function createProbes({ db, clock, log, providers, rules, by, release }: CircuitDeps) {
  const ending = new Set<Promise<void>>();

  async function finish(
    provider: ProviderState,
    messageId: string,
    outcome: SendResult['outcome'] | null,
  ): Promise<void> {
    const probe = { providerId: provider.id, messageId };
    const now = new Date(clock.now());
    if (outcome === null) await dropProbes(db, [probe]);
    else if (countsAs(outcome) === 'taken') {
      const state = await db.transaction().execute((trx) => passProbe(trx, probe, { by, now }));
      if (state === 'closed')
        log.info({ provider: provider.identifier }, `Provider ${nameOf(provider)}: Circuit closed`);
      // Wake the next probe, or all that wait.
      if (state !== null) await release(provider.notificationType, state === 'closed' ? null : 1);
    } else {
      const until = await db
        .transaction()
        .execute((trx) => failProbe(trx, probe, now, (openings) => openSecondsAfter(openings, rules)));
      if (until)
        log.warn(
          { provider: provider.identifier, until: until.toISOString() },
          `Provider ${nameOf(provider)}: Circuit stays open: the probe failed`,
        );
    }
    providers.drop(allProviders);
  }

  return {
    async take(probes: readonly Probe[]): Promise<ReadonlySet<string>> {
      const now = clock.now();
      const until = new Date(now + rules.probeSeconds * 1000);
      const taken = await takeProbes(db, probes, new Date(now), until);
      // The cached rows do not show the probe yet.
      providers.drop(allProviders);
      return taken;
    },
    end(provider: ProviderState, messageId: string, outcome: SendResult['outcome'] | null): void {
      const end = finish(provider, messageId, outcome).catch((error: unknown) =>
        log.warn({ err: error }, 'The outcome of a probe could not be written; the probe lapses'),
      );
      ending.add(end);
      void end.finally(() => ending.delete(end));
    },
    settled: () => Promise.all(ending),
  };
}

/**
 * If a provider has become usable, whoever changed it, the messages that wait for its type are made due. If one is due
 * to be probed and no new message probes it, a waiting one is woken.
 */
function createReview({ clock, providers, release }: CircuitDeps): () => Promise<void> {
  let seen: readonly ProviderState[] | null = null;
  const wokenAt = new Map<NotificationType, number>();
  return async () => {
    const all = await providers.get(allProviders);
    const before = seen;
    const now = clock.now();
    for (const type of ['sms', 'email'] as const) {
      const has = (one: ProviderState) => one.notificationType === type && isUsable(one);
      const isNew = ({ id }: ProviderState) => !before?.some((one) => one.id === id && has(one));
      if (before && all.some((one) => has(one) && isNew(one))) await release(type, null);
      const isWanted = [false, true].some(
        (international) => choose(candidates(all, { type, international }), now).probe !== null,
      );
      if (!isWanted || now - (wokenAt.get(type) ?? 0) < wakeMilliseconds) continue;
      wokenAt.set(type, now);
      await release(type, 1);
    }
    // Only after the waiting messages were made due: if that fails, the next review does it.
    seen = all;
  };
}

/** Runs `work` unless a run is under way. Both functions return the current run and never reject. */
function oneAtATime(work: () => Promise<void>, failed: (error: unknown) => void) {
  let running: Promise<void> | null = null;
  return {
    run(): Promise<void> {
      running ??= work()
        .catch(failed)
        .finally(() => {
          running = null;
        });
      return running;
    },
    settled: () => running ?? Promise.resolve(),
  };
}

function nameOf({ identifier, notificationType }: ProviderState): string {
  return `${identifier} (${notificationType})`;
}

function isUsable({ active, circuit }: ProviderState): boolean {
  return active && circuit.state === 'closed';
}
