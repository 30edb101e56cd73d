import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table } from '../components/content.ts';
import { button, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import { page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { stackedBars } from '../plots/bars.ts';
import { counted, inFigures, inPounds } from '../words/counts.ts';
import { dayIn } from '../words/times.ts';
import {
  type Costs,
  type Entry,
  financialYear,
  financialYearOf,
  forecastSentence,
  type Month,
  missingSentence,
  moneyText,
  monthsOf,
  monthText,
  yearSentence,
} from './costs.ts';

export type Alert = Readonly<{ period: 'month' | 'year'; amount_in_pounds: number; told_at: string | null }>;

/** Business days are days in London, as the API counts them. */
const businessZone = 'Europe/London';
const yearsToChoose = 5;
const mostShown = 50;

function yearIn({ query, now }: ServiceVisit): Readonly<{ year: number; today: string; current: number }> {
  const today = dayIn(now, businessZone);
  const current = financialYearOf(today);
  const given = query.get('year') ?? '';
  const year = /^20\d\d$/.test(given) ? Math.min(Number(given), current) : current;
  return { year, today, current };
}

const costsPath = ({ service }: ServiceVisit, year: number, by: string) => {
  const { from, to } = financialYear(year);
  return `/service/${service.id}/costs?from=${from}&to=${to}&by=${by}`;
};

/** What it costs, and what this month will (spec 07, journey 9). */
export const usage = servicePage('/usage', 'manage_settings', {
  async get(visit) {
    const { api, at, service } = visit;
    const { year, today, current } = yearIn(visit);
    const [costs, byTemplate, byFile, alerts] = await Promise.all([
      api.get<Costs>(costsPath(visit, year, 'month')),
      soon(visit, costsPath(visit, year, 'template')),
      soon(visit, costsPath(visit, year, 'job')),
      api.getSoon<{ data: readonly Alert[] }>(`/service/${service.id}/cost-alerts`),
    ]);
    const months = monthsOf(year, today, costs.data);
    const forecast = forecastSentence(costs, months);
    const missing = missingSentence(costs);
    const main = html`${heading(1, 'Usage')}${forecast === null ? null : html`<p class="govuk-body-l">${forecast}</p>`}${paragraph(yearSentence(costs, year))}${missing === null ? null : insetText(missing)}${alertSection(visit, alerts?.data ?? null)}${yearChoice(visit, year, current)}${plotOf(visit, year, months, costs)}${monthsTable(months)}${paragraph(
      `A text of up to 160 plain characters is 1 fragment, a longer one several. ${ratesSentence(costs)} A fragment to a number abroad can count as several. Days and months are those of London.`,
    )}${paragraph(link(`${at('/usage/download')}?year=${year}&by=month`, 'Download the months as CSV'))}${
      byTemplate === null ? lateSection('Templates by cost') : templatesSection(visit, byTemplate, year)
    }${byFile === null ? lateSection('Files by cost') : filesSection(visit, byFile)}`;
    return page('Usage', main, { wide: true });
  },
});

/** Costs that the page can do without: null if they are late, or more than the API lists. */
async function soon({ api }: ServiceVisit, path: string): Promise<Costs | null> {
  return api.getSoon<Costs>(path).catch((error: unknown) => {
    if (error instanceof NotFound) return null;
    throw error;
  });
}

const lateSection = (title: string): Html =>
  html`${heading(2, title)}${paragraph('This is not available at the moment.')}`;

function alertSection({ at }: ServiceVisit, alerts: readonly Alert[] | null): Html {
  const change = (text: string) => link(at('/usage/alert'), text);
  if (alerts === null) return paragraph(change('Be told at an amount'));
  if (alerts.length === 0)
    return paragraph(html`Nobody is told when costs rise. ${change('Be told at an amount')}`);
  const amounts = alerts.map(
    ({ period, amount_in_pounds: amount }) =>
      `${inPounds(amount)} in a ${period === 'month' ? 'month' : 'financial year'}`,
  );
  return paragraph(
    html`People who manage settings get an email at ${amounts.join(' and at ')}. ${change('Change the amounts')}`,
  );
}

function yearChoice({ path }: ServiceVisit, year: number, current: number): Html {
  const years = Array.from({ length: yearsToChoose }, (_, back) => current - back);
  return html`<form method="get" action="${path}"><div class="app-actions">${select({
    name: 'year',
    label: 'Financial year',
    items: (years.includes(year) ? years : [...years, year]).map((value) => ({
      value: String(value),
      text: `April ${value} to March ${value + 1}`,
      selected: value === year,
    })),
  })}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</div></form>`;
}

function ratesSentence({ rates }: Costs): string {
  const known = [...new Set(rates.flatMap(({ rate }) => (rate === null ? [] : [rate])))];
  if (known.length === 0) return 'No rate is set for this year.';
  return `A fragment costs ${known.map((rate) => inPounds(rate)).join(', later ')}.`;
}

function plotOf({ at }: ServiceVisit, year: number, months: readonly Month[], costs: Costs): Html {
  const { forecast } = costs;
  const rows = months.map(({ month, free, charged, units }) => {
    const rest = forecast?.month === month ? Math.max(0, forecast.units - units) : 0;
    return {
      label: monthText(month),
      short: monthText(month).slice(0, 3),
      values: [free, charged, ...(forecast === null ? [] : [rest])],
      unfinished: forecast?.month === month,
    };
  });
  const units = months.map((one) => one.units);
  const most = Math.max(0, ...units);
  const sentence =
    most === 0
      ? 'No text was paid for or free in these months.'
      : `Between ${inFigures(Math.min(...units))} and ${inFigures(most)} fragments a month; ${inFigures(costs.total.free_units)} of ${inFigures(costs.total.units)} were free.`;
  return stackedBars({
    id: 'fragments',
    heading: 'Fragments by month',
    sentence,
    series: [
      { name: 'Free', look: 1 },
      { name: 'To pay', look: 3 },
      ...(forecast === null ? [] : [{ name: 'Forecast', look: 2 as const }]),
    ],
    rows,
    rowHeader: 'Month',
    csvHref: `${at('/usage/download')}?year=${year}&by=month`,
  });
}

const figure = (value: number | null) => ({ content: value === null ? '' : inFigures(value), numeric: true });
const money = (pounds: number | null) => ({ content: moneyText(pounds), numeric: true });
const numeric = (text: string) => ({ text, numeric: true });

function monthsTable(months: readonly Month[]): Html {
  return table({
    caption: 'By month',
    head: ['Month', ...['Text messages', 'Fragments', 'Free', 'To pay', 'Cost', 'Emails'].map(numeric)],
    rows: months
      .toReversed()
      .map(({ month, texts, fragments, free, charged, cost, emails }) => [
        { content: monthText(month), header: true },
        ...[figure(texts), figure(fragments), figure(free), figure(charged), money(cost), figure(emails)],
      ]),
  });
}

function templatesSection({ at }: ServiceVisit, { data }: Costs, year: number): Html {
  const rows = data.slice(0, mostShown).map((one) => [
    {
      content: link(at(`/templates/${one.template_id}`), html`<bdi>${nameOf(one.template_name)}</bdi>`),
      header: true,
    },
    one.notification_type === 'sms' ? 'Text message' : 'Email',
    ...[figure(one.messages), figure(one.fragments), money(one.cost_in_pounds)],
  ]);
  return html`${table({
    caption: 'Templates by cost',
    head: ['Template', 'Type', ...['Messages', 'Fragments', 'Cost'].map(numeric)],
    rows,
    empty: 'No template was used in this year.',
  })}${data.length > mostShown ? paragraph(`${counted(data.length - mostShown, 'more template')} cost less.`) : null}${
    data.length === 0
      ? null
      : paragraph(link(`${at('/usage/download')}?year=${year}&by=template`, 'Download the templates as CSV'))
  }`;
}

const nameOf = (name: string | undefined): string => name || 'Without a name';

function filesSection({ at }: ServiceVisit, { data }: Costs): Html {
  const dearest = data.toSorted((a, b) => (b.full_cost_in_pounds ?? 0) - (a.full_cost_in_pounds ?? 0));
  const rows = dearest.slice(0, mostShown).map((one) => [
    {
      content: link(at(`/files/${one.job_id}`), html`<bdi>${nameOf(one.original_file_name)}</bdi>`),
      header: true,
    },
    one.notification_type === 'sms' ? 'Text message' : 'Email',
    ...[figure(one.messages), money(one.full_cost_in_pounds)],
  ]);
  return html`${table({
    caption: 'Files by cost',
    head: ['File', 'Type', ...['Messages', 'Cost without the allowance'].map(numeric)],
    rows,
    empty: 'No file was sent in this year.',
  })}${data.length > mostShown ? paragraph(`${counted(data.length - mostShown, 'more file')} cost less.`) : null}`;
}

/** The months or templates of a year as a file. */
export const downloadUsage = servicePage('/usage/download', 'manage_settings', {
  async get(visit) {
    const { year, today } = yearIn(visit);
    const by = visit.query.get('by') === 'template' ? 'template' : 'month';
    const costs = await visit.api.get<Costs>(costsPath(visit, year, by));
    const lines =
      by === 'template' ? templateLines(costs.data) : monthLines(monthsOf(year, today, costs.data));
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': `attachment; filename="usage-${year}-${by}s.csv"`,
      },
      body: byteOrderMark + lines.map(csvLine).join(''),
    };
  },
});

const cell = (value: number | null): string => (value === null ? '' : String(value));

function monthLines(months: readonly Month[]): readonly (readonly string[])[] {
  const head = [
    'Month',
    'Text messages',
    'Fragments',
    'Units',
    'Free units',
    'Charged units',
    'Cost in pounds',
    'Emails',
  ];
  return [
    head,
    ...months.map((one) => [
      one.month,
      ...[one.texts, one.fragments, one.units, one.free, one.charged, one.cost, one.emails].map(cell),
    ]),
  ];
}

function templateLines(data: readonly Entry[]): readonly (readonly string[])[] {
  const head = [
    'Template',
    'Id',
    'Type',
    'Messages',
    'Fragments',
    'Units',
    'Free units',
    'Charged units',
    'Cost in pounds',
  ];
  return [
    head,
    ...data.map((one) => [
      ...[one.template_name ?? '', one.template_id ?? '', one.notification_type],
      ...[one.messages, one.fragments, one.units, one.free_units, one.charged_units, one.cost_in_pounds].map(
        cell,
      ),
    ]),
  ];
}
