import { type Html, html } from '../../ground/html.ts';
import { details } from '../components/content.ts';
import { statusText } from '../words/statuses.ts';
import { clockText } from '../words/times.ts';
import type { Message, TimelineEntry } from './message.ts';

/** What happened, in words, and what the other side said in its own. */
export type Happened = Readonly<{ text: string; own: string | null }>;

const suppressed: Readonly<Record<string, string>> = {
  manual: 'Not sent: its recipient is on this service’s list of suppressed recipients.',
  unsubscribed: 'Not sent: its recipient has unsubscribed.',
  complaint: 'Not sent: its recipient has complained about emails of this service.',
  'permanent-failure': 'Not sent: an earlier message to its recipient failed permanently.',
};

const tries: Readonly<Record<string, (provider: string) => string>> = {
  accepted: (provider) => `Handed over to ${provider}`,
  rejected: (provider) => `${provider} refused it`,
  failed: (provider) => `${provider} could not take it`,
  unknown: (provider) => `${provider} gave no answer: it may have the message or not`,
  'in progress': (provider) => `Being handed over to ${provider}`,
};

const callbackTries: Readonly<Record<string, string>> = {
  delivered: 'Your program took the callback',
  retry: 'Your program did not take the callback; it is tried again',
  failed: 'Your program did not take the callback; it is not tried again by itself',
  'in progress': 'Your program is being called back',
};

/** Identifiers of providers as people write them: abbreviations in capitals. */
export function providerName(identifier: string): string {
  return identifier.length <= 4
    ? identifier.toUpperCase()
    : identifier.charAt(0).toUpperCase() + identifier.slice(1);
}

/** One entry of the timeline of a message in words (spec 07, section 8, journey 4). */
export function happened(entry: TimelineEntry, type: Message['notification_type']): Happened {
  const provider = providerName(entry.provider ?? '');
  const took = typeof entry.duration_ms === 'number' ? ` (${seconds(entry.duration_ms)})` : '';
  const own = [entry.code, entry.detail].filter(Boolean).join(': ') || null;
  switch (entry.event) {
    case 'accepted':
      return {
        text: entry.created_by_name === undefined ? 'Accepted' : `Accepted, sent by ${entry.created_by_name}`,
        own: null,
      };
    case 'persisted':
      return { text: 'Stored', own: null };
    case 'suppressed':
      return { text: suppressed[entry.reason ?? ''] ?? 'Not sent, because of its recipient.', own: null };
    case 'given up':
      return { text: 'Given up: it was not sent. The sentence above says why.', own: null };
    case 'attempt': {
      const number = (entry.number ?? 1) > 1 ? `Try ${entry.number}: ` : '';
      const text = tries[entry.outcome ?? '']?.(provider) ?? `${provider}: ${entry.outcome ?? ''}`;
      return { text: `${number}${text}${took}`, own };
    }
    case 'receipt': {
      const said = statusText(type, entry.status ?? '').toLowerCase();
      const text = entry.applied
        ? `${provider} reports: ${said}`
        : `${provider} reports: ${said}. This was ignored, because ${entry.ignored_because ?? 'it changes nothing'}`;
      return { text, own: entry.provider_status ?? null };
    }
    case 'callback': {
      const about = entry.callback_type === 'complaint' ? 'a complaint' : 'the outcome';
      const state = { delivered: 'was told', failed: 'could not be told' }[entry.callback_status ?? ''];
      return { text: `Your program ${state ?? 'is to be told'} of ${about} by a callback`, own: null };
    }
    case 'callback attempt': {
      const number = (entry.number ?? 1) > 1 ? `Try ${entry.number}: ` : '';
      return { text: `${number}${callbackTries[entry.outcome ?? ''] ?? entry.outcome ?? ''}${took}`, own };
    }
  }
}

/** 1300 as "1.3 seconds"; what is under a second in thousandths. */
export function seconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} milliseconds`;
  const value = (milliseconds / 1000).toFixed(1);
  return value === '1.0' ? '1 second' : `${value} seconds`;
}

/** How long after the first entry another one was: "at once", "after 0.3 seconds", "after 2 hours". */
export function sinceFirst(milliseconds: number): string {
  if (milliseconds < 50) return 'at once';
  if (milliseconds < 120_000) return `after ${(milliseconds / 1000).toFixed(1)} seconds`;
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 120) return `after ${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `after ${hours} hours` : `after ${Math.round(hours / 24)} days`;
}

/** The timeline as a list. `next`: the step to come, in words; null: nothing more will happen. */
export function timelineList(
  entries: readonly TimelineEntry[],
  type: Message['notification_type'],
  zone: string,
  next: string | null,
): Html {
  const start = entries[0] ? Date.parse(entries[0].at) : 0;
  const items = entries.map((entry, index) => {
    const { text, own } = happened(entry, type);
    const since = index === 0 ? '' : `, ${sinceFirst(Date.parse(entry.at) - start)}`;
    return html`<li><time datetime="${entry.at}">${clockText(entry.at, zone)}${since}</time><span dir="auto">${text}</span>${
      own === null
        ? null
        : details({
            // A fold that is open stays so while the timeline grows.
            id: `own-words-${index + 1}`,
            summary: html`In its own words<span class="govuk-visually-hidden"> (entry ${index + 1})</span>`,
            content: html`<code dir="auto">${own}</code>`,
          })
    }</li>`;
  });
  return html`<ol class="app-timeline govuk-body">${items}${next === null ? null : html`<li><span class="app-quiet">${next}</span></li>`}</ol>`;
}
