import type {
  AttemptOutcome,
  CallbackOutcome,
  CallbackState,
  CallbackType,
  GivenUpReason,
  NotificationStatus,
  SuppressionReason,
} from '../../database/tables.ts';

/** One entry on a message's timeline. `at`: when it happened, as it is shown. */
export type TimelineEntry = Readonly<
  /** `by`: who sent it by hand, or null. */
  | { kind: 'accepted'; at: Date; by: string | null }
  | { kind: 'persisted'; at: Date }
  | {
      kind: 'attempt';
      at: Date;
      number: number;
      provider: string;
      startedAt: Date;
      finishedAt: Date | null;
      outcome: AttemptOutcome | null;
      code: string | null;
      detail: string | null;
    }
  | {
      kind: 'receipt';
      at: Date;
      provider: string;
      rawStatus: string;
      status: NotificationStatus;
      ignored: string | null;
    }
  /** It was not sent, because of its recipient. */
  | { kind: 'suppressed'; at: Date; reason: SuppressionReason }
  /** It was given up, and no attempt says why. */
  | { kind: 'given up'; at: Date; reason: GivenUpReason }
  | { kind: 'callback'; at: Date; id: string; type: CallbackType; state: CallbackState }
  | {
      kind: 'callback attempt';
      at: Date;
      id: string;
      type: CallbackType;
      number: number;
      startedAt: Date;
      finishedAt: Date | null;
      outcome: CallbackOutcome | null;
      code: string | null;
      detail: string | null;
    }
>;

/** What can cause what: of entries with equal times, the cause goes first. */
const rank: Readonly<Record<TimelineEntry['kind'], number>> = {
  accepted: 0,
  persisted: 1,
  attempt: 2,
  receipt: 3,
  suppressed: 4,
  'given up': 5,
  callback: 6,
  'callback attempt': 7,
};

/**
 * The entries in the order of what happened. Their times come from several processes and may cross by milliseconds: none
 * is shown to be earlier than what caused it. `entries` has attempts in the order of their numbers.
 */
export function inOrder(entries: readonly TimelineEntry[]): readonly TimelineEntry[] {
  const byCause = entries.toSorted((a, b) => rank[a.kind] - rank[b.kind]);
  const times: number[] = [];
  for (const entry of byCause) {
    const causes = times.filter((_, index) => isCause(byCause[index]!, entry, byCause));
    times.push(Math.max(entry.at.getTime(), ...causes));
  }
  return byCause
    .map((entry, index) => ({ ...entry, at: new Date(times[index]!) }))
    .sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** Whether `cause`, which comes before in the order of ranks, must have happened before `entry`. */
function isCause(cause: TimelineEntry, entry: TimelineEntry, all: readonly TimelineEntry[]): boolean {
  switch (cause.kind) {
    case 'accepted':
    case 'persisted':
      return true;
    case 'attempt':
      if (entry.kind === 'receipt')
        return cause === all.find((one) => one.kind === 'attempt' && one.provider === entry.provider);
      return entry.kind === 'attempt' || cause.at <= entry.at;
    case 'receipt':
    case 'suppressed':
    case 'given up':
      return entry.kind !== 'receipt' && cause.at <= entry.at;
    default:
      return 'id' in entry && cause.id === entry.id;
  }
}
