import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, summaryList, table, tag } from '../components/content.ts';
import { button, errorSummary, postForm, select } from '../components/form.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, operatorPage, type PersonVisit, page, redirect } from '../frame/page.ts';
import { bytesText, inFigures } from '../words/counts.ts';
import { delayText, shortTimeOf } from '../words/times.ts';
import type { Task } from './facts.ts';
import {
  type Fault,
  faultAt,
  faultsOf,
  faultsOfReason,
  notNow,
  reasonInput,
  recordReason,
  summaryOf,
} from './forms.ts';
import { skewWords } from './now.ts';
import { scheduleText } from './schedule.ts';
import { typeNames } from './words.ts';

const path = '/platform/system';

type SettingInForce = Readonly<{
  name: string;
  value: string | null;
  is_secret: boolean;
  is_default: boolean;
  meaning: string;
}>;

type System = Readonly<{
  version: string;
  git_commit: string;
  build_time: string;
  time: string;
  clock_skew_seconds: number;
  sandbox: readonly string[];
  unprovided: readonly string[];
  settings: readonly SettingInForce[];
  database: Readonly<{
    version: string;
    migration: string | null;
    bytes: number;
    tables: readonly Readonly<{
      name: string;
      bytes: number;
      bytes_a_week_ago: number | null;
      rows: number;
      ends: string | null;
    }>[];
  }>;
}>;

/** What is installed, and what it does by itself (spec 07, section 7). */
const system = operatorPage(path, {
  get: (visit) => systemPage(visit, [], null),
  async post(visit, form) {
    const task = form.text('task');
    const isName = /^[a-z0-9-]{1,100}$/.test(task);
    const faults = [...(isName ? [] : [{ id: 'task', text: 'Choose the task.' }]), ...faultsOfReason(form)];
    if (faults.length > 0) return systemPage(visit, faults, form);
    await recordReason(visit, form, 'run_task', { task });
    const outcome = await visit.api.send('POST', `/platform/tasks/${task}/run`, {}, form.id);
    if (!outcome.ok) return systemPage(visit, faultsOf(outcome), form);
    return redirect(`${path}#tasks`, `A scheduler runs ${task} within seconds.`);
  },
});

async function systemPage(visit: PersonVisit, faults: readonly Fault[], form: Form | null): Promise<Answer> {
  const { api } = visit;
  const [facts, tasks] = await Promise.all([
    api.getSoon<System>('/platform/system'),
    api.getSoon<{ tasks: readonly Task[] }>('/platform/tasks'),
  ]);
  return page(
    'What is installed',
    html`${errorSummary(summaryOf(faults))}${heading(1, 'What is installed')}${
      facts === null ? notNow('What is installed') : versions(facts)
    }<div id="tasks">${tasks === null ? notNow('The periodic tasks') : tasksPart(tasks.tasks, visit, faults, form)}</div>${
      facts === null ? null : html`${settingsPart(facts)}${tablesPart(facts)}`
    }`,
    { wide: true, isError: faults.length > 0, status: faults.length > 0 ? 400 : 200 },
  );
}

const sentenceCase = (text: string) => text.charAt(0) + text.slice(1).toLowerCase();
const namesOf = (types: readonly string[]) =>
  types.length === 0 ? 'None' : sentenceCase(types.map((type) => typeNames[type] ?? type).join(' and '));

function versions(facts: System): Html {
  const { database } = facts;
  return summaryList({
    rows: [
      { key: 'Version', value: facts.version },
      { key: 'Built from', value: facts.git_commit || 'Not known' },
      { key: 'Built at', value: facts.build_time || 'Not known' },
      { key: 'Database', value: `PostgreSQL ${database.version}` },
      { key: 'Last migration', value: database.migration ?? 'None' },
      { key: 'Size of the database', value: bytesText(database.bytes) },
      {
        key: 'Clock of the API, against the database’s',
        value: skewWords(facts.clock_skew_seconds),
      },
      { key: 'Goes through the sandbox', value: namesOf(facts.sandbox) },
      { key: 'Refused, without a provider', value: namesOf(facts.unprovided) },
    ],
  });
}

