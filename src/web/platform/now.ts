import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { operatorPage, type PersonVisit, page } from '../frame/page.ts';
import { lines } from '../plots/lines.ts';
import { figuresCsv, type PlotRow, rangeSentence } from '../plots/plot.ts';
import { counted, inFigures } from '../words/counts.ts';
import { delayText, durationText, shortTime, shortTimeOf } from '../words/times.ts';
import { dayNow } from './days.ts';
import type { Figures, Minute, ProcessFacts, Provider, QueueFacts, StuckTotals, Task } from './facts.ts';
import { notNow, soon } from './forms.ts';
import { type Now, problemsOf } from './problems.ts';

/** How often what takes long to find out is asked for while somebody looks. */
const slowMilliseconds = 15_000;
const minute = 60_000;
/** How far back minutes are shown, and how many of them are one point of the plot. */
const spans = { hour: { hours: 1, step: 1 }, day: { hours: 24, step: 15 } } as const;
type Span = keyof typeof spans;

type Facts = Now &
  Readonly<{
    figures: readonly Figures[] | null;
    /** Oldest first; null: they cannot be had. */
    minutes: readonly Minute[] | null;
  }>;

const spanOf = ({ query }: PersonVisit): Span => (query.get('last') === 'day' ? 'day' : 'hour');

/**
 * What is known of the platform. All are subjects, read once for all who look, so that the page costs the API the same
 * for any number of them.
 */
async function findFacts(visit: PersonVisit): Promise<Facts> {
  const { api, now, site } = visit;
  const today = dayNow(now);
  const [providers, queues, processes, stuck, tasks, figures, minutes] = await Promise.all([
    soon(api.subject<{ provider_details: readonly Provider[] }>('/provider-details')),
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
    minutesOf(visit),
  ]);
  return {
    providers: providers?.provider_details ?? null,
    queues: queues?.queues ?? null,
    processes: processes?.processes ?? null,
    stuck: stuck?.totals ?? null,
    tasks: tasks?.tasks ?? null,
    figures: figures?.data ?? null,
    sandboxTypes: site.sandboxTypes,
    minutes,
  };
}

async function minutesOf(visit: PersonVisit): Promise<readonly Minute[] | null> {
  const { hours } = spans[spanOf(visit)];
  const found = await soon(
    visit.api.subject<{ data: readonly Minute[] }>(`/platform/minutes?hours=${hours}`, slowMilliseconds / 3),
  );
  return found?.data ?? null;
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
      )}${region('figures', figuresNow(facts, visit))}${region('minutes', minutesPlot(facts.minutes, visit))}${region(
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

function figuresNow({ figures, queues, minutes }: Facts, visit: PersonVisit): Html {
  const sum = (of: (row: Figures) => number) =>
    figures === null ? null : figures.reduce((total, row) => total + of(row), 0);
  const oldest = queues === null ? null : Math.max(0, ...queues.map((queue) => queue.oldest_due_seconds));
  const last =
    minutes === null ? null : sumBetween(minutes, visit.now - (visit.now % minute) - minute, minute);
  const entries: readonly (readonly [name: string, value: string | null])[] = [
    ['accepted today', shown(sum(({ requested }) => requested))],
    ['handed over in the last whole minute', shown(last?.sent ?? null)],
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

const measures = ['accepted', 'sent', 'delivered', 'failed'] as const;

/** What changed in so many milliseconds from `from` on. A correction of what was counted before is no event. */
function sumBetween(
  minutes: readonly Minute[],
  from: number,
  milliseconds: number,
): Record<(typeof measures)[number], number> {
  const found = minutes.filter(({ minute: at }) => {
    const time = Date.parse(at);
    return time >= from && time < from + milliseconds;
  });
  const of = (measure: (typeof measures)[number]) =>
    Math.max(
      0,
      found.reduce((sum, one) => sum + one[measure], 0),
    );
  return { accepted: of('accepted'), sent: of('sent'), delivered: of('delivered'), failed: of('failed') };
}

const series = [
  { name: 'Accepted', look: 4 },
  { name: 'Taken by a provider', look: 2 },
  { name: 'Delivered', look: 1 },
  { name: 'Failed', look: 3 },
] as const;

/** The whole minutes, or quarters of an hour, up to now. */
function minuteRows(minutes: readonly Minute[], visit: PersonVisit): readonly PlotRow[] {
  const { hours, step } = spans[spanOf(visit)];
  const milliseconds = step * minute;
  const end = visit.now - (visit.now % milliseconds);
  const count = (hours * 60) / step;
  return Array.from({ length: count }, (_, index) => {
    const from = end - (count - index) * milliseconds;
    const found = sumBetween(minutes, from, milliseconds);
    return { label: shortTime(from, visit), values: measures.map((measure) => found[measure]) };
  });
}

function minutesPlot(minutes: readonly Minute[] | null, visit: PersonVisit): Html {
  const span = spanOf(visit);
  const title = span === 'hour' ? 'By minute' : 'By quarter of an hour';
  const other =
    span === 'hour'
      ? link('/platform?last=day', 'The last 24 hours')
      : link('/platform', 'The last hour, by minute');
  if (minutes === null)
    return html`${heading(2, title)}${notNow('What happened by minute')}${paragraph(other)}`;
  const rows = minuteRows(minutes, visit);
  const accepted = rows.map(({ values }) => values[0] ?? 0);
  const failed = rows.reduce((sum, { values }) => sum + (values[3] ?? 0), 0);
  const [per, last] = span === 'hour' ? ['a minute', 'hour'] : ['a quarter of an hour', '24 hours'];
  const sentence = accepted.some((count) => count > 0)
    ? `${rangeSentence(accepted, per)} accepted in the last ${last}; ${failed === 0 ? 'none' : inFigures(failed)} failed.`
    : `Nothing was accepted in the last ${last}${failed === 0 ? '' : `; ${inFigures(failed)} failed`}.`;
  return html`${lines({
    ...{ id: 'by-minute', heading: title, sentence, series, rows },
    ...{ rowHeader: 'From', csvHref: `/platform/minutes.csv${span === 'hour' ? '' : '?last=day'}` },
  })}${paragraph(other)}`;
}

const minutesFile = operatorPage('/platform/minutes.csv', {
  async get(visit) {
    const rows = minuteRows((await minutesOf(visit)) ?? [], visit);
    return figuresCsv('by-minute', { series, rows, rowHeader: 'From' });
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
