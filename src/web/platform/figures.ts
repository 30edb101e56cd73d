import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table } from '../components/content.ts';
import { button, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { operatorPage, type PersonVisit, page } from '../frame/page.ts';
import { stackedBars } from '../plots/bars.ts';
import { lines } from '../plots/lines.ts';
import { rangeSentence } from '../plots/plot.ts';
import { counted, inFigures, percent } from '../words/counts.ts';
import { dayText, delayText, shortDay } from '../words/times.ts';
import { dayBefore, dayNow, lengthOf, type Period, periodsAt } from './days.ts';
import type { Figures } from './facts.ts';
import { notNow } from './forms.ts';
import { serviceLink, typeNames } from './words.ts';

const path = '/platform/figures';
const ways = { day: 'By day', service: 'By service', provider: 'By provider' } as const;
type Way = keyof typeof ways;
/** What the API counts by service at most (spec 06, section 9). */
const mostDaysByService = 31;

type Stats = Readonly<
  Record<string, Readonly<{ total: number; 'test-key': number; failures: Readonly<Record<string, number>> }>>
>;

type Asked = Readonly<{ way: Way; period: Period; isShortened: boolean }>;

function askedFor({ query, now }: PersonVisit): Asked {
  const given = query.get('by') ?? '';
  const way = Object.hasOwn(ways, given) ? (given as Way) : 'day';
  const periods = periodsAt(now);
  const period = periods.find(({ value }) => value === query.get('period')) ?? periods[2]!;
  const isShortened = way === 'service' && lengthOf(period) > mostDaysByService;
  if (!isShortened) return { way, period, isShortened };
  return { way, period: { ...period, from: dayBefore(period.to, mostDaysByService - 1) }, isShortened };
}

const pathOf = ({ way, period: { from, to } }: Asked) =>
  `/platform/figures?${new URLSearchParams({ from, to, by: way })}`;

/** How much, how fast (spec 07, section 7). */
const figures = operatorPage(path, {
  async get(visit) {
    const { api, now } = visit;
    const asked = askedFor(visit);
    const { way, period, isShortened } = asked;
    const [{ data }, stats] = await Promise.all([
      api.get<{ data: readonly Figures[] }>(pathOf(asked)),
      api.getSoon<Stats>(`/platform-stats?start_date=${period.from}&end_date=${period.to}`),
    ]);
    const shown = { day: byDay, service: byService, provider: byProvider }[way];
    const download = new URLSearchParams({ by: way, period: period.value });
    return page(
      'Figures',
      html`${heading(1, 'Figures')}<form method="get" action="${path}" class="app-filter">${select({
        ...{ name: 'period', label: 'Period' },
        items: periodsAt(now).map(({ value, text }) => ({ value, text, selected: value === period.value })),
      })}${select({
        ...{ name: 'by', label: 'Show figures' },
        items: Object.entries(ways).map(([value, text]) => ({ value, text, selected: value === way })),
      })}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</form>${paragraph(`${dayText(period.from)} to ${dayText(period.to)}, by the London dates on which messages were accepted. Messages of test keys count only where it says so.`)}${
        isShortened
          ? insetText(
              `By service, ${mostDaysByService} days at most can be shown: these are the last ones of the period.`,
            )
          : null
      }${stats === null ? notNow('The totals') : totalsPart(stats)}${shown(data, period, now)}${
        data.length === 0 ? null : paragraph(link(`${path}.csv?${download}`, 'Download these figures as CSV'))
      }`,
      { wide: true },
    );
  },
});

const failureNames: Readonly<Record<string, string>> = {
  'technical-failure': 'Technical failure',
  'permanent-failure': 'Recipient doesn’t exist',
  'temporary-failure': 'Not accepting messages',
  'virus-scan-failed': 'Virus found',
};

function totalsPart(stats: Stats): Html {
  const types = Object.entries(stats).filter(
    ([type, one]) => type !== 'letter' || one.total + one['test-key'] > 0,
  );
  const failures = Object.keys(failureNames).filter(
    (failure) => failure !== 'virus-scan-failed' || types.some(([, one]) => one.failures[failure]),
  );
  return table({
    caption: 'In all',
    head: [
      'Type',
      ...['Messages', ...failures.map((failure) => failureNames[failure]!), 'With test keys'].map((text) => ({
        text,
        numeric: true,
      })),
    ],
    rows: types.map(([type, one]) => [
      { content: typeNames[type] ?? type, header: true },
      { content: inFigures(one.total), numeric: true },
      ...failures.map((failure) => ({ content: inFigures(one.failures[failure] ?? 0), numeric: true })),
      { content: inFigures(one['test-key']), numeric: true },
    ]),
  });
}

const outcomeSeries = [
  { name: 'Delivered', look: 1 },
  { name: 'Under way', look: 2 },
  { name: 'Failed', look: 3 },
] as const;
const delaySeries = [{ name: 'Half (p50)' }, { name: '95% (p95)' }, { name: '99% (p99)' }] as const;

const daysOf = ({ from }: Period, count: number) =>
  Array.from({ length: count }, (_, index) => dayBefore(from, -index));

function byDay(data: readonly Figures[], period: Period, now: number): Html {
  const today = dayNow(now);
  const days = daysOf(period, lengthOf(period)).filter((day) => day <= today);
  const rows = days.map((day) => {
    const found = data.filter((one) => one.day === day);
    const sum = (of: (one: Figures) => number) => found.reduce((total, one) => total + of(one), 0);
    const delivered = sum((one) => one.delivered);
    const failed = sum((one) => one.failed);
    const open = sum((one) => one.requested) - delivered - failed;
    return {
      ...{ label: dayText(day), short: day === today ? 'Today' : shortDay(day) },
      ...{ values: [delivered, open, failed], unfinished: day === today },
    };
  });
  const totals = rows.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const all = totals.reduce((sum, value) => sum + value, 0);
  const failed = rows.reduce((sum, { values }) => sum + values[2]!, 0);
  return html`${stackedBars({
    ...{ id: 'volumes', heading: 'Messages by day', series: outcomeSeries, rows, rowHeader: 'Day' },
    sentence:
      all === 0
        ? 'Nothing was sent.'
        : `${rangeSentence(totals, 'a day')}; ${failed === 0 ? 'none' : percent(failed, all)} failed.`,
    csvHref: null,
  })}${(['sms', 'email'] as const).map((type) => delayPlot(data, type, days))}`;
}

function delayPlot(data: readonly Figures[], type: 'sms' | 'email', days: readonly string[]): Html {
  const ofType = new Map(data.filter((one) => one.notification_type === type).map((one) => [one.day, one]));
  const milliseconds = (seconds: number | null | undefined) =>
    seconds === null || seconds === undefined ? null : seconds * 1000;
  const rows = days.map((day) => {
    const delay = ofType.get(day)?.handed_over;
    return {
      ...{ label: dayText(day), short: shortDay(day) },
      values: [milliseconds(delay?.p50), milliseconds(delay?.p95), milliseconds(delay?.p99)],
    };
  });
  const found = rows.flatMap(({ values }) => values[1] ?? []);
  const words = type === 'sms' ? 'text messages' : 'emails';
  const sentence =
    found.length === 0
      ? `No ${words} were handed over.`
      : `On the slowest day, 95% of the ${words} were handed over within ${delayText(Math.max(...found) / 1000)}.`;
  if (found.length === 0)
    return html`${heading(2, `How fast ${words} were handed over`)}${paragraph(sentence)}`;
  return lines({
    ...{ id: `delays-${type}`, heading: `How fast ${words} were handed over`, sentence, rows },
    ...{ series: delaySeries, rowHeader: 'Day', csvHref: null, scale: 'logarithmic' },
    format: (value) => delayText(value / 1000),
  });
}

function byService(data: readonly Figures[]): Html {
  return table({
    caption: 'Services, those that sent most first',
    head: [
      ...['Service', 'Type'],
      ...['Messages', 'Delivered', 'Failed', 'Fragments'].map((text) => ({ text, numeric: true })),
    ],
    rows: data
      .slice(0, mostRows)
      .map((one) => [
        { content: serviceLink(one.service_id ?? null, one.service_name), header: true },
        typeNames[one.notification_type]!,
        { content: inFigures(one.requested), numeric: true },
        { content: inFigures(one.delivered), numeric: true },
        { content: `${inFigures(one.failed)} (${percent(one.failed, one.requested)})`, numeric: true },
        { content: inFigures(one.units ?? 0), numeric: true },
      ]),
    empty: 'No service sent anything.',
  });
}

/** Rows of a table; a download has all. */
const mostRows = 200;

function byProvider(data: readonly Figures[]): Html {
  return html`${table({
    caption: 'Providers by day',
    head: [
      ...['Day', 'Provider', 'Type'],
      ...[
        'Handed over',
        'Delivered',
        'Failed',
        'Taken within (p50, p95, p99)',
        'Receipts within (p50, p95, p99)',
      ].map((text) => ({ text, numeric: true })),
    ],
    rows: data
      .toSorted((one, other) => (other.day ?? '').localeCompare(one.day ?? ''))
      .slice(0, mostRows)
      .map((one) => [
        { content: dayText(one.day!), header: true },
        one.provider ?? '–',
        typeNames[one.notification_type]!,
        { content: inFigures(one.requested), numeric: true },
        { content: inFigures(one.delivered), numeric: true },
        { content: `${inFigures(one.failed)} (${percent(one.failed, one.requested)})`, numeric: true },
        { content: delaysText(one.handed_over), numeric: true },
        { content: delaysText(one.delivered_after), numeric: true },
      ]),
    empty: 'Nothing was handed over.',
  })}${data.length > mostRows ? paragraph(`The ${counted(mostRows, 'row')} of the last days are shown; the download has all.`) : null}`;
}

function delaysText(delay: Figures['handed_over']): string {
  if (!delay || delay.count === 0) return '–';
  return [delay.p50, delay.p95, delay.p99].map(delayText).join(', ');
}

const columns = [
  ...[
    'day',
    'provider',
    'service_id',
    'service_name',
    'notification_type',
    'requested',
    'delivered',
    'failed',
  ],
  ...['test_keys', 'units', 'percentage_under_10_seconds'],
] as const;
const delayColumns = ['count', 'p50', 'p95', 'p99'] as const;

const download = operatorPage(`${path}.csv`, {
  async get(visit) {
    const asked = askedFor(visit);
    const { data } = await visit.api.get<{ data: readonly Figures[] }>(pathOf(asked));
    const head = [
      ...columns,
      ...delayColumns.map((name) => `handed_over_${name}`),
      ...delayColumns.map((name) => `delivered_after_${name}`),
    ];
    const rows = data.map((one) => [
      ...columns.map((name) => String(one[name] ?? '')),
      ...delayColumns.map((name) => String(one.handed_over?.[name] ?? '')),
      ...delayColumns.map((name) => String(one.delivered_after?.[name] ?? '')),
    ]);
    const { from, to } = asked.period;
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': `attachment; filename="figures-by-${asked.way}-${from}-${to}.csv"`,
      },
      body: byteOrderMark + [head, ...rows].map(csvLine).join(''),
    };
  },
});

export const figurePages = [figures, download];
