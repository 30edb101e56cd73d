import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { operatorPage, type PersonVisit, page } from '../frame/page.ts';
import { lines } from '../plots/lines.ts';
import { figuresCsv, type PlotRow, rangeSentence } from '../plots/plot.ts';
import { counted, inFigures } from '../words/counts.ts';
import { delayText, durationText, shortTime, shortTimeOf } from '../words/times.ts';
import { dayNow } from './days.ts';
import type { Calls, Figures, ProcessFacts, Provider, QueueFacts, StuckTotals, Task } from './facts.ts';
import { notNow, soon } from './forms.ts';
import { type Now, problemsOf } from './problems.ts';

/** How often what takes long to find out is asked for while somebody looks. */
const slowMilliseconds = 15_000;
const minute = 60_000;
/** Providers whose calls are added up. */
const mostProviders = 10;

type Facts = Now &
  Readonly<{
    figures: readonly Figures[] | null;
    /** Calls by minute, of all providers; null: they cannot be had. */
    calls: readonly Calls[] | null;
  }>;

/**
 * What is known of the platform. All are subjects, read once for all who look, so that the page costs the API the same
 * for any number of them.
 */
async function findFacts({ api, now, site }: PersonVisit): Promise<Facts> {
  const today = dayNow(now);
  const providers = soon(api.subject<{ provider_details: readonly Provider[] }>('/provider-details'));
  const [providerList, queues, processes, stuck, tasks, figures, calls] = await Promise.all([
    providers,
    soon(api.subject<{ queues: readonly QueueFacts[] }>('/platform/queues')),
    soon(api.subject<{ processes: readonly ProcessFacts[] }>('/platform/processes')),
    soon(api.subject<{ totals: StuckTotals }>('/platform/stuck', slowMilliseconds)),
    soon(api.subject<{ tasks: readonly Task[] }>('/platform/tasks', slowMilliseconds)),
    soon(
      api.subject<{ data: readonly Figures[] }>(
        `/platform/figures?from=${today}&to=${today}`,
        slowMilliseconds / 3,
      ),
    ),
    providers.then(async (found) => {
      const some = found?.provider_details.slice(0, mostProviders) ?? [];
      const each = some.map(({ id }) =>
        soon(api.subject<{ data: readonly Calls[] }>(`/provider-details/${id}/calls`, slowMilliseconds / 3)),
      );
      const all = await Promise.all(each);
      return found === null || all.includes(null) ? null : all.flatMap((one) => one!.data);
    }),
  ]);
  return {
    providers: providerList?.provider_details ?? null,
    queues: queues?.queues ?? null,
    processes: processes?.processes ?? null,
    stuck: stuck?.totals ?? null,
    tasks: tasks?.tasks ?? null,
    figures: figures?.data ?? null,
    sandboxTypes: site.sandboxTypes,
    calls,
  };
}

const platform = operatorPage('/platform', {
  live: true,
  async get(visit) {
    const facts = await findFacts(visit);
    const { region } = visit;
    const problems = problemsOf(facts, visit);
    return page(
      'What is wrong now',
      html`${heading(1, 'What is wrong now')}${region(
        'problems',
        problemList(facts, visit),
        problems.length === 0 ? 'Nothing is wrong.' : `${counted(problems.length, 'thing')} wrong.`,
      )}${region('figures', figuresNow(facts, visit))}${region('minutes', minutesPlot(facts.calls, visit))}${region(
        'processes-now',
        facts.processes === null ? notNow('The processes') : processTable(facts.processes, visit),
      )}${paragraph(html`Shown as of ${shortTime(visit.now, visit)}. ${link('/platform', 'Refresh')}`, 'app-quiet')}`,
      { wide: true },
    );
  },
});

function problemList(facts: Facts, visit: PersonVisit): Html {
  const problems = problemsOf(facts, visit);
  const unknown = (
    [
      ['providers', facts.providers],
      ['queues', facts.queues],
      ['processes', facts.processes],
      ['messages that hang', facts.stuck],
      ['periodic tasks', facts.tasks],
    ] as const
  ).flatMap(([name, part]) => (part === null ? [name] : []));
  const missing =
    unknown.length === 0
      ? null
      : paragraph(
          `What is wrong with ${unknown.join(', ')} cannot be told at the moment: the API does not say. The rest is shown.`,
          'app-quiet',
        );
  if (problems.length === 0)
    return html`${unknown.length === 0 ? paragraph(`All is well${since(facts, visit)}.`) : null}${missing}`;
  return html`<ol class="govuk-list govuk-list--spaced app-problems">${problems.map(
    ({ weight, text, href, guide }) =>
      html`<li class="app-problem app-problem--${weight}">${link(href, html`<span dir="auto">${text}</span>`)} <span class="app-quiet">operations.md, “${guide}”</span></li>`,
  )}</ol>${missing}`;
}

/** Since when all is well: what went wrong last is over, or the platform has run no longer. */
function since({ tasks, providers, processes }: Facts, visit: PersonVisit): string {
  const times = [
    ...(tasks ?? []).map((task) => task.last_failed_at),
    ...(providers ?? []).map((one) => (one.reason?.startsWith('Circuit closed') ? one.updated_at : null)),
    (processes ?? []).map((one) => one.started_at).toSorted()[0] ?? null,
  ].filter((time) => time !== null);
  const last = times.toSorted().at(-1);
  return last === undefined ? '' : `, as far as is known since ${shortTime(last, visit)}`;
}

