import { counted, inFigures } from '../words/counts.ts';
import { durationText, shortTime } from '../words/times.ts';
import type { ProcessFacts, Provider, QueueFacts, StuckTotals, Task } from './facts.ts';
import { queueMeanings } from './words.ts';

/** What is known of the platform now; a part that cannot be had is null, and nothing is said of it. */
export type Now = Readonly<{
  providers: readonly Provider[] | null;
  queues: readonly QueueFacts[] | null;
  processes: readonly ProcessFacts[] | null;
  stuck: StuckTotals | null;
  tasks: readonly Task[] | null;
  /** The types that the sandbox takes in place of a provider. */
  sandboxTypes: readonly string[];
}>;

/** Something that is wrong: where it can be seen or mended, and the part of docs/operations.md that is about it. */
export type Problem = Readonly<{
  /** 1: messages are not sent or not taken. 2: they soon may not be. 3: somebody should look. */
  weight: 1 | 2 | 3;
  text: string;
  href: string;
  guide: string;
}>;

type Reader = Readonly<{ zone: string; now: number }>;

/** What is due for longer than this in a queue that is served is late, in seconds. */
const lateSeconds = 60;
/** A clock that is further off is in the log too (docs/decisions/0018). */
const mostSkewSeconds = 1;
/** A periodic task that did not begin within this time after it was due has nobody to run it. */
const overdueMilliseconds = 5 * 60_000;

const typeWords: Readonly<Record<string, string>> = { sms: 'text messages', email: 'emails' };

/** Sentences on what is wrong, worst first (spec 07, section 7). Empty: all is well, as far as is known. */
export function problemsOf(now: Now, reader: Reader): readonly Problem[] {
  const found = [
    ...providerProblems(now, reader),
    ...queueProblems(now),
    ...processProblems(now),
    ...stuckProblems(now.stuck),
    ...taskProblems(now.tasks ?? [], reader),
  ];
  return found.toSorted((one, other) => one.weight - other.weight);
}

function providerProblems({ providers, sandboxTypes }: Now, reader: Reader): readonly Problem[] {
  if (!providers) return [];
  return (['sms', 'email'] as const).flatMap((type) => {
    const all = providers.filter((one) => one.notification_type === type);
    const words = typeWords[type]!;
    const usable = all.filter(({ active, circuit }) => active && circuit === 'closed');
    const problems: Problem[] = [];
    if (all.length === 0 && !sandboxTypes.includes(type))
      problems.push({
        ...{ weight: 1, text: `No ${words} can be sent: no provider for them is set up.` },
        ...{ href: '/platform/providers', guide: 'Providers' },
      });
    if (all.length > 0 && usable.length === 0)
      problems.push({
        weight: 1,
        text: `No ${words} can be sent at the moment: ${all.some(({ active }) => active) ? 'every provider that is switched on has failed too often, or was stopped' : 'every provider of them is switched off'}. They wait and are tried again.`,
        ...{ href: '/platform/providers', guide: 'The provider is down' },
      });
    for (const one of all) {
      if (!one.active || one.circuit === 'closed') continue;
      problems.push(circuitProblem(one, usable, reader));
    }
    return problems;
  });
}

function circuitProblem(one: Provider, usable: readonly Provider[], reader: Reader): Problem {
  const since = one.updated_at === null ? '' : ` since ${shortTime(one.updated_at, reader)}`;
  const others = usable.map(({ display_name: name }) => name).join(' and ');
  const messages = others === '' ? '' : ` ${others} ${usable.length === 1 ? 'has' : 'have'} its messages.`;
  const text =
    one.circuit === 'half-open'
      ? `${one.display_name} is being tried again, with one message at a time. It had been left alone${since}${why(one)}.${messages}`
      : `${one.display_name} has been left alone${since}${why(one)}.${messages}`;
  return {
    ...{ weight: one.circuit === 'half-open' ? 3 : 2, text },
    ...{ href: `/platform/providers/${one.id}`, guide: 'The provider is down' },
  };
}

/** The reason of a circuit, without the words that say that it is one. */
function why({ reason }: Provider): string {
  if (reason === null) return '';
  return `: ${reason.replace(/^Circuit opened: /, '').replace(/\.$/, '')}`;
}

