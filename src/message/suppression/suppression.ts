import type { NotificationType, SuppressionReason } from '../../database/tables.ts';

/** The strongest first. */
export const suppressionReasons: readonly SuppressionReason[] = [
  'manual',
  'unsubscribed',
  'complaint',
  'permanent-failure',
];

/** A recipient whom a service sends less or nothing, and why (docs/decisions/0017). */
export type Suppression = Readonly<{
  id: string;
  type: NotificationType;
  /** In its normalised form. */
  recipient: string;
  reason: SuppressionReason;
  /** The message that led to it; null if it was added by hand. */
  notificationId: string | null;
  createdAt: Date;
  /** null: never. */
  expiresAt: Date | null;
}>;

/** How long a permanent failure suppresses its recipient: addresses come into use again. */
export const failedForMilliseconds = 14 * 86_400_000;

/** What decides whether a suppression stops a message. */
export type Stoppable = Readonly<{
  /** The template's own, or the one that the request gave. */
  hasUnsubscribeLink: boolean;
  /** Its template has priority: a security code, for example. */
  isUrgent: boolean;
  /** Its service has chosen not to send to recipients that failed permanently. */
  suppressesFailed: boolean;
}>;

/**
 * Which of the suppressions of its recipient stops a message; null if none does (spec 05, section 3.9). Whoever
 * unsubscribed or complained still gets emails without an unsubscribe link, such as a password reset.
 */
export function stoppedBy(
  reasons: readonly SuppressionReason[],
  { hasUnsubscribeLink, isUrgent, suppressesFailed }: Stoppable,
): SuppressionReason | null {
  const stops: Readonly<Record<SuppressionReason, boolean>> = {
    manual: true,
    unsubscribed: hasUnsubscribeLink,
    complaint: hasUnsubscribeLink,
    'permanent-failure': suppressesFailed && !isUrgent,
  };
  return suppressionReasons.find((reason) => stops[reason] && reasons.includes(reason)) ?? null;
}
