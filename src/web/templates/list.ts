import { type Html, html } from '../../ground/html.ts';
import { type Cell, heading, paragraph, table, tag } from '../components/content.ts';
import { button, errorSummary, input, postForm, select, tickBox } from '../components/form.ts';
import { breadcrumbs, link } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { inFigures } from '../words/counts.ts';
import { timeOf } from '../words/times.ts';
import { examples } from './examples.ts';
import { type Folder, folderName, pathTo, readFolders } from './folders.ts';
import { copyTemplate } from './one.ts';
import { readTemplate, type TemplateType, typeNames } from './template.ts';

type Entry = Readonly<{ id: string; name: string; template_type: TemplateType; folder: string | null }>;
type Figures = Readonly<{ lastUsed: ReadonlyMap<string, string>; counts: ReadonlyMap<string, number> }>;

/** Most templates on one page; others are found by their name. */
const mostShown = 200;
/** Most templates that are copied at once. */
const mostCopied = 20;

/** What can be sent, by folder (spec 07, section 6). */
export const listPage = servicePage('/templates', 'member', {
  get: (visit) => showList(visit, null),
  async post(visit, form) {
    const { api, service, at, may } = visit;
    if (!may('manage_templates')) return redirect(at('/templates'));
    const templates = form.all('template');
    const chosen = [...form.all('folder'), ...templates];
    if (chosen.length === 0) return showList(visit, 'Choose at least one template or folder', form);
    if (form.text('do') === 'copy') return copyAll(visit, form, templates);
    const target = form.text('to');
    if (target === '') return showList(visit, 'Choose where to move them', form);
    const path = target === 'top' ? '/contents' : `/${encodeURIComponent(target)}/contents`;
    const outcome = await api.send(
      'POST',
      `/service/${service.id}/template-folder${path}`,
      { templates, folders: form.all('folder') },
      form.id,
    );
    if (!outcome.ok) return showList(visit, Object.values(outcome.fields).flat().join(' '), form);
    const said = chosen.length === 1 ? '1 thing was moved.' : `${chosen.length} things were moved.`;
    return redirect(
      at(target === 'top' ? '/templates' : `/templates?folder=${encodeURIComponent(target)}`),
      said,
    );
  },
});

async function copyAll(visit: ServiceVisit, form: Form, ids: readonly string[]): Promise<Answer> {
  const { api, service, at } = visit;
  if (ids.length === 0) return showList(visit, 'Folders cannot be copied: choose templates', form);
  if (ids.length > mostCopied) return showList(visit, `Choose ${mostCopied} templates at most`, form);
  const found = await Promise.all(ids.map((id) => readTemplate(api, service.id, id)));
  // One after the other, in the order in which they stand: the list is by name, and ids tell when they were made.
  for (const template of found) await copyTemplate(visit, template, `${form.id} ${template.id}`);
  const folder = form.text('here');
  return redirect(
    at(`/templates${folder === '' ? '' : `?folder=${encodeURIComponent(folder)}`}`),
    found.length === 1 ? '1 template was copied.' : `${found.length} templates were copied.`,
  );
}

async function readFigures({ api, service, may }: ServiceVisit): Promise<Figures | null | undefined> {
  if (!may('view_activity')) return undefined;
  type Count = Readonly<{ template_id: string; count: number }>;
  type Use = Readonly<{ template_id: string; last_date_used: string }>;
  const path = `/service/${service.id}/template-statistics`;
  const [week, uses] = await Promise.all([
    api.getSoon<{ data: readonly Count[] }>(`${path}?limit_days=7`),
    api.getSoon<{ data: readonly Use[] }>(`${path}/last-used`),
  ]);
  if (week === null || uses === null) return null;
  return {
    counts: new Map(week.data.map(({ template_id, count }) => [template_id, count])),
    lastUsed: new Map(uses.data.map(({ template_id, last_date_used }) => [template_id, last_date_used])),
  };
}

