import type { Statistics } from '../../tenant/service/detailed.ts';
import { addTo, noFigures } from './figures.ts';

/** Figures of days from counts that are put together by kind of messages (spec 04, section 7.4). Pure. */

/** What is told apart besides days; `template_id` and `key_type` only where they are asked for. */
export type Kind = Readonly<{ notification_type: string; template_id?: string; key_type?: string }>;

/**
 * The messages of one kind and status: on which days of a period, counted from 0, there are how many. A day may be there
 * several times; what is not folded yet may take messages away.
 */
export type DayCounts = Kind &
  Readonly<{ status: string; days: readonly number[]; counts: readonly number[] }>;

export type DayEntry = { day: string } & Kind &
  Statistics['sms'] & { template_name?: string; statuses: Record<string, number> };

/**
 * By day and then in the order of `counts`, in which those of a kind are together. Kinds of which a day has no messages
 * have no entry, and statuses of which there are none are left out. null: there would be more than `most` entries.
 * `nameOf`: what a template is called.
 */
export function dailyEntries(
  counts: readonly DayCounts[],
  days: readonly string[],
  { most, nameOf }: Readonly<{ most: number; nameOf: (templateId: string) => string }>,
): readonly DayEntry[] | null {
  const found = days.map((): DayEntry[] => []);
  let total = 0;
  let before: DayCounts | null = null;
  let ofKind: (DayEntry | undefined)[] = [];
  for (const one of counts) {
    if (before === null || !isSameKind(one, before)) ofKind = [];
    before = one;
    const { status } = one;
    const sums = new Float64Array(days.length);
    for (let index = 0; index < one.days.length; index += 1) sums[one.days[index]!]! += one.counts[index]!;
    const kind = kindOf(one, nameOf);
    for (let index = 0; index < sums.length; index += 1) {
      const sum = sums[index]!;
      if (sum === 0) continue;
      let entry = ofKind[index];
      if (entry === undefined) {
        if (++total > most) return null;
        entry = { day: days[index]!, ...kind, ...noFigures(), statuses: {} };
        ofKind[index] = entry;
        found[index]!.push(entry);
      }
      addTo(entry, status, sum);
      entry.statuses[status] = sum;
    }
  }
  return found.flat();
}

const isSameKind = (one: Kind, other: Kind) =>
  one.notification_type === other.notification_type &&
  one.template_id === other.template_id &&
  one.key_type === other.key_type;

function kindOf(
  { notification_type, template_id, key_type }: Kind,
  nameOf: (templateId: string) => string,
): Kind & { template_name?: string } {
  return {
    notification_type,
    ...(template_id !== undefined && { template_id, template_name: nameOf(template_id) }),
    ...(key_type !== undefined && { key_type }),
  };
}
