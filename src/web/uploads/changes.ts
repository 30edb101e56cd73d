import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { membersOnly } from '../frame/members.ts';
import { type Page, page, redirect, servicePage, Unexpected } from '../frame/page.ts';
import { counted } from '../words/counts.ts';
import { apiOf, fileLine } from './mend.ts';
import type { Upload } from './upload.ts';

/** What else is done with a file of recipients. */

const either = ['send_texts', 'send_emails'] as const;

const leaveOut = servicePage('/uploads/:upload/leave-out', either, {
  async post(visit, form) {
    const outcome = await visit.api.send<{ data: Upload; left_out: Upload }>(
      'POST',
      `${apiOf(visit)}/leave-out-faulty`,
      {},
      form.id,
    );
    if (!outcome.ok) throw new Unexpected(outcome);
    const { data, left_out: left } = outcome.data;
    return redirect(
      visit.at(`/uploads/${data.id}?left=${left.id}`),
      `${counted(left.notification_count, 'row was', 'rows were')} left out, and kept as a file to finish.`,
    );
  },
});

const keep = servicePage('/uploads/:upload/keep', either, {
  async post(visit, form) {
    const { api, service, params, person, at } = visit;
    const body = { id: params['upload'], created_by: person.id };
    const outcome = await api.send<{ id: string }>(
      'POST',
      `/service/${service.id}/contact-list`,
      body,
      form.id,
    );
    if (!outcome.ok) throw new Unexpected(outcome);
    return redirect(at(`/contact-lists/${outcome.data.id}`), 'Its rows are kept as a contact list.');
  },
});

const remove = servicePage('/uploads/:upload/delete', either, {
  async get(visit) {
    membersOnly(visit);
    const { data: upload } = await visit.api.get<{ data: Upload }>(apiOf(visit));
    const own = visit.at(`/uploads/${upload.id}`);
    return page(
      'Delete this file',
      html`${heading(1, 'Delete this file')}${fileLine(upload)}${paragraph(`Its ${counted(upload.notification_count, 'row is', 'rows are')} gone at once, and cannot be brought back. Nothing has been sent to them.`)}${postForm({ action: `${own}/delete`, fields: visit.fields }, button({ text: 'Delete the file', classes: 'govuk-button--warning', preventDoubleClick: true }))}${paragraph(link(own, 'Keep it'))}`,
      { back: { href: own, text: 'Back to the file' } },
    );
  },
  async post(visit) {
    const outcome = await visit.api.send('DELETE', apiOf(visit), undefined);
    if (!outcome.ok) throw new Unexpected(outcome);
    return redirect(visit.at('/files'), 'The file was deleted.');
  },
});

/** The file as CSV; `faulty=true`: the rows with a fault, with what is wrong as a column. */
const csv = servicePage('/uploads/:upload/csv', either, {
  async get(visit) {
    membersOnly(visit);
    const isFaulty = visit.query.get('faulty') === 'true';
    const file = await visit.api.download(`${apiOf(visit)}/csv${isFaulty ? '?faulty=true' : ''}`);
    return {
      kind: 'file',
      headers: {
        'Content-Type': 'text/csv; charset=utf-8',
        'Content-Disposition': `attachment; filename="${isFaulty ? 'rows-to-mend' : 'rows'}.csv"`,
      },
      body: file.body,
    };
  },
});

export const changePages: readonly Page[] = [leaveOut, keep, remove, csv];
