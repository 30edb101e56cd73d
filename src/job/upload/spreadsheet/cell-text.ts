/**
 * What a cell says as text (spec 03, section 4.1): what a person reads in it, but dates and numbers in one form,
 * whatever format they are shown in.
 */
import { maxCellLength } from '../../../content/recipient/csv/record.ts';

/** How a format shows a number. */
export type NumberKind =
  | { readonly kind: 'date' | 'time' | 'duration' }
  /** Digits of an integer at least. */
  | { readonly kind: 'number'; readonly least: number }
  /** Instead of a number: what is shown of one above, below and equal to zero. */
  | { readonly kind: 'words'; readonly words: readonly [above: string, below: string, zero: string] }
  /** Digits after the point: so many at least, and at most. */
  | { readonly kind: 'percentage'; readonly least: number; readonly most: number };

export const plain: NumberKind = { kind: 'number', least: 1 };
const date: NumberKind = { kind: 'date' };
const time: NumberKind = { kind: 'time' };
const duration: NumberKind = { kind: 'duration' };

/** The formats that a workbook need not describe, by id (ECMA-376 part 1, 18.8.30). */
export function builtInKind(id: number): NumberKind {
  if (id === 9) return { kind: 'percentage', least: 0, most: 0 };
  if (id === 10) return { kind: 'percentage', least: 2, most: 2 };
  if (id >= 18 && id <= 21) return time;
  if (id === 46) return duration;
  if (id === 45 || id === 47) return time;
  // 27 to 36 and 50 to 58 are dates in the East Asian languages, and not used by the others.
  const isDate = (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58);
  return isDate ? date : plain;
}

/** What is shown as it stands: quoted text, a character after a backslash, a space or fill of a character's width. */
const literal = /"[^"]*"|\\.|_.|\*./gsu;
/** Colours, conditions, currencies and languages. */
const bracketed = /\[[^\]]*\]/g;
const elapsed = /\[(?:h+|m+|s+)\]/i;
const words = /^"([^"]*)";"([^"]*)";"([^"]*)"$/;

/** What a format such as `dd/mm/yyyy` or `0.0%` makes of a number; its first section decides. */
export function kindOfFormat(format: string): NumberKind {
  const found = words.exec(format);
  if (found) return { kind: 'words', words: [found[1]!, found[2]!, found[3]!] };
  const [section = ''] = format.replace(literal, '').split(';');
  if (elapsed.test(section)) return duration;
  const code = section.replace(bracketed, '');
  if (/^\s*general\s*$/i.test(code)) return plain;
  if (/[dyeg](?![+-])/i.test(code)) return date;
  if (/[hs]|am\/pm/i.test(code)) return time;
  if (/m/i.test(code)) return date;
  if (!code.includes('%'))
    return { kind: 'number', least: /^[0#?\s()-]*$/.test(code) ? code.replace(/[^0]/g, '').length : 1 };
  const digits = /\.([0#?]+)/.exec(code)?.[1] ?? '';
  return { kind: 'percentage', least: digits.replace(/[^0]/g, '').length, most: digits.length };
}

/** The last day that spreadsheet programs know, 31 December 9999. */
const lastSerial = 2_958_466;
const dayMilliseconds = 86_400_000;
const secondsOfDay = 86_400;

/**
 * The text of a stored number. Days are counted from the end of 1899, with a 29 February 1900 that never was, or from
 * 1904.
 */
export function numberText(value: string, kind: NumberKind, is1904 = false): string {
  const serial = asNumber(value);
  if (serial === null) return plainNumber(value);
  if (kind.kind === 'number') return withZeros(plainNumber(value), kind.least);
  if (kind.kind === 'words') return kind.words[serial > 0 ? 0 : serial < 0 ? 1 : 2];
  if (kind.kind === 'percentage') return percentage(serial, kind);
  if (serial < 0 || serial >= lastSerial) return plainNumber(value);
  const seconds = Math.round(serial * secondsOfDay);
  if (kind.kind === 'duration' || (seconds < secondsOfDay && (kind.kind === 'time' || !is1904)))
    return clockText(seconds);
  const epoch = is1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, serial < 60 ? 31 : 30);
  const moment = new Date(epoch + Math.floor(seconds / secondsOfDay) * dayMilliseconds);
  return `${moment.toISOString().slice(0, 10)} ${clockText(seconds % secondsOfDay)}`;
}

/**
 * An integer with the zeros in front that its format shows, as of a code in the format `0000`, or a phone number in
 * `00000 000000`; without what stands between its digits.
 */
function withZeros(text: string, least: number): string {
  return /^\d+$/.test(text) ? text.padStart(Math.min(least, precision), '0') : text;
}

/** The same, if `shown` is how a program shows the number, such as `0007` or `07700 900123`. */
export function shownZeros(value: string, shown: string): string {
  const digits = shown.replace(/[\s()-]/g, '');
  return /^0\d{1,14}$/.test(digits) && Number(digits) === asNumber(value) ? digits : plainNumber(value);
}

/** `HH:MM:SS`; a day has more than 24 hours if it is several. */
function clockText(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** Digits that spreadsheet programs keep and show. */
const precision = 15;

/**
 * A number as it is read: an integer bare, others to 15 digits, of which the rest is noise of binary fractions. What
 * has more digits, and so is not what was typed, stays as it is stored: `4.4770090012345679E+17`.
 */
export function plainNumber(value: string): string {
  const parsed = asNumber(value);
  if (parsed === null || Math.abs(parsed) >= 10 ** precision) return value;
  const shown = String(Number(parsed.toPrecision(precision)));
  return shown.includes('e') ? value : shown;
}

/** A percentage with the digits of its format. */
export function percentage(
  value: number,
  { least, most }: Extract<NumberKind, { kind: 'percentage' }>,
): string {
  const shown = Number((value * 100).toPrecision(precision)).toFixed(Math.min(most, precision));
  const point = shown.indexOf('.');
  if (point === -1) return `${shown}%`;
  let end = shown.length;
  while (end > point + 1 + least && shown[end - 1] === '0') end -= 1;
  return `${shown.slice(0, end === point + 1 ? point : end)}%`;
}

function asNumber(value: string): number | null {
  if (!/^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?\s*$/i.test(value)) return null;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

const iso = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d))?)?/;

/**
 * A moment in ISO 8601 as `YYYY-MM-DD HH:MM:SS`, or as `YYYY-MM-DD` if its midnight says nothing. What is none stays as
 * it is.
 */
export function isoText(value: string, isMidnightShown: boolean): string {
  const [, day, minutes = '00:00', seconds = '00'] = iso.exec(value) ?? [];
  if (day === undefined) return value;
  const clock = `${minutes}:${seconds}`;
  return clock === '00:00:00' && !isMidnightShown ? day : `${day} ${clock}`;
}

const isoDuration = /^PT(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:[.,]\d*)?S)?$/;

/** A duration in ISO 8601, such as `PT10H30M00S`, as `HH:MM:SS`. What is none stays as it is. */
export function isoDurationText(value: string): string {
  const found = isoDuration.exec(value);
  if (!found) return value;
  const [hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  return clockText(hours! * 3600 + minutes! * 60 + seconds!);
}

/** `TRUE` or `FALSE`, as a cell shows it. */
export function booleanText(value: string): string {
  return value === '1' || value.toLowerCase() === 'true' ? 'TRUE' : 'FALSE';
}

/** The text with more at its end, but hardly longer than a cell may be: whoever takes it sees that it is too long. */
export function extended(text: string, more: string): string {
  return text.length > maxCellLength ? text : text + more.slice(0, maxCellLength + 1);
}
