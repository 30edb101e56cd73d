import type { Statistics } from '../../tenant/service/detailed.ts';

/** What counts of statuses say (spec 06, section 3.1). Pure. */
export type Figures = Statistics['sms'];
export type Channel = 'sms' | 'email' | 'letter';

/** In the order in which they are shown. Letters are not sent yet; callers expect their zeros. */
export const channels: readonly Channel[] = ['sms', 'email', 'letter'];

export const deliveredStatuses: ReadonlySet<string> = new Set(['delivered', 'sent']);
export const failedStatuses: ReadonlySet<string> = new Set([
  ...['failed', 'technical-failure', 'temporary-failure', 'permanent-failure', 'validation-failed'],
  'virus-scan-failed',
]);

/** Those of 2017, which monthly figures have even without messages (spec 04, section 7.4). */
export const monthlyStatuses = [
  ...['created', 'sending', 'sent', 'delivered', 'pending', 'failed'],
  ...['technical-failure', 'temporary-failure', 'permanent-failure'],
] as const;

export function noFigures(): Figures {
  return { requested: 0, delivered: 0, failed: 0 };
}

/** Adds messages of a status. Those that were cancelled do not count as requested. */
export function addTo(figures: Figures, status: string, count: number): void {
  if (status !== 'cancelled') figures.requested += count;
  if (deliveredStatuses.has(status)) figures.delivered += count;
  if (failedStatuses.has(status)) figures.failed += count;
}

export type StatusCount = Readonly<{ notification_type: string; status: string; count: number }>;

/** Figures of each channel, zeros included. */
export function figuresOf(counts: readonly StatusCount[]): Statistics {
  const all = { sms: noFigures(), email: noFigures(), letter: noFigures() };
  for (const { notification_type: type, status, count } of counts) addTo(all[type as Channel], status, count);
  return all;
}

/** Counts of the statuses of 2017, zeros included, and of others that there are. */
export function byStatus(counts: readonly Pick<StatusCount, 'status' | 'count'>[]): Record<string, number> {
  const all: Record<string, number> = Object.fromEntries(monthlyStatuses.map((status) => [status, 0]));
  for (const { status, count } of counts) all[status] = (all[status] ?? 0) + count;
  return all;
}

/** Rows by the value of a key, in their order. */
export function groupBy<Row>(
  rows: readonly Row[],
  key: (row: Row) => string,
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const known = groups.get(key(row));
    if (known) known.push(row);
    else groups.set(key(row), [row]);
  }
  return groups;
}
