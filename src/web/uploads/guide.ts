import { byteOrderMark, csvLine } from '../../ground/csv.ts';
import { type Html, html } from '../../ground/html.ts';
import { details, heading, paragraph, table } from '../components/content.ts';
import { button, errorSummary, fileUpload } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Refused } from '../frame/api.ts';
import {
  type Answer,
  type Page,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
  Unexpected,
} from '../frame/page.ts';

import { exampleFor } from '../templates/template.ts';

/** How a file for a template has to look, an example, and the form that takes it (spec 07, section 6). */

type Template = Readonly<{
  id: string;
  name: string;
  template_type: 'sms' | 'email';
  subject: string | null;
  content: string;
  archived: boolean;
}>;

type Guide = Readonly<{ template: Template; columns: readonly string[] }>;

const recipientColumn = { sms: 'phone number', email: 'email address' } as const;
const exampleRecipient = { sms: '07700 900321', email: 'test@example.com' } as const;

async function guideOf({ api, service, params }: ServiceVisit): Promise<Guide> {
  const path = `/service/${service.id}/template`;
  const { data: template } = await api.get<{ data: Template }>(
    `${path}/${encodeURIComponent(params['template'] ?? '')}`,
  );
  const { template_type, subject, content } = template;
  // Reads only: which placeholders a content has is for the API to say.
  const shown = await api.send<{ placeholders: readonly string[] }>('POST', `${path}/preview`, {
    ...{ template_type, content },
    ...(subject !== null && { subject }),
  });
  if (!shown.ok) throw new Unexpected(shown);
  const recipient: string = recipientColumn[template_type];
  const same = (name: string) => name.toLowerCase().replace(/[\s_-]/g, '') === recipient.replace(' ', '');
  return { template, columns: [recipient, ...shown.data.placeholders.filter((name) => !same(name))] };
}

function exampleRow({ template, columns }: Guide): readonly string[] {
  return columns.map((name, index) =>
    index === 0 ? exampleRecipient[template.template_type] : exampleFor({ name, isConditional: false }),
  );
}

const guide = servicePage('/templates/:template/upload', ['send_texts', 'send_emails'], {
  get: async (visit) => guidePage(visit, await guideOf(visit), null),
  post: async (visit) => guidePage(visit, await guideOf(visit), 'Choose a file.'),
  async receive(visit, body, name) {
    if (name === '') return guidePage(visit, await guideOf(visit), 'Choose a file.');
    const { api, service, params, at } = visit;
    const query = new URLSearchParams({ template_id: params['template'] ?? '', file_name: name });
    const outcome = await api.upload<{ data: { id: string } }>(
      `/service/${service.id}/upload?${query}`,
      body,
    );
    if (outcome.ok) return redirect(at(`/uploads/${outcome.data.data.id}`));
    return guidePage(visit, await guideOf(visit), sentenceOf(outcome));
  },
});

function sentenceOf({ status, fields, retryAfter }: Refused): string {
  const said = Object.values(fields).flat().join('. ');
  if (status !== 429) return said === '' ? 'The file could not be read.' : said;
  return `Other files are being checked at the moment. Try again in ${retryAfter ?? 10} seconds.`;
}

function guidePage(visit: ServiceVisit, shown: Guide, error: string | null): Answer {
  const { fields, at } = visit;
  const { template, columns } = shown;
  const base = at(`/templates/${template.id}`);
  const title = 'Send to many from a file';
  const form = template.archived
    ? paragraph('This template has been deleted, so nothing can be sent with it.')
    : html`<form method="post" action="${base}/upload" enctype="multipart/form-data" novalidate data-upload>${fields}${fileUpload(
        {
          name: 'file',
          label: 'The file',
          labelClasses: 'govuk-label--m',
          hint: 'CSV, TSV, Excel (xlsx) or OpenDocument (ods), up to 10 MB and 100,000 rows.',
          error: error === null ? null : { text: error },
          attributes: { accept: '.csv,.tsv,.txt,.xlsx,.xlsm,.ods,.xls' },
        },
      )}<progress class="app-progress" aria-label="How much of the file has arrived" max="1" value="0" hidden></progress>${button({ text: 'Upload and check', preventDoubleClick: true })}</form>${paragraph('Nothing is sent yet: first you see what is in the file, and what it costs.')}${paragraph(link(at(`/contact-lists?template=${template.id}`), 'Send to a contact list instead'))}`;
  return page(
    title,
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#file' }])}${heading(1, title)}${paragraph(html`Template: <span dir="auto">${template.name}</span>`)}${paragraph(columnsSentence(columns))}${exampleTable(shown)}${paragraph(link(`${base}/example.csv`, 'Download this example as a file'))}${details(
      {
        summary: 'What the file may look like',
        content: html`${paragraph('The first row names the columns, in any order and in capitals or not. Other columns do no harm: they come back in the download of what became of the messages.')}${paragraph('Leave no zeros out: a phone number can begin with 07, +44 or the code of another country.')}${paragraph('For a list inside of a message, repeat a column: its values become the items.')}`,
      },
    )}${form}`,
    {
      back: { href: base, text: 'Back to the template' },
      isError: error !== null,
      status: error === null ? 200 : 400,
    },
  );
}

function columnsSentence(columns: readonly string[]): Html {
  const names = columns.map((name) => html`<strong dir="auto">${name}</strong>`);
  if (names.length === 1) return html`Your file needs one column: ${names}.`;
  const listed = names.map((name, index) => {
    if (index === 0) return name;
    return index === names.length - 1 ? html` and ${name}` : html`, ${name}`;
  });
  return html`Your file needs these ${columns.length} columns: ${listed}.`;
}

function exampleTable(shown: Guide): Html {
  return table({
    caption: 'Example',
    captionClasses: 'govuk-table__caption--s',
    head: shown.columns,
    rows: [exampleRow(shown)],
  });
}

const example = servicePage('/templates/:template/example.csv', ['send_texts', 'send_emails'], {
  async get(visit) {
    const shown = await guideOf(visit);
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': 'attachment; filename="example.csv"',
      },
      body: byteOrderMark + csvLine(shown.columns) + csvLine(exampleRow(shown)),
    };
  },
});

export const guidePages: readonly Page[] = [guide, example];
