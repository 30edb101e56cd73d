/** What the accessibility statement is made of. Whoever finds or mends a fault changes it here. */

export type KnownFault = Readonly<{
  /** The page. */
  where: string;
  what: string;
  /** What people can do meanwhile. */
  instead: string;
  /** Of WCAG 2.2. */
  criterion: string;
}>;

/** None that anybody has found. */
export const knownFaults: readonly KnownFault[] = [];

/** When somebody last ran the check and looked at what it shows. */
export const lastChecked = '30 November 2026';
