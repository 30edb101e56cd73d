import { setTimeout as sleep } from 'node:timers/promises';
import { makeToken } from '../src/cli/client.ts';
import type { Account } from './installation.ts';

const connections = 32;
const answerMilliseconds = 10_000;
const retryMilliseconds = 200;
const patienceMilliseconds = 120_000;

/** The result of the load. `ids`: of all accepted messages. */
export type Accepted = Readonly<{
  ids: ReadonlySet<string>;
  /** Requests that were repeated after no answer or a server error. */
  repeats: number;
  faults: readonly string[];
}>;

/**
 * Sends `messages`, half of them texts and half emails, at `perSecond`, to the APIs in turn. Each has its own
 * idempotency key and is repeated with it, at the other API, until it is answered, so each is one message with one id
 * whatever fails in between. `onAccepted` is called with the number accepted so far.
 */
export async function persistentLoad(
  options: Readonly<{
    apis: readonly string[];
    account: Account;
    messages: number;
    perSecond: number;
    /** Part of every key, so that runs on one database do not collide. */
    seed: number;
    onAccepted: (count: number) => void;
  }>,
): Promise<Accepted> {
  const { apis, account, messages, perSecond, seed, onAccepted } = options;
  const ids = new Set<string>();
  const faults: string[] = [];
  const started = performance.now();
  let next = 0;
  let requests = 0;
  let repeats = 0;

  async function send(index: number): Promise<void> {
    const { path, body } = requestOf(account, index);
    const until = performance.now() + patienceMilliseconds;
    for (;;) {
      const api = apis[requests++ % apis.length]!;
      const answer = await post(api + path, account.key, `chaos-${seed}-${index}`, body);
      if (answer?.status === 201) {
        ids.add((JSON.parse(answer.text) as { id: string }).id);
        onAccepted(ids.size);
        return;
      }
      // A client error would only repeat.
      const isFinal = answer !== null && answer.status < 500 && answer.status !== 429;
      if (isFinal || performance.now() > until) {
        faults.push(
          `Message ${index} was not accepted: ${answer ? `${answer.status} ${answer.text.slice(0, 300)}` : 'no answer'}`,
        );
        return;
      }
      repeats += 1;
      await sleep(retryMilliseconds);
    }
  }

  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < messages) {
        const index = next++;
        const early = started + (index * 1000) / perSecond - performance.now();
        if (early > 0) await sleep(early);
        await send(index);
      }
    }),
  );
  return { ids, repeats, faults };
}

/** Every tenth text goes to a number reported first as pending, then as failed: two receipts that may swap places. */
function requestOf({ templates }: Account, index: number): { path: string; body: string } {
  const type = index % 2 === 0 ? 'sms' : 'email';
  const number = index % 20 === 0 ? '07833333333' : `07700 900${300 + (index % 700)}`;
  const recipient =
    type === 'sms' ? { phone_number: number } : { email_address: `reader-${index}@example.com` };
  return {
    path: `/v2/notifications/${type}`,
    body: JSON.stringify({
      template_id: templates[type],
      ...recipient,
      personalisation: { name: `N${index}`, title: 'Sea Charts', date: '4 May' },
    }),
  };
}

/** null if there was no answer. */
async function post(
  url: string,
  key: string,
  idempotencyKey: string,
  body: string,
): Promise<{ status: number; text: string } | null> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${makeToken(key)}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': idempotencyKey,
        'User-Agent': 'despatch-chaos',
      },
      body,
      signal: AbortSignal.timeout(answerMilliseconds),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}
