const defaultWeeks = 26;
const mostWeeks = 78;

/** Weeks that a file is kept, from `retention_period` (`N week` or `N weeks`, 1 to 78); null: not understood. */
export function readWeeks(period: unknown): number | null {
  if (period === null || period === undefined) return defaultWeeks;
  if (typeof period !== 'string') return null;
  const weeks = Number(/^(\d{1,4}) weeks?$/.exec(period.trim().toLowerCase())?.[1]);
  return weeks >= 1 && weeks <= mostWeeks ? weeks : null;
}