function tasksPart(
  tasks: readonly Task[],
  visit: PersonVisit,
  faults: readonly Fault[],
  form: Form | null,
): Html {
  return html`${table({
    caption: 'Periodic tasks',
    head: [
      'Task',
      'When',
      'Last run',
      { text: 'Took', numeric: true },
      { text: 'Items', numeric: true },
      'Next',
    ],
    rows: tasks.map((one) => [
      { content: html`<code>${one.name}</code>`, header: true },
      scheduleText(one.schedule),
      lastRun(one, visit),
      { content: one.last_seconds === null ? '–' : together(delayText(one.last_seconds)), numeric: true },
      { content: one.last_count === null ? '–' : inFigures(one.last_count), numeric: true },
      one.asked_at === null ? shortTimeOf(one.next_due_at, visit) : tag('Asked for', 'open'),
    ]),
  })}${heading(3, 'Run one now')}${postForm(
    { action: path, fields: visit.fields },
    select({
      ...{ name: 'task', label: 'Task', error: faultAt(faults, 'task') },
      items: [
        { value: '', text: 'Choose one', selected: form === null },
        ...tasks.map(({ name }) => ({ value: name, text: name, selected: name === form?.text('task') })),
      ],
    }),
    reasonInput(faults, form),
    button({ text: 'Run it now', classes: 'govuk-button--secondary', preventDoubleClick: true }),
  )}`;
}

function lastRun(one: Task, visit: PersonVisit): Html {
  const { last_succeeded_at: succeeded, last_failed_at: failed, last_failure: failure } = one;
  if (failed !== null && (succeeded === null || failed > succeeded))
    return html`${tag('Failed', 'bad')} ${shortTimeOf(failed, visit)}${failure === null ? null : `: ${failure}`}`;
  return shortTimeOf(succeeded, visit, 'Not yet');
}

/** What was set first: of a secret, only whether it is set. */
function settingsPart({ settings }: System): Html {
  const inOrder = [...settings].sort((one, other) => Number(one.is_default) - Number(other.is_default));
  return html`${table({
    caption: 'Settings in force',
    head: ['Setting', 'Value', 'Meaning'],
    rows: inOrder.map((one) => [
      { content: html`<code>${one.name}</code>`, header: true },
      settingValue(one),
      one.meaning,
    ]),
  })}${paragraph('These are those of the process that answered. Secrets are never shown.', 'app-quiet')}`;
}

function settingValue({ value, is_secret: isSecret, is_default: isDefault }: SettingInForce): Html {
  if (isSecret) return html`${isDefault ? 'Not set' : 'Set'}`;
  return html`<span dir="auto">${value}</span>${isDefault ? html` ${tag('Default', 'quiet')}` : null}`;
}

function tablesPart({ database: { tables } }: System): Html {
  return table({
    caption: 'Tables',
    head: [
      'Table',
      ...['Size', 'Growth in a week', 'Rows, about'].map((text) => ({ text, numeric: true })),
      'Who deletes its rows',
    ],
    rows: tables.map(({ name, bytes, bytes_a_week_ago: before, rows, ends }) => [
      { content: html`<code>${name}</code>`, header: true },
      { content: together(bytesText(bytes)), numeric: true },
      { content: before === null ? 'not measured' : together(growthText(bytes - before)), numeric: true },
      { content: inFigures(Math.max(0, rows)), numeric: true },
      ends ?? 'Nobody: it is kept for ever',
    ]),
  });
}

const together = (text: string) => html`<span class="app-together">${text}</span>`;

function growthText(bytes: number): string {
  if (bytes === 0) return 'no change';
  return `${bytes > 0 ? '+' : '−'}${bytesText(Math.abs(bytes))}`;
}

export const systemPages = [system];
