import { typeNames } from '../developers/callback-log.ts';
import { whatServicesDo } from '../settings/service.ts';
import { suppressionReasons } from '../settings/suppressions.ts';
import { boxes } from '../team/permissions.ts';
import { inFigures, inPounds } from '../words/counts.ts';
import { timeInWords } from '../words/times.ts';
import { isNothing } from './words.ts';

/** What the values of an event need to be put in words: names by id, and the reader's zone. */
export type Reader = Readonly<{ names: ReadonlyMap<string, string>; zone: string }>;

const mostCharacters = 200;

/** Words for values that programs choose, by the field that holds them. */
const chosen: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  notification_type: { sms: 'text messages', email: 'emails', letter: 'letters' },
  template_type: { sms: 'text message', email: 'email', letter: 'letter' },
  callback_type: typeNames,
  reason: suppressionReasons,
  period: { month: 'a month', year: 'a financial year' },
  key_type: { normal: 'live', team: 'team and guest list', test: 'test' },
  job_status: {
    pending: 'waiting',
    'in progress': 'being sent',
    finished: 'all rows begun',
    'finished all notifications created': 'all rows begun',
  },
};

const permissionTexts: ReadonlyMap<string, string> = new Map([
  ...Object.entries(whatServicesDo),
  ...boxes.flatMap(({ text, permissions }) =>
    permissions.map((permission): [string, string] => [permission, text]),
  ),
]);

/** Years, and numbers that count nothing. */
const plainNumbers: ReadonlySet<string> = new Set(['template_version', 'row']);

/** A value of a field as people read it. Pure. */
export function valueText(field: string, value: unknown, reader: Reader): string {
  if (isNothing(value)) return 'nothing';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return numberText(field, value);
  if (Array.isArray(value)) return listText(field, value, reader);
  const text = typeof value === 'string' ? wordText(field, value, reader) : JSON.stringify(value);
  const characters = [...text];
  return characters.length <= mostCharacters ? text : `${characters.slice(0, mostCharacters).join('')}…`;
}

function numberText(field: string, value: number): string {
  if (field === 'financial_year_start') return `${value} to ${value + 1}`;
  if (field === 'amount_in_pounds') return inPounds(value);
  return plainNumbers.has(field) ? String(value) : inFigures(value);
}

function listText(field: string, values: readonly unknown[], reader: Reader): string {
  const texts = values.map((each) =>
    field === 'permissions' && typeof each === 'string'
      ? (permissionTexts.get(each) ?? each.replaceAll('_', ' '))
      : valueText(field, each, reader),
  );
  const [first = '', ...others] = new Set(texts);
  // What begins a sentence by itself stands within one here.
  const later =
    field === 'permissions' ? others.map((text) => text[0]!.toLowerCase() + text.slice(1)) : others;
  return [first, ...later].join(', ');
}

function wordText(field: string, value: string, { names, zone }: Reader): string {
  const known = chosen[field];
  if (known && Object.hasOwn(known, value)) return known[value]!;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) return names.get(value) ?? unknown(field);
  // One field of a service has the form of 2017, without a zone (spec 04, section 1.1).
  const time = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d+)?)Z?$/.exec(value);
  const at = Date.parse(`${time?.[1]}T${time?.[2]}Z`);
  return Number.isNaN(at) ? value : timeInWords(at, zone);
}

function unknown(field: string): string {
  if (field.includes('user')) return 'somebody who has left';
  return /template|folder/.test(field) ? 'one that is deleted' : 'one of the platform’s';
}
