import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, summaryList, table } from '../components/content.ts';
import { button, errorSummary, postForm, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import {
  type Answer,
  type Page,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
  Unexpected,
} from '../frame/page.ts';
import { counted, inFigures } from '../words/counts.ts';
import { timeInWords, timeOf } from '../words/times.ts';

/** Contact lists: files that are kept, to be sent to one template after another (spec 04, section 6.5). */

type ContactList = Readonly<{
  id: string;
  original_file_name: string;
  row_count: number;
  recent_job_count: number;
  has_jobs: boolean;
  template_type: 'sms' | 'email';
  created_by: string;
  created_at: string;
}>;

type TemplateEntry = Readonly<{ id: string; name: string; template_type: string }>;

const either = ['send_texts', 'send_emails'] as const;
const kindOf = { sms: 'Text messages', email: 'Emails' } as const;

/** The template that somebody came from, to be chosen already. */
function templateIn({ query }: ServiceVisit): string | null {
  const given = query.get('template') ?? '';
  return /^[0-9a-f-]{36}$/.test(given) ? given : null;
}

const lists = servicePage('/contact-lists', either, {
  async get(visit) {
    const { api, service, zone, at } = visit;
    const found = await api.get<readonly ContactList[]>(`/service/${service.id}/contact-list`);
    const template = templateIn(visit);
    const more = template === null ? '' : `?template=${template}`;
    const rows = found.map((list) => [
      {
        content: link(
          at(`/contact-lists/${list.id}${more}`),
          html`<span dir="auto">${list.original_file_name}</span>`,
        ),
        header: true,
      },
      kindOf[list.template_type],
      { content: inFigures(list.row_count), numeric: true },
      html`<span dir="auto">${list.created_by}</span>, ${timeOf(list.created_at, zone)}`,
      usedWords(list),
    ]);
    return page(
      'Contact lists',
      html`${heading(1, 'Contact lists')}${paragraph('A contact list is a file of recipients that is kept. You can send any template of its type to it, as often as you like.')}${table(
        {
          caption: 'Contact lists',
          captionClasses: 'govuk-visually-hidden',
          head: ['List', 'For', { text: 'Recipients', numeric: true }, 'Kept by', 'Used'],
          rows,
          empty: html`There is none yet. Upload a file to ${link(at('/templates'), 'one of your templates')}; once it is checked, its page offers to keep it.`,
        },
      )}`,
      { wide: true, back: { href: at('/files'), text: 'Back to the files' } },
    );
  },
});

function usedWords({ has_jobs: hasJobs, recent_job_count: recent }: ContactList): string {
  if (recent > 0) return `${counted(recent, 'time')} lately`;
  return hasJobs ? 'Not lately' : 'Not yet';
}

function apiOf({ service, params }: ServiceVisit): string {
  return `/service/${service.id}/contact-list/${encodeURIComponent(params['list'] ?? '')}`;
}

const list = servicePage('/contact-lists/:list', either, {
  get: (visit) => listPage(visit, templateIn(visit), null),
  async post(visit, form) {
    const { api, at } = visit;
    const template = form.text('template');
    if (template === '') return listPage(visit, null, 'Choose a template.');
    const query = new URLSearchParams({ template_id: template });
    const outcome = await api.send<{ data: { id: string } }>(
      'POST',
      `${apiOf(visit)}/upload?${query}`,
      {},
      form.id,
    );
    if (outcome.ok) return redirect(at(`/uploads/${outcome.data.data.id}`));
    return listPage(visit, template, Object.values(outcome.fields).flat().join('. '));
  },
});

async function listPage(visit: ServiceVisit, chosen: string | null, error: string | null): Promise<Answer> {
  const { api, service, zone, at, fields, may } = visit;
  const [found, { data: templates }] = await Promise.all([
    api.get<ContactList>(apiOf(visit)),
    api.get<{ data: readonly TemplateEntry[] }>(`/service/${service.id}/template?detailed=False`),
  ]);
  const own = at(`/contact-lists/${found.id}`);
  const fitting = templates.filter(({ template_type: type }) => type === found.template_type);
  const maySend = may(found.template_type === 'sms' ? 'send_texts' : 'send_emails');
  return page(
    'A contact list',
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#template' }])}${heading(1, html`<span dir="auto">${found.original_file_name}</span>`)}${summaryList(
      {
        rows: [
          { key: 'Recipients', value: inFigures(found.row_count) },
          { key: 'For', value: kindOf[found.template_type] },
          { key: 'Kept by', value: html`<span dir="auto">${found.created_by}</span>` },
          { key: 'Kept since', value: timeInWords(found.created_at, zone) },
          {
            key: 'Used',
            value: found.has_jobs
              ? html`${usedWords(found)}: ${link(at(`/files?list=${found.id}`), 'see what was sent')}`
              : usedWords(found),
          },
        ],
      },
    )}${maySend ? sendForm(fitting, chosen, error, own, fields, at) : insetText('You need the permission “Send” to use it.')}${maySend ? paragraph(link(`${own}/delete`, 'Delete this list')) : null}`,
    {
      back: { href: at('/contact-lists'), text: 'Back to the contact lists' },
      isError: error !== null,
      status: error === null ? 200 : 400,
    },
  );
}

function sendForm(
  templates: readonly TemplateEntry[],
  chosen: string | null,
  error: string | null,
  own: string,
  fields: Html,
  at: ServiceVisit['at'],
): Html {
  if (templates.length === 0)
    return paragraph(
      html`There is no template of its type yet. ${link(at('/templates/add'), 'Write one')} to send to this list.`,
    );
  return html`${heading(2, 'Send to this list')}${postForm(
    { action: own, fields },
    select({
      name: 'template',
      label: 'Template',
      hint: 'Nothing is sent yet: first you see the messages, and what they cost.',
      error: error === null ? null : { text: error },
      items: [
        { value: '', text: 'Choose a template' },
        ...templates.map(({ id, name }) => ({ value: id, text: name, selected: id === chosen })),
      ],
    }),
    button({ text: 'Check it', preventDoubleClick: true }),
  )}`;
}

const remove = servicePage('/contact-lists/:list/delete', either, {
  async get(visit) {
    const { api, at, fields } = visit;
    const found = await api.get<ContactList>(apiOf(visit));
    const own = at(`/contact-lists/${found.id}`);
    return page(
      'Delete this contact list',
      html`${heading(1, 'Delete this contact list')}${paragraph(html`<span dir="auto">${found.original_file_name}</span> with ${counted(found.row_count, 'recipient')} will be deleted at once, and cannot be brought back. What has been sent to it stays.`)}${postForm({ action: `${own}/delete`, fields }, button({ text: 'Delete the list', classes: 'govuk-button--warning', preventDoubleClick: true }))}${paragraph(link(own, 'Keep it'))}`,
      { back: { href: own, text: 'Back to the contact list' } },
    );
  },
  async post(visit) {
    const outcome = await visit.api.send('DELETE', apiOf(visit), undefined);
    if (!outcome.ok) throw new Unexpected(outcome);
    return redirect(visit.at('/contact-lists'), 'The contact list was deleted.');
  },
});

export const listPages: readonly Page[] = [lists, list, remove];
