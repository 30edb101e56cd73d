import { type Html, html } from '../../ground/html.ts';
import { type Cell, tag } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import type { ServiceVisit } from '../frame/page.ts';
import { timeOf } from '../words/times.ts';

/** A type of callback (spec 04, section 1.13). */
export type CallbackType = 'delivery_status' | 'inbound_sms' | 'complaint';

/** An address, and how it is doing. */
export type Address = Readonly<{
  id: string;
  callback_type: CallbackType;
  url: string;
  updated_at: string | null;
  created_at: string;
  paused: boolean;
  paused_until: string | null;
  failures: number;
  waiting: number;
}>;

export type CallbackState = 'pending' | 'delivered' | 'failed';

/** A callback in the log. */
export type Callback = Readonly<{
  id: string;
  callback_type: CallbackType;
  notification_id: string | null;
  inbound_sms_id: string | null;
  status: CallbackState;
  attempts: number;
  last_code: string | null;
  created_at: string;
  next_attempt_at: string | null;
  finished_at: string | null;
}>;

export const callbackTypes: readonly CallbackType[] = ['delivery_status', 'inbound_sms', 'complaint'];

export const typeNames: Readonly<Record<CallbackType, string>> = {
  delivery_status: 'Delivery statuses',
  inbound_sms: 'Received texts',
  complaint: 'Complaints about emails',
};

/** When a callback of a type is made. */
export const typeSentences: Readonly<Record<CallbackType, string>> = {
  delivery_status: 'Called when a message has reached its final status.',
  inbound_sms: 'Called when somebody texts the service.',
  complaint: 'Called when somebody complains about an email.',
};

const stateWords: Readonly<Record<CallbackState, readonly [string, 'good' | 'bad' | 'open']>> = {
  pending: ['Waiting', 'open'],
  delivered: ['Delivered', 'good'],
  failed: ['Failed', 'bad'],
};

export const callbackStates = Object.keys(stateWords) as readonly CallbackState[];
export const stateWord = (state: CallbackState): string => stateWords[state][0];
export const stateTag = (state: CallbackState): Html => tag(...stateWords[state]);

/** What came back, in words: an HTTP status, or why there was no answer. */
export function codeText(code: string | null): string {
  if (code === null) return 'Not called yet';
  if (/^\d{3}$/.test(code)) return `It answered ${code}`;
  switch (code) {
    case 'timeout':
      return 'It did not answer in time';
    case 'private address':
      return 'The address is in a private network';
    case 'bad address':
      return 'The address is not an https address';
    case 'no address':
      return 'The address was removed';
    case 'ECONNREFUSED':
      return 'The connection was refused';
    case 'ENOTFOUND':
      return 'The host name is unknown';
    default:
      return `The connection failed (${code})`;
  }
}

/** What somebody can do about an answer; null: nothing needs to be done, or it mends itself. */
export function codeAdvice(code: string | null): string | null {
  if (code === null || /^2\d\d$/.test(code)) return null;
  if (/^3\d\d$/.test(code)) return 'Redirects are not followed: set the address that it leads to.';
  if (code === '401' || code === '403')
    return 'Your program refuses the token: check that both have the same.';
  if (code === '404' || code === '405')
    return 'Your program has nothing there that takes a POST: check the path of the address.';
  if (/^4\d\d$/.test(code) && !['408', '425', '429'].includes(code))
    return 'Your program refuses the callback; it is not sent again by itself. Mend it, then replay.';
  if (/^\d{3}$/.test(code)) return 'Your program failed. Callbacks are tried again by themselves.';
  if (code === 'timeout')
    return 'Answer first and do the work afterwards: an answer must come within 5 seconds.';
  if (code === 'private address') return 'Only addresses of the public internet are called.';
  return 'Check the address, and that your program runs and can be reached from outside.';
}

/** One callback as a row of the log. */
export function logRow({ at, zone }: ServiceVisit, one: Callback): readonly Cell[] {
  return [
    {
      content: link(at(`/developers/callbacks/${one.id}`), timeOf(one.created_at, zone)),
      header: true,
    },
    typeNames[one.callback_type],
    stateTag(one.status),
    { content: String(one.attempts), numeric: true },
    html`<bdi>${codeText(one.last_code)}</bdi>`,
    one.next_attempt_at === null ? 'None' : timeOf(one.next_attempt_at, zone),
  ];
}

export const logHead = [
  'Queued',
  'Type',
  'State',
  { text: 'Tries', numeric: true },
  'Last answer',
  'Next try',
] as const;

/** How an address is doing, in a sentence. */
export function addressSentence({ paused, failures, waiting }: Address, until: Html | null): Html {
  const wait =
    waiting === 0
      ? 'Nothing waits.'
      : `${waiting >= 10_000 ? '10,000 or more callbacks wait' : waiting === 1 ? '1 callback waits' : `${waiting} callbacks wait`}.`;
  const failed = failures === 1 ? '1 call in a row has failed' : `${failures} calls in a row have failed`;
  if (paused)
    return html`It is paused${failures === 0 ? null : html`, because ${failed}`}. ${
      until === null ? null : html`It is tried again at ${until}. `
    }${wait}`;
  if (failures > 0) return html`It is called, but ${failed}. ${wait}`;
  return html`It works. ${wait}`;
}
