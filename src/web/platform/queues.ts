import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag, warningText } from '../components/content.ts';
import { button, errorSummary, postForm, select, tickBox } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, operatorPage, type PersonVisit, page, redirect } from '../frame/page.ts';
import { counted, inFigures } from '../words/counts.ts';
import { durationText, shortTimeOf } from '../words/times.ts';
import type { Parked, ProcessFacts, QueueFacts } from './facts.ts';
import {
  chosenIn,
  each,
  type Fault,
  faultAt,
  faultsOfReason,
  hiddenIds,
  notNow,
  reasonInput,
  reasonOf,
  summaryOf,
} from './forms.ts';
import { processName, processTable } from './now.ts';
import { idText, queueMeanings, serviceLink } from './words.ts';

const path = '/platform/queues';
/** What one form releases of a queue: so many requests of 1,000 each. */
const mostLots = 10;

/** What waits, who serves it, and what is parked (spec 07, section 7). */
const queues = operatorPage(path, {
  get: (visit) => queuesPage(visit, [], null),
  async post(visit, form) {
    const what = form.text('do');
    if (what === 'release-queue') return releaseQueue(visit, form);
    const ids = chosenIn(form);
    if (ids.length === 0)
      return queuesPage(visit, [{ id: 'parked', text: 'Choose what to release or drop.' }], form);
    if (what === 'ask-drop') return dropPage(visit, ids, [], form);
    const faults = faultsOfReason(form);
    if (what === 'drop')
      return faults.length > 0 ? dropPage(visit, ids, faults, form) : drop(visit, ids, form);
    if (faults.length > 0) return queuesPage(visit, faults, form);
    const { done, gone } = await each(ids, (id) =>
      visit.api.send(
        'POST',
        `/platform/parked/${id}/release`,
        { reason: reasonOf(form) },
        `${form.id}-${id}`,
      ),
    );
    return redirect(path, `${counted(done, 'task')} released.${goneText(gone)}`);
  },
});

const goneText = (gone: number) =>
  gone === 0 ? '' : ` ${counted(gone, 'task')} ${gone === 1 ? 'was' : 'were'} no longer parked.`;

async function releaseQueue(visit: PersonVisit, form: Form): Promise<Answer> {
  const queue = form.text('queue');
  const faults = [
    ...(Object.hasOwn(queueMeanings, queue) ? [] : [{ id: 'queue', text: 'Choose the queue.' }]),
    ...faultsOfReason(form, 'reason-queue'),
  ];
  if (faults.length > 0) return queuesPage(visit, faults, form);
  let released = 0;
  let more = true;
  for (let lot = 0; more && lot < mostLots; lot += 1) {
    const outcome = await visit.api.send<{ released: number; more: boolean }>(
      'POST',
      '/platform/parked/release',
      { queue, reason: reasonOf(form) },
      `${form.id}-${lot}`,
    );
    if (!outcome.ok) return queuesPage(visit, [{ id: null, text: 'The API refused it.' }], form);
    released += outcome.data.released;
    more = outcome.data.more;
  }
  return redirect(
    path,
    `${counted(released, 'task')} of ${queue} released.${more ? ' There may be more: do it again.' : ''}`,
  );
}

async function drop(visit: PersonVisit, ids: readonly string[], form: Form): Promise<Answer> {
  const { done, gone, refusals } = await each(ids, (id) =>
    visit.api.send('POST', `/platform/parked/${id}/drop`, { reason: reasonOf(form) }, `${form.id}-${id}`),
  );
  if (refusals.length > 0)
    return queuesPage(
      visit,
      [
        ...(done > 0 ? [{ id: null, text: `${counted(done, 'task')} dropped; the others were not.` }] : []),
        ...refusals.map((text) => ({ id: 'parked', text })),
      ],
      null,
    );
  return redirect(path, `${counted(done, 'task')} dropped.${goneText(gone)}`);
}

/** What cannot be undone is asked for once more. */
function dropPage(visit: PersonVisit, ids: readonly string[], faults: readonly Fault[], form: Form): Answer {
  const title = `Drop ${counted(ids.length, 'parked task')}`;
  return page(
    title,
    html`${errorSummary(summaryOf(faults))}${heading(1, title)}${warningText('This cannot be undone. A message that was still to be sent is never sent: it becomes a technical failure, and its service is told.')}${postForm(
      { action: path, fields: visit.fields },
      ...hiddenIds(ids),
      reasonInput(faults, form),
      html`<div class="app-actions">${button({ text: `Drop ${ids.length === 1 ? 'it' : 'them'} for good`, name: 'do', value: 'drop', classes: 'govuk-button--warning', preventDoubleClick: true })}${link(path, 'Leave everything as it is')}</div>`,
    )}`,
    {
      isError: faults.length > 0,
      status: faults.length > 0 ? 400 : 200,
      back: { href: path, text: 'Queues' },
    },
  );
}

