import { keyOf } from '../../content/recipient/characters.ts';
import { readRow, recipientColumns } from '../../content/recipient/csv/row.ts';
import { type Given, listText, normaliseKey, valueText } from '../../content/template/personalisation.ts';
import { placeholdersIn, type TemplateVersion } from '../../content/template/template.ts';
import type { GivenUpReason } from '../../database/tables.ts';
import type { Circumstances } from '../../message/reading/admin/store.ts';
import type { StoredNotification } from '../../message/status/notification.ts';
import { columnsOf } from '../upload/row-check.ts';

/** Why a message is not sent again, and what that means. */
export const leftOutMeanings = {
  'not-found': 'the service has no such message, or it is no longer kept',
  repeated: 'it has been sent again before; `resent_as` says as what',
  'under-way': 'it is still under way',
  'test-key': 'it was sent with a test key',
  recipient: 'its recipient cannot be reached, does not want messages or is not valid: give another one',
  content: 'its content cannot be sent',
  values: 'a row cannot hold one of its values, such as a list without items or with more than 100',
} as const;
export type LeftOut = keyof typeof leftOutMeanings;

type Judged = Pick<StoredNotification, 'status' | 'keyType'>;

/** Messages that were never made for good: no other try with the same content, or to the same recipient, can succeed. */
const ofContent: readonly (GivenUpReason | null)[] = ['missing-value', 'empty', 'too-long', 'too-large'];
const ofRecipient: readonly (GivenUpReason | null)[] = ['invalid-recipient', 'not-permitted'];

/** Why a message is not sent again, to another recipient or to the same; null if it is. Pure. */
export function whyLeftOut(
  { status, keyType }: Judged,
  { resentAs, suppressed, givenUp }: Pick<Circumstances, 'resentAs' | 'suppressed' | 'givenUp'>,
  hasOtherRecipient: boolean,
): LeftOut | null {
  if (resentAs !== null) return 'repeated';
  if (status === 'created' || status === 'sending' || status === 'pending') return 'under-way';
  if (keyType === 'test') return 'test-key';
  if (ofContent.includes(givenUp)) return 'content';
  if (hasOtherRecipient) return null;
  const isHopeless = status === 'permanent-failure' || suppressed !== null || ofRecipient.includes(givenUp);
  return isHopeless ? 'recipient' : null;
}

/** Whether somebody may get a message twice that is sent again. Pure. */
export function mayArriveTwice(
  { status }: Pick<StoredNotification, 'status'>,
  { isReported, isUnknown, attempts }: Pick<Circumstances, 'isReported' | 'isUnknown' | 'attempts'>,
): boolean {
  if (status === 'delivered' || status === 'sent') return true;
  return !isReported && (isUnknown || (status === 'temporary-failure' && attempts > 0));
}

/** A message that is to be sent again: its values in the order of the template's placeholders. */
export type Repeat = Readonly<{
  id: string;
  recipient: string;
  reference: string | null;
  values: readonly unknown[];
}>;

/** What the template of the messages needs of them. */
export type Layout = Readonly<{ template: TemplateVersion; names: readonly string[] }>;

const referenceColumn = 'reference';

/** The columns of the rows, without those of the recipient, which have a place of their own. */
export function layoutOf(template: TemplateVersion): Layout {
  const { content } = template;
  const recipient = keyOf(recipientColumns[content.type][0]!);
  return { template, names: placeholdersIn(content).filter((name) => keyOf(name) !== recipient) };
}

export function valuesOf({ names }: Layout, values: Given): readonly unknown[] {
  return names.map((name) => values.get(normaliseKey(name)));
}

/** Messages as rows of a file. */
export type Rows = Readonly<{
  header: readonly string[];
  /** The cells of a message; null if they would not be read as the same values. */
  cellsOf(repeat: Repeat): readonly string[] | null;
}>;

/**
 * Lays out rows in which each of these messages has its own values (spec 03, section 4.4): a value that is a list has
 * its column at least twice, and as often as the longest list has items.
 */
export function layOut({ template, names }: Layout, repeats: readonly Repeat[]): Rows {
  const { content } = template;
  const widths = names.map((_, at) =>
    repeats.reduce((most, { values }) => {
      const value = values[at];
      return Math.max(most, Array.isArray(value) ? Math.max(2, Math.min(value.length, mostItems)) : 1);
    }, 1),
  );
  const hasReference = names.some((name) => keyOf(name) === referenceColumn);
  const header = [
    recipientColumns[content.type][0]!,
    ...(hasReference ? [] : [referenceColumn]),
    ...names.flatMap((name, at) => Array.from({ length: widths[at]! }, () => name)),
  ];
  const columns = columnsOf(content, { header, filledWidth: header.length, format: 'messages' });
  return {
    header,
    cellsOf({ recipient, reference, values }) {
      const cells = [
        recipient,
        ...(hasReference ? [] : [reference ?? '']),
        ...values.flatMap((value, at) => cellsOfValue(value, widths[at]!)),
      ];
      if (cells.length !== header.length || cells.some((cell) => cell.length > longestCell)) return null;
      const { personalisation } = readRow(columns, 0, { cells, width: columns.width });
      const isSame = names.every((name, at) => reads(values[at]) === reads(personalisation.get(keyOf(name))));
      return isSame ? cells : null;
    },
  };
}

/** Items of a list that a row holds; a message with a longer one is left out. */
const mostItems = 100;
/** As in a file (spec 03, section 4.2). */
const longestCell = 131_072;

/**
 * A list begins in the first of its columns, and blank items, which no message shows, are left out; any other value is
 * in the last one, and what precedes it is empty, so that it is no list.
 */
function cellsOfValue(value: unknown, width: number): readonly string[] {
  const text = (item: unknown) => (item === null || item === undefined ? '' : valueText(item));
  if (!Array.isArray(value)) return [...blanks(width - 1), text(value)];
  const texts = value.map(text).filter((item) => item !== '');
  return [...texts, ...blanks(width - texts.length)];
}

function blanks(count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, () => '');
}

/** A value as a message shows it; lists and texts are different. */
function reads(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return Array.isArray(value) ? `list ${listText(value, 'markdown')}` : `text ${valueText(value)}`;
}
