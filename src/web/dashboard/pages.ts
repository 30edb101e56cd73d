import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table } from '../components/content.ts';
import { button } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { ApiAway } from '../frame/api.ts';
import { type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { stackedBars } from '../plots/bars.ts';
import { figuresCsv } from '../plots/plot.ts';
import { counted, inFigures, messagesOf } from '../words/counts.ts';
import { dayIn, timeOf } from '../words/times.ts';
import {
  type DayFigures,
  dayPlot,
  daySeries,
  daysUntil,
  type JobEntry,
  openJobs,
  sumsOf,
  type Type,
  totalOfSums,
  troubles,
  types,
} from './figures.ts';

/** Figures are by business days (spec 07, section 3). */
const businessZone = 'Europe/London';
const periods = [7, 30, 90] as const;
const longest = 90;
const mostTemplates = 10;
const mostFiles = 10;

type TemplateCount = Readonly<{
  count: number;
  template_id: string;
  template_name: string;
  template_type: Type;
}>;

/** What the page shows; null: it was not there in time. */
type Shown = Readonly<{
  days: readonly DayFigures[] | null;
  used: Readonly<Record<Type, number>> | null;
  templates: readonly TemplateCount[] | null;
  jobs: readonly JobEntry[] | null;
}>;

const notNow = paragraph('This is not available at the moment.');

/** How is my service doing? (spec 07, section 6) */
const dashboard = servicePage('', 'member', {
  live: true,
  async get(visit) {
    if (!visit.may('view_activity')) return redirect(visit.at('/templates'));
    const shown = await readAll(visit);
    const today = dayIn(visit.now, businessZone);
    const period = periodOf(visit);
    const isNew = shown.days !== null && shown.days.length === 0 && (shown.jobs ?? []).length === 0;
    const title = 'Dashboard';
    if (isNew)
      return page(
        title,
        html`${heading(1, title)}${visit.region('troubles', troubleList(visit, shown, today))}${firstSteps(visit)}`,
      );
    return page(
      title,
      html`${heading(1, title)}${visit.region('troubles', troubleList(visit, shown, today))}${visit.region(
        'figures',
        html`${byType(shown, today)}${limitsLeft(visit, shown)}${byDay(visit, shown, today, period)}`,
      )}${visit.region('files', files(visit, shown))}${visit.region('templates', templates(visit, shown))}<noscript>${paragraph(html`As of ${timeOf(visit.now, visit.zone)}. ${link(visit.path, 'Refresh')}`)}</noscript>`,
      { wide: true },
    );
  },
});

async function readAll({ api, service, now }: ServiceVisit): Promise<Shown> {
  const base = `/service/${service.id}`;
  const today = dayIn(now, businessZone);
  const from = daysUntil(today, longest)[0]!;
  const [days, used, templates, jobs] = await Promise.all([
    late(api.subject<{ data: readonly DayFigures[] }>(`${base}/statistics/daily?from=${from}&to=${today}`)),
    late(
      api.subject<{ by_type: Readonly<Record<Type, number>> }>(`${base}/notifications/count?limit_days=0`),
    ),
    late(api.subject<{ data: readonly TemplateCount[] }>(`${base}/template-statistics?limit_days=7`)),
    late(api.subject<{ data: readonly JobEntry[] }>(`${base}/job?limit_days=8`)),
  ]);
  return {
    days: days?.data ?? null,
    used: used?.by_type ?? null,
    templates: templates?.data ?? null,
    jobs: jobs?.data ?? null,
  };
}

/** null: it is not there in time, and the rest of the page is shown without it. */
async function late<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ApiAway) return null;
    throw error;
  }
}

function periodOf({ query }: ServiceVisit): number {
  return periods.find((days) => String(days) === query.get('period')) ?? 7;
}

function troubleList({ service, now, at, may }: ServiceVisit, shown: Shown, today: string): Html {
  const week = daysUntil(today, 7);
  const found = troubles({
    ...{ isActive: service.active, limits: service.limits, used: shown.used, now },
    week: (shown.days ?? []).filter(({ day }) => week.includes(day)),
    jobs: shown.jobs ?? [],
  });
  const trial = service.restricted
    ? paragraph(
        html`This service is in trial mode: it sends to its own team and guest list only. ${may('manage_settings') ? link(at('/settings'), 'Ask to go live in the settings') : null}`,
      )
    : null;
  if (shown.days === null)
    return html`${paragraph('The figures are not available at the moment, so it is not known whether everything arrived.')}${trial}`;
  if (found.length === 0) return html`${paragraph('Nothing is wrong.')}${trial}`;
  return html`${insetText(
    html`<ul class="govuk-list govuk-list--spaced">${found.map(
      ({ text, path, link: name }) =>
        html`<li><span dir="auto">${text}</span> ${path === null || name === null ? null : link(at(path), name)}</li>`,
    )}</ul>`,
  )}${trial}`;
}

function firstSteps({ at, may }: ServiceVisit): Html {
  const maySend = may('send_texts') || may('send_emails');
  return html`${paragraph('This service has sent nothing in the last 90 days.')}${
    maySend ? button({ text: 'Send your first message', href: at('/try') }) : null
  }${paragraph(link(at('/templates'), 'Look at the templates'))}`;
}

