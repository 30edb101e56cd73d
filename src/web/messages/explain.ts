import { timeInWords } from '../words/times.ts';
import type { Message, TimelineEntry } from './message.ts';

/** What became of a message, for somebody who knows nothing of statuses (spec 07, section 15). */
export type Explained = Readonly<{
  /** What became of it, and why. */
  sentence: string;
  /** Whether it mends itself, and who can do something; null: there is nothing to say. */
  next: string | null;
  /** The step to come, at the end of the timeline; null: there is none. */
  step: string | null;
}>;

type Subject = Pick<
  Message,
  | 'notification_type'
  | 'status'
  | 'reason'
  | 'next_attempt_at'
  | 'scheduled_for'
  | 'key_type'
  | 'completed_at'
>;

const correct = {
  sms: 'Correct the phone number where you keep it. Then send the message again to the right one.',
  email: 'Correct the email address where you keep it. Then send the message again to the right one.',
} as const;

/** Pure. `entries`: its timeline. */
export function explain(
  message: Subject,
  entries: readonly TimelineEntry[],
  zone: string,
  now: number,
): Explained {
  const { notification_type: type, status, reason } = message;
  const isSuppressed = entries.some(({ event }) => event === 'suppressed');
  const callback = callbackToCome(entries);
  switch (status) {
    case 'created':
      return waiting(message, entries, zone, now);
    case 'sending':
      return {
        sentence:
          'It was handed to the provider, which has not said yet whether it arrived. That usually takes seconds, and can take hours.',
        next: 'There is nothing for you to do. If nobody confirms it in time, this page will say so.',
        step: 'To come: the provider’s report.',
      };
    case 'pending':
      return {
        sentence: 'The network has not delivered it yet, and is still trying: the phone may be off.',
        next: 'There is nothing for you to do.',
        step: 'To come: the network’s report.',
      };
    case 'sent':
      return {
        sentence: 'Sent. It went to a country whose networks do not say whether a text arrived.',
        next: null,
        step: callback,
      };
    case 'delivered':
      return {
        sentence:
          message.key_type === 'test'
            ? 'It was sent as a test: nobody received it.'
            : 'The provider reports that it has arrived.',
        next: null,
        step: callback,
      };
    case 'permanent-failure':
      return {
        sentence: reason ?? 'Not delivered.',
        next: isSuppressed
          ? 'To send to this recipient again, take it off the list of suppressed recipients in the settings.'
          : correct[type],
        step: callback,
      };
    case 'temporary-failure':
      return { sentence: reason ?? 'Not delivered.', next: 'You can send it again.', step: callback };
    case 'technical-failure':
    case 'validation-failed':
      return {
        sentence: reason ?? 'Not sent.',
        next:
          status === 'technical-failure'
            ? 'It is not sent again by itself. You can send it again.'
            : 'It is not sent again by itself. Put right what the sentence says, then send it again.',
        step: callback,
      };
    case 'cancelled':
      return { sentence: reason ?? 'Not sent: it was cancelled.', next: null, step: callback };
    default:
      return { sentence: reason ?? `Its status is ${status}.`, next: null, step: null };
  }
}

function waiting(
  { scheduled_for: scheduled, next_attempt_at: nextAttempt }: Subject,
  entries: readonly TimelineEntry[],
  zone: string,
  now: number,
): Explained {
  if (scheduled !== null && Date.parse(scheduled) > now) {
    const when = timeInWords(scheduled, zone);
    return {
      sentence: `Not sent yet: it will be sent on ${when}.`,
      next: 'Until then you can cancel it.',
      step: `To come: it is sent on ${when}.`,
    };
  }
  const tried = entries.filter(({ event }) => event === 'attempt').length;
  const isLater = nextAttempt !== null && Date.parse(nextAttempt) > now + 1000;
  if (tried === 0 && !isLater)
    return {
      sentence: 'It is waiting to be handed to a provider, which usually takes less than a second.',
      next: 'There is nothing for you to do.',
      step: 'To come: it is handed to a provider.',
    };
  return {
    sentence:
      tried === 0
        ? 'No provider can be called at the moment.'
        : `No provider has taken it yet, after ${tried === 1 ? '1 try' : `${tried} tries`}.`,
    next: 'It is tried again by itself. There is nothing for you to do.',
    step: isLater ? `Next try: ${timeInWords(nextAttempt, zone)}.` : 'To come: the next try.',
  };
}

/** The service's program has not been told yet. */
function callbackToCome(entries: readonly TimelineEntry[]): string | null {
  const isOpen = entries.some(
    ({ event, callback_status: state }) => event === 'callback' && state === 'pending',
  );
  return isOpen ? 'To come: your program is told by a callback.' : null;
}

/** Whether it is scheduled and can still be cancelled (spec 04, section 7.2). */
export function canCancel({ status, scheduled_for: at }: Subject, now: number): boolean {
  return status === 'created' && at !== null && Date.parse(at) > now;
}
