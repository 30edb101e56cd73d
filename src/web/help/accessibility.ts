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

export const knownFaults: readonly KnownFault[] = [
  {
    where: 'Emails that are shown as they were sent',
    what: 'They look and read as their authors wrote them.',
    instead: 'The text of the email stands beside it.',
    criterion: '1.3.1',
  },
];

export const lastAudit = {
  by: 'People looked at screenshots and tried the keyboard last',
  day: '30 November 2026',
} as const;
