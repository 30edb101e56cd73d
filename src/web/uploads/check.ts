import { type Html, html } from '../../ground/html.ts';
import { joined } from '../components/attributes.ts';
import { details, heading, insetText, paragraph, summaryList, warningText } from '../components/content.ts';
import { button, errorSummary, input, postForm, radios, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { NotFound } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { membersOnly } from '../frame/members.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { counted, inFigures, inPounds, messagesOf } from '../words/counts.ts';
import { timeInWords } from '../words/times.ts';
import { apiOf, fileLine, previewOf, rowNumberIn } from './mend.ts';
import { messageOf } from './preview.ts';
import { daysFrom, hours, timeIn } from './schedule.ts';
import {
  canLeaveOut,
  faultsOfFile,
  groupWords,
  type RowPreview,
  type Upload,
  uploadSentence,
} from './upload.ts';

/** The check page of a file: what is wrong with it, what would be sent, and when (spec 07, section 8, journey 3). */

type Sender = Readonly<{ id: string; sms_sender?: string; email_address?: string; is_default: boolean }>;

/** What is known of a file that is about to be sent. */
type Check = Readonly<{
  upload: Upload;
  /** Empty if there is no choice. */
  senders: readonly Sender[];
  /** A row that somebody asked to see, by its number. */
  asked: Readonly<{ row: number; preview: RowPreview | null }> | null;
}>;

const check = servicePage('/uploads/:upload', ['send_texts', 'send_emails'], {
  async get(visit) {
    membersOnly(visit);
    const { api, service, query, params, at } = visit;
    const row = rowNumberIn(query.get('row'));
    const id = encodeURIComponent(params['upload'] ?? '');
    const [{ data: upload }, job, preview] = await Promise.all([
      api.get<{ data: Upload }>(apiOf(visit)),
      found(api.get(`/service/${service.id}/job/${id}`)),
      row === null ? null : previewOf(visit, row),
    ]);
    if (job !== null) return redirect(at(`/files/${upload.id}`));
    const senders = await sendersOf(visit, upload);
    return checkPage(visit, { upload, senders, asked: row === null ? null : { row, preview } }, null, []);
  },
  async post(visit, form) {
    membersOnly(visit);
    const { api, service, site, at, zone, now } = visit;
    const { data: upload } = await api.get<{ data: Upload }>(apiOf(visit));
    const time = timeIn(form, zone, now);
    const again = async (errors: readonly Fault[]) =>
      checkPage(visit, { upload, senders: await sendersOf(visit, upload), asked: null }, form, errors);
    if ('fault' in time) return again([{ text: time.fault, href: `#${time.field}` }]);
    const sender = form.text('sender');
    const outcome = await api.send<{ data: { id: string } }>(
      'POST',
      `/service/${service.id}/job`,
      {
        ...{ id: upload.id, created_by: visit.person.id },
        ...(sender !== '' && { sender_id: sender }),
        ...(time.at === null
          ? { hold_seconds: site.undoSeconds }
          : { scheduled_for: new Date(time.at).toISOString() }),
      },
      form.id,
    );
    if (outcome.ok) return redirect(at(`/files/${outcome.data.data.id}`));
    const about = outcome.fields['scheduled_for'];
    if (about) return again(about.map((text) => ({ text: pastOrFar(text), href: '#day' })));
    return again(
      Object.values(outcome.fields)
        .flat()
        .map((text) => ({ text, href: '#when' })),
    );
  },
});

type Fault = Readonly<{ text: string; href: string }>;

function pastOrFar(text: string): string {
  if (/past/.test(text)) return 'This time is over: choose a later one.';
  const most = /more than (.+) in the future/.exec(text)?.[1];
  return most ? `Choose a time within the next ${most}.` : text;
}

/** null if there is no such thing. */
async function found<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

async function sendersOf({ api, service }: ServiceVisit, upload: Upload): Promise<readonly Sender[]> {
  if (!upload.valid) return [];
  const kind = upload.template_type === 'sms' ? 'sms-sender' : 'email-reply-to';
  const senders = await api.getSoon<readonly Sender[]>(`/service/${service.id}/${kind}`);
  return senders !== null && senders.length > 1 ? senders : [];
}

function checkPage(visit: ServiceVisit, seen: Check, form: Form | null, errors: readonly Fault[]): Answer {
  const { upload } = seen;
  const { at, query, may } = visit;
  const own = at(`/uploads/${upload.id}`);
  const leftOut = query.get('left');
  const maySend = may(upload.template_type === 'sms' ? 'send_texts' : 'send_emails');
  const title = 'Check the file';
  return page(
    title,
    html`${errorSummary(errors)}${heading(1, title)}${paragraph(uploadSentence(upload), 'govuk-body-l')}${fileLine(upload)}${
      leftOut !== null && /^[0-9a-f-]{36}$/.test(leftOut)
        ? insetText(
            html`The rows that were left out are kept: ${link(at(`/uploads/${leftOut}`), 'finish them')} now, or later from ${link(at('/files'), 'Files')}.`,
          )
        : null
    }${fileFaults(upload, visit)}${rowFaults(upload, own, visit, maySend)}${warnings(upload, visit)}${summary(upload, visit)}${previews(seen, own)}${
      upload.valid && maySend ? sendForm(visit, seen, own, form, errors) : null
    }${otherThings(upload, own, visit, maySend)}`,
    {
      back: { href: at(`/templates/${upload.template}/upload`), text: 'Upload another file' },
      isError: errors.length > 0,
      status: errors.length > 0 ? 400 : 200,
    },
  );
}

function fileFaults(upload: Upload, { at }: ServiceVisit): Html | null {
  const faults = faultsOfFile(upload);
  if (faults.length === 0) return null;
  return html`${heading(2, 'What is wrong with the file')}<ul class="govuk-list govuk-list--bullet">${faults.map((text) => html`<li dir="auto">${text}</li>`)}</ul>${paragraph(link(at(`/templates/${upload.template}/upload`), 'Upload it again when it is mended'))}`;
}

function rowFaults(upload: Upload, own: string, { fields }: ServiceVisit, maySend: boolean): Html | null {
  const { fault_groups: groups, faulty_rows: faulty } = upload;
  if (faulty === 0) return null;
  const these = faulty === 1 ? 'this 1' : `these ${inFigures(faulty)}`;
  return html`${heading(2, 'What is wrong with its rows')}<ul class="govuk-list govuk-list--bullet">${groups.map(
    (group) => html`<li>${link(`${own}/rows?kind=${group.kind}`, groupWords(group))}</li>`,
  )}</ul><div class="app-actions govuk-body">${
    maySend
      ? button({
          text: `Mend ${faulty === 1 ? 'it' : 'them'} here`,
          href: `${own}/rows`,
          classes: 'govuk-button--secondary',
        })
      : null
  }${
    canLeaveOut(upload) && maySend
      ? postForm(
          { action: `${own}/leave-out`, fields },
          button({
            text: `Leave ${these} out`,
            classes: 'govuk-button--secondary',
            preventDoubleClick: true,
          }),
        )
      : null
  }${link(`${own}/csv?faulty=true`, `Download ${faulty === 1 ? 'it' : 'them'}, with what is wrong`)}</div>${
    canLeaveOut(upload)
      ? paragraph('What is left out is kept as a file of its own, to be finished later.', 'app-quiet')
      : null
  }`;
}

function warnings(upload: Upload, { at, zone }: ServiceVisit): Html {
  const { same_file: same, duplicate_count: repeated } = upload;
  return joined([
    same &&
      warningText(
        html`This file, or one of the same name, has been sent today already, on ${timeInWords(same.created_at, zone)}. ${link(at(`/files/${same.id}`), 'See what became of it')} before you send it again.`,
      ),
    repeated > 0
      ? insetText(
          `${counted(repeated, 'row has', 'rows have')} a recipient who is also in an earlier row: ${repeated === 1 ? 'that person gets' : 'they get'} more than one message.`,
        )
      : null,
  ]);
}

function summary(upload: Upload, { at, zone }: ServiceVisit): Html {
  const { template_type: type, notification_count: rows, limits } = upload;
  const isSms = type === 'sms';
  const left = `${messagesOf(type, limits.messages)}${
    limits.international_sms !== null && upload.international_count > 0
      ? `, ${inFigures(limits.international_sms)} of them abroad`
      : ''
  }`;
  return html`${heading(2, 'What would be sent')}${summaryList({
    rows: [
      {
        key: 'Messages',
        value: `${messagesOf(type, rows)}${upload.faulty_rows === 0 ? '' : ', once every row is mended'}`,
      },
      ...(isSms
        ? [
            { key: 'Fragments', value: fragmentsText(upload) },
            { key: 'Cost', value: inPounds(upload.cost_in_pounds) },
          ]
        : [{ key: 'Cost', value: 'Nothing: emails are free' }]),
      ...(upload.international_count > 0
        ? [{ key: 'To numbers abroad', value: inFigures(upload.international_count) }]
        : []),
      { key: 'Left today', value: `${left} can still be sent today` },
      {
        key: 'Template',
        value: html`${link(at(`/templates/${upload.template}`), 'See the template')}, version ${upload.template_version}`,
      },
      { key: 'Kept until', value: timeInWords(upload.expires_at, zone) },
    ],
  })}`;
}

function fragmentsText({ fragments, faulty_rows: faulty }: Upload): string {
  const known =
    faulty === 0 ? inFigures(fragments) : `${inFigures(fragments)}, without rows that lack something`;
  return `${known}. Long texts are sent, and paid for, as several.`;
}

function previews({ upload, asked }: Check, own: string): Html | null {
  const [first] = upload.preview;
  if (!first) return null;
  const { shortest, longest, template_type: type } = upload;
  const shown = (title: string, preview: RowPreview) =>
    html`${heading(3, html`${title}: ${link(`${own}/rows/${preview.row}`, `row ${preview.row}`)}`)}${messageOf(type, preview, null)}`;
  // A row that is several of these is shown once.
  const titles = new Map<number, { words: string[]; preview: RowPreview }>();
  for (const [word, preview] of [
    ['first', first],
    ['shortest', shortest],
    ['longest', longest],
  ] as const) {
    if (preview === null) continue;
    const known = titles.get(preview.row);
    titles.set(preview.row, {
      words: [...(known?.words ?? []), word],
      preview: { ...known?.preview, ...preview },
    });
  }
  const kinds = [...titles.values()].map(({ words, preview }) => {
    const title =
      upload.notification_count === 1 ? 'the only one' : words.join(words.length === 2 ? ' and ' : ', ');
    return shown(
      title.replace(/^./, (letter) => letter.toUpperCase()),
      preview,
    );
  });
  return html`${heading(2, 'Messages as they would arrive')}${kinds}${
    asked === null
      ? null
      : asked.preview === null
        ? paragraph(`Row ${asked.row} cannot be shown: there is no such row, or it is too long.`)
        : shown('Asked for', asked.preview)
  }<form method="get" action="${own}" novalidate>${input({
    name: 'row',
    label: 'Another row',
    hint: `From 2, the first below the header, to ${inFigures(upload.notification_count + 1)}`,
    classes: 'govuk-input--width-5',
    value: asked === null ? '' : String(asked.row),
    attributes: { inputmode: 'numeric', autocomplete: 'off' },
  })}${button({ text: 'Show this row', classes: 'govuk-button--secondary' })}</form>`;
}

function sendForm(
  { site, fields, zone, now }: ServiceVisit,
  { upload, senders }: Check,
  own: string,
  form: Form | null,
  errors: readonly Fault[],
): Html {
  const later = form?.text('when') === 'later';
  const days = daysFrom(zone, now);
  const faultAt = (field: string) => {
    const fault = errors.find(({ href }) => href === `#${field}`);
    return fault ? { text: fault.text } : null;
  };
  const undo =
    site.undoSeconds === 0
      ? undefined
      : `It can be stopped for ${counted(site.undoSeconds, 'second')} before anything is sent.`;
  const count = messagesOf(upload.template_type, upload.notification_count);
  return html`${heading(2, 'Send it')}${postForm(
    { action: own, fields },
    senders.length === 0 ? null : senderField(upload, senders, form),
    radios({
      name: 'when',
      legend: 'When',
      legendClasses: 'govuk-fieldset__legend--s',
      error: faultAt('when'),
      items: [
        { value: 'now', text: 'Now', ...(undo !== undefined && { hint: undo }), selected: !later },
        { value: 'later', text: 'At the time below', selected: later },
      ],
    }),
    html`<div class="app-fields">${select({
      name: 'day',
      label: 'Day',
      error: faultAt('day'),
      items: days.map(({ value, text }) => ({ value, text, selected: form?.text('day') === value })),
    })}${select({
      name: 'hour',
      label: 'Hour',
      error: faultAt('hour'),
      items: hours.map((value) => ({
        value,
        text: `${value}:00`,
        selected: (form?.text('hour') || '09') === value,
      })),
    })}</div>`,
    button({ text: `Send ${count}`, preventDoubleClick: true }),
  )}`;
}

function senderField(
  { sender_id: chosen, template_type: type }: Upload,
  senders: readonly Sender[],
  form: Form | null,
): Html {
  const selected = form?.text('sender') || chosen;
  return select({
    name: 'sender',
    label: type === 'sms' ? 'From' : 'Replies go to',
    items: senders.map(({ id, sms_sender: text, email_address: address, is_default: isDefault }) => ({
      value: id,
      text: `${text ?? address ?? ''}${isDefault ? ' (default)' : ''}`,
      selected: selected === null ? isDefault : selected === id,
    })),
  });
}

function otherThings(upload: Upload, own: string, { fields }: ServiceVisit, maySend: boolean): Html {
  const keep =
    upload.valid && maySend && upload.contact_list_id === null
      ? html`${paragraph('Its rows can be kept as a contact list, to be sent to other templates as often as you like.')}${postForm({ action: `${own}/keep`, fields }, button({ text: 'Keep as a contact list', classes: 'govuk-button--secondary', preventDoubleClick: true }))}`
      : null;
  return details({
    summary: 'More that can be done with this file',
    content: html`${keep}${paragraph(link(`${own}/csv`, 'Download the file as it is now'))}${maySend ? paragraph(link(`${own}/delete`, 'Delete the file')) : null}`,
  });
}

export const checkPages: readonly Page[] = [check];