/** Today and the last 7 days by type. */
function byType({ days }: Shown, today: string): Html {
  if (days === null) return html`${heading(2, 'Today and the last 7 days')}${notNow}`;
  const week = daysUntil(today, 7);
  const rows = types.flatMap((type) => {
    const own = days.filter(({ notification_type: one }) => one === type);
    const name = type === 'sms' ? 'Text messages' : 'Emails';
    return [
      [`${name} today`, sumsOf(own.filter(({ day }) => day === today))] as const,
      [`${name}, last 7 days`, sumsOf(own.filter(({ day }) => week.includes(day)))] as const,
    ];
  });
  return table({
    caption: 'Today and the last 7 days',
    head: [
      'Messages',
      ...['Sent', 'Delivered', 'Under way', 'Failed'].map((text) => ({ text, numeric: true })),
    ],
    rows: rows.map(([name, sums]) => [
      { content: name, header: true },
      ...[totalOfSums(sums), sums.delivered, sums.underWay, sums.failed].map((count) => ({
        content: inFigures(count),
        numeric: true,
      })),
    ]),
  });
}

function limitsLeft({ service, may, at }: ServiceVisit, { used }: Shown): Html {
  const sentence =
    used === null
      ? 'How many can still be sent today is not available at the moment.'
      : `Today ${types.map((type) => messagesOf(type, Math.max(0, service.limits[type] - used[type]))).join(' and ')} can still be sent. The daily limits start again at midnight in London.`;
  return paragraph(
    html`${sentence} ${may('manage_settings') ? link(at('/settings'), 'See the limits') : null}`,
  );
}

function byDay({ at }: ServiceVisit, { days }: Shown, today: string, period: number): Html {
  if (days === null) return html`${heading(2, 'Messages by day')}${notNow}`;
  const { rows, sentence } = dayPlot(days, today, period);
  const choice = periods.map((count) =>
    count === period
      ? html`<li><strong aria-current="true">${count} days</strong></li>`
      : html`<li>${link(at(count === 7 ? '' : `?period=${count}`), `${count} days`)}</li>`,
  );
  return html`<nav aria-label="Period of the plot"><ul class="app-choices govuk-body">${choice}</ul></nav>${stackedBars(
    {
      ...{ id: 'by-day', heading: `Messages by day, last ${period} days`, sentence, rows, series: daySeries },
      rowHeader: 'Day (in London)',
      csvHref: at(`/by-day.csv?period=${period}`),
    },
  )}`;
}

const csv = servicePage('/by-day.csv', 'view_activity', {
  async get(visit) {
    const today = dayIn(visit.now, businessZone);
    const period = periodOf(visit);
    const from = daysUntil(today, period)[0]!;
    const { data } = await visit.api.get<{ data: readonly DayFigures[] }>(
      `/service/${visit.service.id}/statistics/daily?from=${from}&to=${today}`,
    );
    const days = daysUntil(today, period);
    return figuresCsv(`messages-by-day-${today}`, {
      rowHeader: 'Day',
      series: types.flatMap((type) =>
        daySeries.map(({ name }) => ({
          name: `${type === 'sms' ? 'Text messages' : 'Emails'}: ${name.toLowerCase()}`,
        })),
      ),
      rows: days.map((day) => ({
        label: day,
        values: types.flatMap((type) => {
          const { delivered, underWay, failed } = sumsOf(
            data.filter((one) => one.day === day && one.notification_type === type),
          );
          return [delivered, underWay, failed];
        }),
      })),
    });
  },
});

function files({ at, zone }: ServiceVisit, { jobs }: Shown): Html {
  if (jobs === null) return html`${heading(2, 'Files under way')}${notNow}`;
  const open = openJobs(jobs);
  if (open.length === 0)
    return html`${heading(2, 'Files under way')}${paragraph(html`No file is under way or scheduled. ${link(at('/files'), 'All files')}`)}`;
  return html`${table({
    caption: 'Files under way and scheduled',
    head: ['File', { text: 'Rows', numeric: true }, 'State'],
    rows: open.slice(0, mostFiles).map((job) => [
      {
        content: link(
          at(`/files/${job.id}`),
          html`<span dir="auto">${job.original_file_name ?? 'A file'}</span>`,
        ),
        header: true,
      },
      { content: inFigures(job.notification_count), numeric: true },
      stateOf(job, zone),
    ]),
  })}${open.length > mostFiles ? paragraph(link(at('/files'), `All ${counted(open.length, 'file')}`)) : null}`;
}

function stateOf(job: JobEntry, zone: string): Html {
  if (job.job_status === 'scheduled' && job.scheduled_for !== null)
    return html`Scheduled for ${timeOf(job.scheduled_for, zone)}`;
  if (job.job_status === 'paused') return html`Paused`;
  if (job.job_status === 'pending') return html`Waiting to begin`;
  return job.job_status === 'in progress'
    ? html`Being sent: ${inFigures(job.rows_done ?? 0)} of ${inFigures(job.notification_count)}`
    : html`Sent, waiting for the last reports`;
}

function templates({ at }: ServiceVisit, shown: Shown): Html {
  if (shown.templates === null) return html`${heading(2, 'Templates used in the last 7 days')}${notNow}`;
  const used = shown.templates.toSorted((a, b) => b.count - a.count).slice(0, mostTemplates);
  if (used.length === 0)
    return html`${heading(2, 'Templates used in the last 7 days')}${paragraph('None was used.')}`;
  return table({
    caption: 'Templates used in the last 7 days',
    head: ['Template', 'Type', { text: 'Messages', numeric: true }],
    rows: used.map(({ template_id: id, template_name: name, template_type: type, count }) => [
      { content: link(at(`/templates/${id}`), html`<span dir="auto">${name}</span>`), header: true },
      type === 'sms' ? 'Text message' : 'Email',
      {
        content: link(
          at(`/messages?template=${id}`),
          html`${inFigures(count)}<span class="govuk-visually-hidden"> messages of this template</span>`,
        ),
        numeric: true,
      },
    ]),
  });
}

export const dashboardPages: readonly Page[] = [dashboard, csv];
