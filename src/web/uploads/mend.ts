import { type Html, html } from '../../ground/html.ts';
import { joined } from '../components/attributes.ts';
import { heading, insetText, paragraph } from '../components/content.ts';
import { button, checkboxes, fieldset, input, postForm } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { mailPolicy } from '../frame/headers.ts';
import { membersOnly } from '../frame/members.ts';
import {
  type Answer,
  Missing,
  type Page,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
  Unexpected,
} from '../frame/page.ts';
import { counted } from '../words/counts.ts';
import { messageOf } from './preview.ts';
import { mendableCells, type RowPreview, surplusOf, type Upload, type UploadRow } from './upload.ts';

/** Mending rows of a file, in the page (spec 07, section 8, journey 3). */

const kinds: Readonly<Record<string, string>> = {
  recipient: 'Rows with a recipient that is not valid',
  missing: 'Rows in which something is missing',
  'too-long': 'Rows whose message is too long',
  empty: 'Rows whose message is empty',
  'not-allowed': 'Rows that trial mode does not allow',
  'unclosed-quote': 'Rows with a quote that is not closed',
  'surplus-cells': 'Rows with more cells than columns',
  'damaged-character': 'Rows with a damaged character',
};

/** The path of an upload in the API. */
export function apiOf({ service, params }: ServiceVisit): string {
  return `/service/${service.id}/upload/${encodeURIComponent(params['upload'] ?? '')}`;
}

/** The number of a row in an address; null if it is none. */
export function rowNumberIn(text: string | null | undefined): number | null {
  return /^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : null;
}

const rows = servicePage('/uploads/:upload/rows', ['send_texts', 'send_emails'], {
  async get(visit) {
    membersOnly(visit);
    const { api, query, at, params } = visit;
    const kind = Object.hasOwn(kinds, query.get('kind') ?? '') ? query.get('kind') : null;
    const from = rowNumberIn(query.get('from'));
    const asked = new URLSearchParams(kind === null ? { faulty: 'true' } : { kind });
    if (from !== null) asked.set('from', String(Math.max(2, from)));
    const [{ data: upload }, found] = await Promise.all([
      api.get<{ data: Upload }>(apiOf(visit)),
      api.get<{ data: readonly UploadRow[]; links: { next?: string } }>(`${apiOf(visit)}/rows?${asked}`),
    ]);
    const own = at(`/uploads/${params['upload']}`);
    const here = (start: number | null) => {
      const parameters = new URLSearchParams({
        ...(kind !== null && { kind }),
        ...(start !== null && { from: String(start) }),
      });
      return `${own}/rows${parameters.size > 0 ? `?${parameters}` : ''}`;
    };
    const last = found.data.at(-1)?.row;
    const title = kind === null ? 'Rows to mend' : kinds[kind]!;
    const all =
      kind === null ? upload.faulty_rows : (upload.faults.find((fault) => fault.kind === kind)?.rows ?? 0);
    const isWhole = from === null && found.data.length >= all;
    const hasMore = last !== undefined && last <= upload.notification_count && !isWhole;
    return page(
      title,
      html`${heading(1, title)}${fileLine(upload)}${
        found.data.length === 0
          ? paragraph(from === null ? 'There are no such rows any more.' : 'There are no more such rows.')
          : postForm(
              { action: `${own}/rows`, fields: visit.fields },
              hidden('kind', kind ?? ''),
              hidden('from', from === null ? '' : String(from)),
              joined(found.data.map((row) => rowFields(upload, row, `${own}/rows/${row.row}`))),
              button({ text: 'Save and check again', preventDoubleClick: true }),
            )
      }${pagination({
        previous: from === null ? null : { href: here(null), text: 'First page' },
        next: hasMore ? { href: here(last + 1), text: 'Next rows' } : null,
      })}`,
      { back: { href: own, text: 'Back to the file' } },
    );
  },
  async post(visit, form) {
    const { at, params } = visit;
    const own = at(`/uploads/${params['upload']}`);
    await visit.api.get(apiOf(visit));
    const { count, upload } = await mendCells(visit, form);
    if (count === 0) return redirect(here(own, form), { notDone: 'Nothing was changed.' });
    const left = upload?.faulty_rows ?? 0;
    const said = `${counted(count, 'cell was', 'cells were')} changed. `;
    if (left === 0) return redirect(own, `${said}No row has a fault any more.`);
    return redirect(
      here(own, form),
      `${said}${counted(left, 'row')} still ${left === 1 ? 'has' : 'have'} to be mended.`,
    );
  },
});

function here(own: string, form: Form): string {
  const kind = form.text('kind');
  const from = rowNumberIn(form.text('from'));
  const parameters = new URLSearchParams({
    ...(Object.hasOwn(kinds, kind) && { kind }),
    ...(from !== null && { from: String(from) }),
  });
  return `${own}/rows${parameters.size > 0 ? `?${parameters}` : ''}`;
}

const one = servicePage('/uploads/:upload/rows/:row', ['send_texts', 'send_emails'], {
  get: rowPage,
  async post(visit, form) {
    await visit.api.get(apiOf(visit));
    const { count } = await mendCells(visit, form);
    return redirect(
      visit.path,
      count === 0
        ? { notDone: 'Nothing was changed.' }
        : `${counted(count, 'cell was', 'cells were')} changed.`,
    );
  },
});

