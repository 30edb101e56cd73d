import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table, tag } from '../components/content.ts';
import { button, input } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { openPage, type Page, type PersonVisit, page, personPage, redirect } from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { addPage } from './add.ts';

type Figures = Readonly<{ requested: number; delivered: number; failed: number }>;
type ServiceEntry = Readonly<{
  id: string;
  name: string;
  restricted: boolean;
  active: boolean;
  statistics?: Readonly<Record<string, Figures>>;
}>;

const start = openPage('/', {
  get: () => redirect('/services'),
});

/** As many as are shown without a filter being offered. */
const fewServices = 10;

/** One's services (spec 07, section 6). */
const services = personPage('/services', {
  async get(visit) {
    const { api, person, query } = visit;
    const own = `/service?user_id=${person.id}`;
    const [plain, detailed] = await Promise.all([
      api.get<{ data: readonly ServiceEntry[] }>(own),
      api.getSoon<{ data: readonly ServiceEntry[] }>(`${own}&detailed=True`),
    ]);
    const figures = new Map(detailed?.data.map(({ id, statistics }) => [id, statistics]));
    const wanted = query.get('name')?.trim() ?? '';
    const shown = plain.data.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()));
    const rows = shown
      .toSorted((one, other) => one.name.localeCompare(other.name))
      .map(({ id, name, restricted, active }) => [
        { content: link(`/services/${id}`, html`<span dir="auto">${name}</span>`), header: true },
        ...numbers(visit, id, detailed ? (figures.get(id) ?? null) : 'late'),
        !active ? tag('Suspended', 'open') : restricted ? tag('Trial', 'open') : tag('Live', 'good'),
      ]);
    return page(
      'Your services',
      html`${heading(1, 'Your services')}${
        plain.data.length === 0 ? howToGetIn(visit) : null
      }${plain.data.length > fewServices || wanted !== '' ? filter(wanted) : null}${
        plain.data.length === 0
          ? null
          : table({
              caption: 'Your services',
              captionClasses: 'govuk-visually-hidden',
              head: [
                'Service',
                { text: 'Sent today', numeric: true },
                { text: 'Failed today', numeric: true },
                'State',
              ],
              rows,
              empty: html`None of your services has this in its name. ${link('/services', 'Show all')}`,
            })
      }${detailed === null ? paragraph('Figures are not available at the moment.') : null}${button({ text: 'Add a service', href: '/services/add', classes: 'govuk-button--secondary' })}`,
      { wide: true },
    );
  },
});

function numbers(
  { person }: PersonVisit,
  id: string,
  statistics: ServiceEntry['statistics'] | null | 'late',
) {
  const maySee = person.isOperator || person.permissions[id]?.includes('view_activity');
  if (statistics === 'late' || !statistics || !maySee) {
    const text = statistics === 'late' ? '…' : '–';
    return [
      { content: text, numeric: true },
      { content: text, numeric: true },
    ];
  }
  const all = Object.values(statistics);
  const sum = (of: keyof Figures) => all.reduce((total, figures) => total + figures[of], 0);
  return [sum('requested'), sum('failed')].map((count) => ({
    content: inFigures(count),
    numeric: true,
  }));
}

function filter(wanted: string): Html {
  return html`<form method="get" action="/services" class="app-actions">${input({ name: 'name', label: 'Part of the name', value: wanted, attributes: { autocomplete: 'off' } })}${button({ text: 'Filter', classes: 'govuk-button--secondary' })}</form>`;
}

function howToGetIn({ person }: PersonVisit): Html {
  return html`${paragraph('You are not in the team of any service yet.')}${insetText(
    html`To join one, ask somebody in its team to invite <span dir="auto">${person.email}</span>. Or add a service of your own: it begins in trial, and sends only to its team.`,
  )}${person.isOperator ? paragraph(html`As an operator you see ${link('/platform/services', 'all services of the platform')}.`) : null}`;
}

export const servicesPages: readonly Page[] = [start, services, addPage];
