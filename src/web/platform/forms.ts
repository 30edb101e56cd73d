import { type Html, html } from '../../ground/html.ts';
import type { Content } from '../components/attributes.ts';
import { type ErrorMessage, input } from '../components/form.ts';
import { ApiAway, NotFound, type Outcome, type Refused } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type PersonVisit, Unexpected } from '../frame/page.ts';

/** What the forms of operators have in common: a reason for every change, and faults by field. */

/** What is wrong with what was filled in. `id`: of the field; null: of no single one. */
export type Fault = Readonly<{ id: string | null; text: string }>;

export function faultAt(faults: readonly Fault[], id: string): ErrorMessage {
  return faults.find((fault) => fault.id === id) ?? null;
}

/** For `errorSummary`. */
export function summaryOf(faults: readonly Fault[]) {
  return faults.map(({ id, text }) => (id === null ? { text } : { text, href: `#${id}` }));
}

/** What the API refused, as faults of the fields that `ids` names by the API's names. */
export function faultsOf(refused: Refused, ids: Readonly<Record<string, string>> = {}): readonly Fault[] {
  if (refused.status !== 400 && refused.status !== 409) throw new Unexpected(refused);
  return Object.entries(refused.fields).flatMap(([field, texts]) =>
    texts.map((text) => ({
      id: ids[field] ?? null,
      text: field === '' || ids[field] ? text : `${field}: ${text}`,
    })),
  );
}

const longestReason = 255;

/** `id`: unique within the page, where it has several forms. */
export function reasonInput(faults: readonly Fault[], form: Form | null, id = 'reason'): Html {
  return input({
    ...{ name: 'reason', id, label: 'Reason', hint: 'It is kept in the record of events, with your name.' },
    value: form?.text('reason') ?? '',
    error: faultAt(faults, id),
    attributes: { maxlength: longestReason, autocomplete: 'off' },
  });
}

export function faultsOfReason(form: Form, id = 'reason'): readonly Fault[] {
  const { length } = reasonOf(form);
  if (length === 0) return [{ id, text: 'Enter the reason.' }];
  if (length > longestReason)
    return [{ id, text: `The reason must be ${longestReason} characters or fewer.` }];
  return [];
}

export function reasonOf(form: Form): string {
  return form.text('reason').trim().replace(/\s+/g, ' ');
}

/**
 * Records why somebody is about to do what the API takes no reason for. Before it is done: a reason without its change
 * says more than a change without its reason.
 */
export async function recordReason(
  { api }: Pick<PersonVisit, 'api'>,
  form: Form,
  change: string,
  about: Readonly<{ service_id?: string; user_id?: string; task?: string; ids?: readonly string[] }> = {},
): Promise<void> {
  const data = { change, reason: reasonOf(form), ...about };
  const outcome = await api.send('POST', '/events', { event_type: 'give_reason', data }, `${form.id}-reason`);
  if (!outcome.ok) throw new Unexpected(outcome);
}

/** What a subject is now; null: it cannot be had at the moment, and the rest of the page is shown. */
export async function soon<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ApiAway) return null;
    throw error;
  }
}

/** A part whose figures cannot be had says so. */
export function notNow(what: Content): Html {
  return html`<p class="govuk-body app-quiet">${what} cannot be shown at the moment. Load the page again in a few seconds.</p>`;
}

/** The most rows of a page that can be chosen at once. */
const mostChosen = 50;

/** The ids of the rows that were chosen. */
export function chosenIn(form: Form): readonly string[] {
  const ids = form.all('id').filter((id) => /^[0-9a-f-]{36}$/.test(id));
  return [...new Set(ids)].slice(0, mostChosen);
}

export function hiddenIds(ids: readonly string[]): readonly Html[] {
  return ids.map((id) => html`<input type="hidden" name="id" value="${id}">`);
}

/** What became of each of several changes, one after another: how many were made, and why the others were not. */
export async function each(
  ids: readonly string[],
  change: (id: string) => Promise<Outcome<unknown>>,
): Promise<Readonly<{ done: number; gone: number; refusals: readonly string[] }>> {
  let done = 0;
  let gone = 0;
  const refusals = new Set<string>();
  for (const id of ids) {
    try {
      const outcome = await change(id);
      if (outcome.ok) done += 1;
      else for (const { text } of faultsOf(outcome)) refusals.add(text);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      gone += 1;
    }
  }
  return { done, gone, refusals: [...refusals] };
}