async function queuesPage(visit: PersonVisit, faults: readonly Fault[], form: Form | null): Promise<Answer> {
  const { api, query } = visit;
  const asked = query.get('queue') ?? '';
  const queue = Object.hasOwn(queueMeanings, asked) ? asked : null;
  const older = query.get('older_than');
  const filter = new URLSearchParams({
    ...(queue !== null && { queue }),
    ...(older !== null && { older_than: older }),
  });
  const [found, processes, parked] = await Promise.all([
    api.getSoon<{ queues: readonly QueueFacts[] }>('/platform/queues'),
    api.getSoon<{ processes: readonly ProcessFacts[] }>('/platform/processes'),
    api.getSoon<{ parked: readonly Parked[] }>(`/platform/parked?${filter}`),
  ]);
  return page(
    'Queues',
    html`${errorSummary(summaryOf(faults))}${heading(1, 'Queues')}${
      found === null ? notNow('The queues') : queueTable(found.queues, processes?.processes ?? null)
    }${parked === null ? notNow('What is parked') : parkedPart(visit, parked.parked, queue, faults, form)}<div id="processes">${
      processes === null ? notNow('The processes') : processTable(processes.processes, visit)
    }</div>`,
    { wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
  );
}

function queueTable(found: readonly QueueFacts[], processes: readonly ProcessFacts[] | null): Html {
  const names = new Map((processes ?? []).map((one) => [one.id, processName(one)]));
  const isIdle = found.every(({ waiting, active }) => waiting === 0 && (active ?? 0) === 0);
  return html`${isIdle ? paragraph('Nothing waits: all is well.') : null}${table({
    caption: 'What waits',
    head: [
      'Queue',
      ...['Waiting', 'Due later', 'Being worked on', 'Oldest', 'Parked'].map((text) => ({
        text,
        numeric: true,
      })),
      'Served by',
    ],
    rows: found.map((one) => [
      {
        content: html`<code>${one.name}</code><br><span class="app-quiet">${queueMeanings[one.name] ?? ''}</span>`,
        header: true,
      },
      { content: inFigures(one.waiting), numeric: true },
      { content: inFigures(one.delayed), numeric: true },
      { content: one.active === null ? '–' : inFigures(one.active), numeric: true },
      {
        content: html`<span class="app-together">${one.waiting === 0 ? '–' : durationText(one.oldest_due_seconds)}</span>`,
        numeric: true,
      },
      {
        content: one.parked === 0 ? '0' : link(`${path}?queue=${one.name}#parked`, inFigures(one.parked)),
        numeric: true,
      },
      one.served_by.length === 0
        ? tag('Nobody', one.waiting > 0 ? 'bad' : 'open')
        : one.served_by.length > 3
          ? counted(one.served_by.length, 'process', 'processes')
          : one.served_by.map((id) => names.get(id) ?? 'a process').join('; '),
    ]),
  })}`;
}

function parkedPart(
  visit: PersonVisit,
  parked: readonly Parked[],
  queue: string | null,
  faults: readonly Fault[],
  form: Form | null,
): Html {
  const title = queue === null ? 'Parked' : `Parked in ${queue}`;
  if (parked.length === 0)
    return html`<div id="parked">${heading(2, title)}${paragraph('Nothing is parked: all is well.')}${queue === null ? null : paragraph(link(`${path}#parked`, 'Show all queues'))}</div>`;
  const rows = parked.map((one) => [
    tickBox({ id: `id-${one.id}`, name: 'id', value: one.id, what: `Choose ${one.id}` }),
    { content: idText(one.id), header: true },
    html`<code>${one.queue}</code>`,
    serviceLink(one.service, one.service_name),
    shortTimeOf(one.parked_at, visit, 'Not known'),
    { content: inFigures(one.tries), numeric: true },
    html`<span dir="auto">${one.reason ?? 'Somebody parked it by hand'}</span>`,
  ]);
  const next = new URLSearchParams({
    ...(queue !== null && { queue }),
    older_than: parked.at(-1)!.id,
  });
  const isWhole = form?.text('do') === 'release-queue';
  return html`<div id="parked">${heading(2, title)}${paragraph('They failed for good and are kept: no worker takes them until somebody releases them. Mend the cause first.')}${queue === null ? null : paragraph(link(`${path}#parked`, 'Show all queues'))}${postForm(
    { action: path, fields: visit.fields },
    table({
      ...{ caption: title, captionClasses: 'govuk-visually-hidden' },
      head: ['Choose', 'Task', 'Queue', 'Service', 'Since', { text: 'Tries', numeric: true }, 'Why'],
      rows,
    }),
    reasonInput(faults, isWhole ? null : form),
    html`<div class="app-actions">${button({ text: 'Release what is chosen', name: 'do', value: 'release', preventDoubleClick: true })}${button({ text: 'Drop what is chosen', name: 'do', value: 'ask-drop', classes: 'govuk-button--warning' })}</div>`,
  )}${pagination({ next: parked.length < 50 ? null : { href: `${path}?${next}#parked`, text: 'Older ones' } })}${heading(3, 'Release all of a queue')}${postForm(
    { action: path, fields: visit.fields },
    select({
      ...{ name: 'queue', label: 'Queue', error: faultAt(faults, 'queue') },
      items: Object.keys(queueMeanings).map((name) => ({
        ...{ value: name, text: name },
        selected: name === (isWhole ? form?.text('queue') : (queue ?? parked[0]!.queue)),
      })),
    }),
    reasonInput(faults, isWhole ? form : null, 'reason-queue'),
    button({
      ...{ text: 'Release all', name: 'do', value: 'release-queue', classes: 'govuk-button--secondary' },
      preventDoubleClick: true,
    }),
  )}</div>`;
}

export const queuePages = [queues];