function queueProblems({ queues, processes }: Now): readonly Problem[] {
  return (queues ?? []).flatMap(
    ({ name, waiting, oldest_due_seconds: oldest, parked, served_by: served }) => {
      const problems: Problem[] = [];
      const what = `${name} (${queueMeanings[name] ?? 'tasks'})`;
      const href = '/platform/queues';
      if (served.length === 0 && processes !== null && waiting > 0)
        problems.push({
          weight: 1,
          text: `No process serves the queue ${what}: ${counted(waiting, 'task')} ${waiting === 1 ? 'waits' : 'wait'}, the oldest for ${durationText(oldest)}.`,
          ...{ href, guide: 'Roles and queues' },
        });
      else if (oldest > lateSeconds)
        problems.push({
          weight: 2,
          text: `The queue ${what} is behind: ${counted(waiting, 'task')} ${waiting === 1 ? 'waits' : 'wait'}, the oldest for ${durationText(oldest)}.`,
          ...{ href, guide: 'Looking at the queues' },
        });
      if (parked > 0)
        problems.push({
          weight: 2,
          text: `${counted(parked, 'task')} of the queue ${what} ${parked === 1 ? 'is' : 'are'} parked: ${parked === 1 ? 'it' : 'they'} failed for good, and ${parked === 1 ? 'waits' : 'wait'} for somebody to release or drop ${parked === 1 ? 'it' : 'them'}.`,
          ...{
            href: `/platform/queues?queue=${encodeURIComponent(name)}#parked`,
            guide: 'Parked messages and tasks',
          },
        });
      return problems;
    },
  );
}

function processProblems({ processes, queues }: Now): readonly Problem[] {
  if (!processes) return [];
  const problems: Problem[] = [];
  const has = (role: string) => processes.some(({ roles }) => roles.includes(role));
  const href = '/platform/queues#processes';
  const unserved = (queues ?? []).filter(({ served_by: served }) => served.length === 0);
  if (!has('worker'))
    problems.push({
      ...{ weight: 1, text: 'No process with the role worker is alive: nothing is sent.' },
      ...{ href, guide: 'Roles and queues' },
    });
  else if (unserved.length > 0)
    problems.push({
      weight: 2,
      text: `No process serves ${unserved.length === 1 ? 'the queue' : 'the queues'} ${unserved.map(({ name }) => name).join(', ')}: what comes into ${unserved.length === 1 ? 'it' : 'them'} will wait.`,
      ...{ href, guide: 'Roles and queues' },
    });
  if (!has('scheduler'))
    problems.push({
      weight: 2,
      text: 'No process with the role scheduler is alive: scheduled files do not begin, and nothing is tidied up.',
      ...{ href, guide: 'What runs on a schedule' },
    });
  for (const { host, pid, clock_skew_seconds: skew } of processes) {
    if (Math.abs(skew) <= mostSkewSeconds) continue;
    problems.push({
      weight: 3,
      text: `The clock of ${host} (process ${pid}) is ${durationText(Math.abs(skew))} ${skew > 0 ? 'ahead of' : 'behind'} the database’s.`,
      ...{ href, guide: 'Checking an installation' },
    });
  }
  return problems;
}

const stuckWords = {
  accepted: ['accepted message has not been stored', 'accepted messages have not been stored', 2],
  created: ['message that was due has not been sent', 'messages that were due have not been sent', 2],
  sending: [
    'sent message has no receipt of its provider',
    'sent messages have no receipt of their provider',
    3,
  ],
  callback: [
    'callback has not been taken by its service',
    'callbacks have not been taken by their services',
    3,
  ],
} as const;

function stuckProblems(totals: StuckTotals | null): readonly Problem[] {
  if (!totals) return [];
  return (Object.keys(stuckWords) as (keyof typeof stuckWords)[]).flatMap((kind) => {
    const count = totals[kind];
    if (count === 0) return [];
    const [one, many, weight] = stuckWords[kind];
    const text = `${inFigures(count)} ${count === 1 ? one : many} for more than 5 minutes.`;
    return [{ weight, text, href: `/platform/stuck?kind=${kind}`, guide: 'A message looks stuck' }];
  });
}

function taskProblems(tasks: readonly Task[], reader: Reader): readonly Problem[] {
  const shared = { href: '/platform/system#tasks', guide: 'What runs on a schedule' } as const;
  return tasks.flatMap((task): readonly Problem[] => {
    const { name, last_failed_at: failed, last_succeeded_at: succeeded, last_failure: failure } = task;
    if (failed !== null && (succeeded === null || failed > succeeded))
      return [
        {
          weight: 2,
          text: `The periodic task ${name} failed at ${shortTime(failed, reader)}${failure === null ? '' : ` (${failure})`}. It is tried again.`,
          ...shared,
        },
      ];
    const late = reader.now - Date.parse(task.next_due_at);
    if (late <= overdueMilliseconds) return [];
    const text = `The periodic task ${name} has been due for ${durationText(late / 1000)}.`;
    return [{ weight: 3, text, ...shared }];
  });
}