async function rowPage(visit: ServiceVisit): Promise<Answer> {
  membersOnly(visit);
  const { api, at, params } = visit;
  const number = rowNumberIn(params['row']);
  if (number === null || number < 2) throw new Missing('No such row');
  const [{ data: upload }, found, preview] = await Promise.all([
    api.get<{ data: Upload }>(apiOf(visit)),
    api.get<{ data: readonly UploadRow[] }>(`${apiOf(visit)}/rows?from=${number}`),
    previewOf(visit, number),
  ]);
  const row = found.data[0];
  if (!row || row.row !== number) throw new Missing('No such row');
  const own = at(`/uploads/${params['upload']}`);
  const title = `Row ${number} of a file`;
  return page(
    title,
    html`${heading(1, `Row ${number}`)}${fileLine(upload)}${
      preview === null
        ? paragraph('The message of this row is too long to be shown.')
        : messageOf(
            upload.template_type,
            preview,
            upload.template_type === 'email' ? `${own}/rows/${number}/email` : null,
          )
    }${heading(2, 'Its values')}${postForm({ action: `${own}/rows/${number}`, fields: visit.fields }, rowFields(upload, row, null), button({ text: 'Save and check again', preventDoubleClick: true }))}${pagination(
      {
        previous: number > 2 ? { href: `${own}/rows/${number - 1}`, text: `Row ${number - 1}` } : null,
        next:
          number <= upload.notification_count
            ? { href: `${own}/rows/${number + 1}`, text: `Row ${number + 1}` }
            : null,
      },
    )}`,
    { back: { href: own, text: 'Back to the file' } },
  );
}

type RowWithMail = RowPreview & Readonly<{ html: string | null }>;

/** A row as it would be sent; null if it is too long. */
export async function previewOf(visit: ServiceVisit, row: number): Promise<RowWithMail | null> {
  try {
    const { data } = await visit.api.get<{ data: RowWithMail }>(`${apiOf(visit)}/row/${row}/preview`);
    return data;
  } catch (error) {
    // A row that there is not is told by the list of rows; what is left is an email that is too long.
    if (error instanceof NotFound) return null;
    throw error;
  }
}

/** The cells of a row to be filled in, each with what is wrong with it, and with the value it had. */
function rowFields(upload: Upload, row: UploadRow, href: string | null): Html {
  const cells = mendableCells(upload, row, href === null);
  const surplus = surplusOf(upload, row);
  const named = new Set(cells.map(({ column, message }) => (message === null ? null : column)));
  const ofRow = row.faults.filter(({ column }) => column === null || !named.has(column));
  const id = (index: number) => `cell-${row.row}-${index}`;
  const fields = cells.map(
    ({ index, column, value, message }) =>
      html`${hidden(`was-${row.row}-${index}`, value)}${hidden(`column-${row.row}-${index}`, column)}${input({
        name: id(index),
        label: html`<span dir="auto">${column}</span>`,
        value,
        error: message === null ? null : { text: message },
        attributes: { dir: 'auto', autocomplete: 'off', spellcheck: 'false' },
      })}`,
  );
  const content = html`${ofRow.map(({ message }) => insetText(html`<span dir="auto">${message}</span>`))}${fields}${
    surplus === null
      ? null
      : checkboxes({
          name: `surplus-${row.row}`,
          legend: 'What stands beyond the last column',
          items: [{ value: '1', text: html`Take away <span dir="auto">“${surplus}”</span>` }],
        })
  }`;
  if (href === null) return content;
  return fieldset({
    legend: `Row ${row.row}`,
    legendClasses: 'govuk-fieldset__legend--m',
    content: html`${content}${paragraph(link(href, html`See the whole row <span class="govuk-visually-hidden">${row.row}</span>`))}`,
  });
}

/** Sends the cells that differ from what they were, one after the other. */
async function mendCells(visit: ServiceVisit, form: Form): Promise<{ count: number; upload: Upload | null }> {
  let count = 0;
  let upload: Upload | null = null;
  const put = async (row: string, column: string | null, value: string) => {
    const outcome = await visit.api.send<{ data: Upload }>('POST', `${apiOf(visit)}/row/${row}`, {
      column,
      value,
    });
    if (!outcome.ok) throw new Unexpected(outcome);
    count += 1;
    upload = outcome.data.data;
  };
  for (const name of form.names) {
    const [, kind, row, index] = /^(cell|surplus)-(\d{1,9})(?:-(\d{1,5}))?$/.exec(name) ?? [];
    if (row === undefined) continue;
    if (kind === 'surplus') await put(row, null, '');
    else if (index !== undefined && form.text(name) !== form.text(`was-${row}-${index}`))
      await put(row, form.text(`column-${row}-${index}`), form.text(name));
  }
  return { count, upload };
}

const email = servicePage('/uploads/:upload/rows/:row/email', ['send_texts', 'send_emails'], {
  async get(visit) {
    membersOnly(visit);
    const number = rowNumberIn(visit.params['row']);
    const preview = number === null ? null : await previewOf(visit, number);
    if (preview?.html == null) throw new Missing('No email');
    return {
      kind: 'file',
      headers: { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': mailPolicy },
      body: preview.html,
    };
  },
});

export function hidden(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}">`;
}

/** Which file it is. */
export function fileLine({ original_file_name: name }: Pick<Upload, 'original_file_name'>): Html {
  return paragraph(html`File: <span dir="auto">${name}</span>`);
}

export const mendPages: readonly Page[] = [rows, one, email];