async function showList(
  visit: ServiceVisit,
  error: string | null,
  form: Form | null = null,
): Promise<Answer> {
  const { api, service, at, query, may } = visit;
  const [{ data: templates }, folders, figures] = await Promise.all([
    api.get<{ data: readonly Entry[] }>(`/service/${service.id}/template?detailed=False`),
    readFolders(api, service.id),
    readFigures(visit),
  ]);
  const here = (form ? form.text('here') : query.get('folder')) || null;
  const sought = (query.get('q') ?? '').trim();
  const path = pathTo(folders, here);
  const found = templatesIn(templates, here, sought);
  const inside = sought === '' ? folders.filter(({ parent_id }) => parent_id === here) : [];
  const title = path.at(-1)?.name ?? 'Templates';
  const isEmpty = templates.length === 0 && folders.length === 0;
  const mayWrite = may('manage_templates');
  const trail = [
    { text: 'Templates', ...(here !== null && { href: at('/templates') }) },
    ...path.map(({ id, name }) => ({
      text: name,
      ...(id !== here && { href: at(`/templates?folder=${id}`) }),
    })),
  ];
  return page(
    title,
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#templates' }])}${here === null ? null : breadcrumbs({ items: trail })}${heading(1, html`<span dir="auto">${title}</span>`)}${
      mayWrite
        ? html`<div class="app-actions">${button({ text: 'New template', href: at(`/templates/add${here === null ? '' : `?folder=${here}`}`) })}${button({ text: 'New folder', href: at(`/templates/folders/add${here === null ? '' : `?folder=${here}`}`), classes: 'govuk-button--secondary' })}${here === null ? null : link(at(`/templates/folders/${here}`), 'Rename or delete this folder')}${link(at('/templates/deleted'), 'Deleted templates')}</div>`
        : null
    }${isEmpty ? emptyView(visit) : html`${searchForm(at('/templates'), sought)}${listForm(visit, { found, inside, folders, figures, here, sought })}`}`,
    { wide: true, isError: error !== null, status: error === null ? 200 : 400 },
  );
}

/** By name; a search looks into all folders. */
function templatesIn(templates: readonly Entry[], here: string | null, sought: string): readonly Entry[] {
  const word = sought.toLocaleLowerCase('en');
  return templates
    .filter(({ folder, name }) =>
      sought === '' ? folder === here : name.toLocaleLowerCase('en').includes(word),
    )
    .toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
}

function emptyView({ at, may }: ServiceVisit): Html {
  if (!may('manage_templates'))
    return paragraph(
      'There are no templates yet. Somebody with the permission “Write templates” can add one.',
    );
  return html`${paragraph('There are no templates yet. Start from one of these, or from nothing.')}${examples.map(
    ({ key, type, name, content }) =>
      html`<section class="app-example">${heading(2, name)}<p class="govuk-body">${tag(typeNames[type])}</p><p class="app-bubble govuk-body">${content}</p>${link(at(`/templates/add?from=${key}`), html`Start from this<span class="govuk-visually-hidden">: ${name}</span>`)}</section>`,
  )}`;
}

function searchForm(action: string, sought: string): Html {
  return html`<form method="get" action="${action}" role="search" aria-label="Templates" class="app-search">${input({ name: 'q', type: 'search', label: 'Search by name', value: sought, attributes: { autocomplete: 'off' } })}${button({ text: 'Search', classes: 'govuk-button--secondary' })}</form>`;
}

type Listed = Readonly<{
  found: readonly Entry[];
  inside: readonly Folder[];
  folders: readonly Folder[];
  figures: Figures | null | undefined;
  here: string | null;
  sought: string;
}>;

function listForm(visit: ServiceVisit, { found, inside, folders, figures, here, sought }: Listed): Html {
  const { at, fields, may, zone } = visit;
  const mayWrite = may('manage_templates');
  const box = (kind: 'folder' | 'template', id: string, name: string): Cell =>
    tickBox({ id: `choose-${id}`, name: kind, value: id, what: `Choose ${name}` });
  const choice = (kind: 'folder' | 'template', id: string, name: string) =>
    mayWrite ? [box(kind, id, name)] : [];
  const figuresOf = (id: string): Cell[] => {
    if (figures === undefined) return [];
    if (figures === null) return ['Not available at the moment', ''];
    const used = figures.lastUsed.get(id);
    return [
      used === undefined ? 'Never' : timeOf(used, zone),
      { content: inFigures(figures.counts.get(id) ?? 0), numeric: true },
    ];
  };
  const none: Cell[] = figures === undefined ? [] : ['', ''];
  const rows = [
    ...inside.map(({ id, name }) => [
      ...choice('folder', id, name),
      { content: link(at(`/templates?folder=${id}`), html`<span dir="auto">${name}</span>`), header: true },
      'Folder',
      ...none,
    ]),
    ...found.slice(0, mostShown).map(({ id, name, template_type: type, folder }) => [
      ...choice('template', id, name),
      {
        content: html`${link(at(`/templates/${id}`), html`<span dir="auto">${name}</span>`)}${sought !== '' && folder !== null ? html` <span class="app-quiet">in <span dir="auto">${folderName(folders, folder)}</span></span>` : null}`,
        header: true,
      },
      typeNames[type],
      ...figuresOf(id),
    ]),
  ];
  const list = table({
    caption: sought === '' ? 'Templates and folders' : 'Templates found',
    captionClasses: 'govuk-visually-hidden',
    head: [
      ...(mayWrite ? ['Choose'] : []),
      ...['Name', 'Type'],
      ...(figures === undefined ? [] : ['Last used', { text: 'Sent in 7 days', numeric: true }]),
    ],
    rows,
    empty: sought === '' ? 'There is nothing in this folder.' : 'No template has this in its name.',
    id: 'templates',
  });
  const cut =
    found.length > mostShown
      ? paragraph(`These are the first ${mostShown} of ${found.length}. Search by name to find the others.`)
      : null;
  if (!mayWrite || rows.length === 0) return html`${list}${cut}`;
  return postForm(
    { action: at('/templates'), fields },
    html`<input type="hidden" name="here" value="${here ?? ''}">`,
    list,
    cut,
    html`<div class="app-actions app-actions--fields">${select({
      name: 'to',
      label: 'Move what is chosen to',
      items: [
        { value: '', text: 'Choose a folder' },
        ...(here === null && sought === '' ? [] : [{ value: 'top', text: 'Templates (no folder)' }]),
        ...folders
          .filter(({ id }) => id !== here)
          .map(({ id }) => ({ value: id, text: folderName(folders, id) }))
          .toSorted((one, other) => one.text.localeCompare(other.text, 'en')),
      ],
    })}${button({ text: 'Move', name: 'do', value: 'move', classes: 'govuk-button--secondary', preventDoubleClick: true })}${button({ text: 'Copy what is chosen', name: 'do', value: 'copy', classes: 'govuk-button--secondary', preventDoubleClick: true })}</div>`,
  );
}
