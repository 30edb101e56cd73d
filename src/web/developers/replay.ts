import { html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { button, errorSummary, input, postForm, select } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import type { Form } from '../frame/form.ts';
import {
  type Answer,
  Missing,
  page,
  redirect,
  type ServiceVisit,
  servicePage,
  Unexpected,
} from '../frame/page.ts';
import { dayIn, dayText, instantOf, timeInWords, timeOf } from '../words/times.ts';
import { callbackTypes, logHead, logRow, typeNames } from './callback-log.ts';
import type { LogPage } from './callbacks.ts';

/** Days back to which there are callbacks to replay: as long as messages are kept by default (spec 04, section 1.13). */
const daysBack = 7;

type Filled = Readonly<{ day: string; from: string; to: string; type: string }>;
type Faults = Readonly<{ from?: string | undefined; to?: string | undefined }>;

function replayForm(visit: ServiceVisit, filled: Filled, faults: Faults = {}): Answer {
  const { at, fields, now, zone } = visit;
  const days = Array.from({ length: daysBack + 1 }, (_, back) => dayIn(now - back * 86_400_000, zone));
  const problems = (['from', 'to'] as const).flatMap((name) => {
    const text = faults[name];
    return text === undefined ? [] : [{ text, href: `#${name}` }];
  });
  const time = (name: 'from' | 'to', label: string, hint: string) =>
    input({
      name,
      label,
      hint,
      value: filled[name],
      classes: 'govuk-input--width-5',
      error: faults[name] === undefined ? null : { text: faults[name] },
      attributes: { autocomplete: 'off', inputmode: 'numeric' },
    });
  const main = html`${errorSummary(problems)}${heading(1, 'Replay failed callbacks')}${paragraph('Callbacks that failed for good between two times are queued again, with the same body, and tried as often as new ones. Your program may get some that it has had before: their id is the same.')}${postForm(
    { action: at('/developers/callbacks/replay'), fields },
    select({
      name: 'day',
      label: 'Day',
      items: [...new Set(days)].map((value) => ({
        value,
        text: dayText(value),
        selected: value === filled.day,
      })),
    }),
    time(
      'from',
      'From',
      `Such as 13:00, in the time zone ${zone.replaceAll('_', ' ')}. This minute is included.`,
    ),
    time('to', 'To', 'Such as 14:00. This minute is not included; 24:00 is the end of the day.'),
    select({
      name: 'type',
      label: 'Type',
      items: [
        { value: '', text: 'All types' },
        ...callbackTypes.map((value) => ({ value, text: typeNames[value], selected: value === filled.type })),
      ],
    }),
    button({ text: 'Replay them', preventDoubleClick: true }),
  )}`;
  return page('Replay failed callbacks', main, {
    isError: problems.length > 0,
    status: problems.length > 0 ? 400 : 200,
    back: { href: at('/developers/callbacks'), text: 'Callbacks' },
  });
}

export const replay = servicePage('/developers/callbacks/replay', 'manage_api_keys', {
  get: (visit) =>
    replayForm(visit, { day: dayIn(visit.now, visit.zone), from: '00:00', to: '24:00', type: '' }),
  async post(visit, form) {
    const filled = filledIn(form);
    const from = instantOf(filled.day, filled.from, visit.zone);
    const to = instantOf(filled.day, filled.to, visit.zone);
    const faults: Faults = {
      from: from === null ? 'Enter when it begins, as hours and minutes, such as 13:00' : undefined,
      to:
        to === null
          ? 'Enter when it ends, as hours and minutes, such as 14:00'
          : from !== null && to <= from
            ? 'The end must be later than the beginning'
            : undefined,
    };
    if (faults.from !== undefined || faults.to !== undefined) return replayForm(visit, filled, faults);
    const range = { from: new Date(from!).toISOString(), to: new Date(to!).toISOString() };
    const type = callbackTypes.find((one) => one === filled.type);
    const { api, service, at } = visit;
    const body = { ...range, ...(type && { callback_type: type }) };
    const done = await api.send<{ count: number }>(
      'POST',
      `/service/${service.id}/callbacks/replay`,
      body,
      form.id,
    );
    if (!done.ok) throw new Unexpected(done);
    const { count } = done.data;
    if (count === 0)
      return redirect(at('/developers/callbacks'), {
        notDone: 'Nothing had failed in that time: nothing is replayed.',
      });
    const query = new URLSearchParams({ ...range, ...(type && { type }), count: String(count) });
    return redirect(at(`/developers/callbacks/replayed?${query}`));
  },
});

function filledIn(form: Form): Filled {
  return {
    day: form.text('day'),
    from: form.text('from').trim(),
    to: form.text('to').trim(),
    type: form.text('type'),
  };
}

/** How far a replay has come: what of its range still waits. */
export const replayed = servicePage('/developers/callbacks/replayed', 'manage_api_keys', {
  live: true,
  async get(visit) {
    const { api, at, service, query, zone } = visit;
    const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
    const count = Number(query.get('count'));
    const isRange = [from, to].every((at) => !Number.isNaN(Date.parse(at)));
    if (!isRange || !Number.isInteger(count) || count < 1) throw new Missing('No such replay');
    const type = callbackTypes.find((one) => one === query.get('type'));
    const read = (status: string) => {
      const filter = new URLSearchParams({ from, to, status, ...(type && { callback_type: type }) });
      return api.getSoon<LogPage>(`/service/${service.id}/callbacks?${filter}`);
    };
    const [pending, failed] = visit.may('view_activity')
      ? await Promise.all([read('pending'), read('failed')])
      : [null, null];
    const title = 'Replay of callbacks';
    const { sentence, share, isDone } = progressOf(count, pending, failed);
    const content = html`${paragraph(sentence)}${
      share === null
        ? null
        : html`<progress class="app-progress" aria-label="Callbacks made" max="${count}" value="${share}"></progress>`
    }${
      failed && failed.callbacks.length > 0
        ? table({
            caption: 'Failed again',
            head: logHead,
            rows: failed.callbacks.slice(0, 50).map((one) => logRow(visit, one)),
          })
        : null
    }`;
    const main = html`${heading(1, title)}${paragraph(
      html`Callbacks that had failed between ${timeOf(from, zone)} and ${timeOf(to, zone)}${type ? `: ${typeNames[type].toLowerCase()}` : null}.`,
    )}${visit.region('progress', content, isDone ? sentence : undefined)}${paragraph(
      html`As of ${timeInWords(visit.now, zone)}. ${link(`${visit.path}?${query}`, 'Refresh')}`,
    )}${paragraph(link(at('/developers/callbacks'), 'All callbacks'))}`;
    return page(title, main, { wide: true, back: { href: at('/developers/callbacks'), text: 'Callbacks' } });
  },
});

/** `pending` and `failed`: the first pages of the log of that range; null: not known. Pure. */
export function progressOf(
  count: number,
  pending: LogPage | null,
  failed: LogPage | null,
): Readonly<{ sentence: string; share: number | null; isDone: boolean }> {
  const all = count === 1 ? '1 callback was queued' : `${count} callbacks were queued`;
  if (pending === null || failed === null)
    return {
      sentence: `${all}. How far they are is not available at the moment.`,
      share: null,
      isDone: false,
    };
  const waiting = pending.callbacks.length;
  if (pending.links.next !== undefined && waiting >= 250)
    return { sentence: `${all}; ${waiting} or more still wait.`, share: null, isDone: false };
  const again = failed.callbacks.length;
  const more = failed.links.next !== undefined && again >= 250 ? ' or more' : '';
  const failure = again === 0 ? 'None has failed again.' : `${again}${more} in that time have failed.`;
  const left = Math.min(waiting, count);
  if (left === 0)
    return { sentence: `${all}, and all have been called. ${failure}`, share: count, isDone: true };
  return {
    sentence: `${all}; ${left === 1 ? '1 still waits' : `${left} still wait`}. ${failure}`,
    share: count - left,
    isDone: false,
  };
}