function figuresNow({ figures, queues, calls }: Facts, visit: PersonVisit): Html {
  const sum = (of: (row: Figures) => number) =>
    figures === null ? null : figures.reduce((total, row) => total + of(row), 0);
  const oldest = queues === null ? null : Math.max(0, ...queues.map((queue) => queue.oldest_due_seconds));
  const last = calls === null ? null : inMinute(calls, visit.now - minute);
  const entries: readonly (readonly [name: string, value: string | null])[] = [
    ['accepted today', shown(sum(({ requested }) => requested))],
    ['handed over in the last whole minute', shown(last?.accepted ?? null)],
    ['delivered today', shown(sum(({ delivered }) => delivered))],
    ['failed today', shown(sum(({ failed }) => failed))],
    ['the oldest that waits', oldest === null ? null : oldest === 0 ? 'none' : durationText(oldest)],
  ];
  return html`${heading(2, 'Today')}<ul class="app-figures govuk-body">${entries.map(
    ([name, value]) =>
      html`<li><span class="app-figures__number">${value ?? '–'}</span> ${name}${value === null ? ', which cannot be had at the moment' : null}</li>`,
  )}</ul>${
    figures?.length
      ? paragraph(
          `From acceptance to a provider, half of today’s messages took at most ${figures.map(speedText).join(' and ')}.`,
        )
      : null
  }`;
}

function speedText({ notification_type: type, handed_over: delay }: Figures): string {
  return `${delayText(delay?.p50 ?? null)} (${type === 'sms' ? 'text messages' : 'emails'})`;
}

const shown = (count: number | null) => (count === null ? null : inFigures(count));

const outcomes = ['accepted', 'refused', 'failed', 'unknown'] as const;

/** What providers answered in the minute that `at` is in. */
function inMinute(calls: readonly Calls[], at: number): Record<(typeof outcomes)[number], number> {
  const start = Math.floor(at / minute) * minute;
  const found = calls.filter(({ from }) => Math.floor(Date.parse(from) / minute) * minute === start);
  const of = (outcome: (typeof outcomes)[number]) => found.reduce((sum, one) => sum + one[outcome], 0);
  return { accepted: of('accepted'), refused: of('refused'), failed: of('failed'), unknown: of('unknown') };
}

const series = [
  { name: 'Taken by a provider' },
  { name: 'Refused for good', look: 3 },
  { name: 'Failed, to be tried again', look: 2 },
  { name: 'Without an answer', look: 4 },
] as const;

function minuteRows(calls: readonly Calls[], visit: Pick<PersonVisit, 'now' | 'zone'>): readonly PlotRow[] {
  return Array.from({ length: 60 }, (_, index) => {
    const at = visit.now - (60 - index) * minute;
    const found = inMinute(calls, at);
    const label = shortTime(Math.floor(at / minute) * minute, visit);
    return { label, values: outcomes.map((outcome) => found[outcome]) };
  });
}

function minutesPlot(calls: readonly Calls[] | null, visit: PersonVisit): Html {
  if (calls === null) return html`${heading(2, 'Handed over by minute')}${notNow('The calls of providers')}`;
  const rows = minuteRows(calls, visit);
  const taken = rows.map(({ values }) => values[0] ?? 0);
  const sentence = taken.some((count) => count > 0)
    ? `${rangeSentence(taken, 'a minute')} in the last hour.`
    : 'Nothing was handed over in the last hour.';
  return lines({
    ...{ id: 'by-minute', heading: 'Handed over by minute', sentence, series, rows },
    ...{ rowHeader: 'Minute', csvHref: '/platform/minutes.csv' },
  });
}

const minutesFile = operatorPage('/platform/minutes.csv', {
  async get(visit) {
    const { calls } = await findFacts(visit);
    return figuresCsv('handed-over-by-minute', {
      ...{ series, rows: minuteRows(calls ?? [], visit), rowHeader: 'Minute' },
    });
  },
});

/** To the hundredth, without a sign at zero. */
export const skewText = (seconds: number) => (Math.round(seconds * 100) / 100 || 0).toFixed(2);

/** How far a clock is from that of the database. */
export function skewWords(skew: number): string {
  const seconds = skewText(Math.abs(skew));
  if (seconds === '0.00') return 'Right';
  return `${seconds} s ${skew > 0 ? 'ahead' : 'behind'}`;
}

/** The host and the number of a process. */
export const processName = ({ host, pid }: ProcessFacts) => `${host} (process ${pid})`;

/** Which processes are alive, and what they do. */
export function processTable(processes: readonly ProcessFacts[], visit: PersonVisit): Html {
  return table({
    caption: 'Processes',
    head: ['Process', 'Roles', 'Version', 'Started', 'Clock'],
    rows: processes.map((one) => [
      { content: processName(one), header: true },
      one.roles.join(', '),
      one.version,
      shortTimeOf(one.started_at, visit),
      skewWords(one.clock_skew_seconds),
    ]),
    empty: 'No process is alive, as far as the database knows.',
  });
}

export const nowPages = [platform, minutesFile];
