import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BehaviourChange } from '../sandbox/behaviour.ts';
import type { Child } from './child-process.ts';
import type { Harness } from './harness.ts';

const pollMilliseconds = 10;

/** What the provider has received. */
export type ProviderCounts = Readonly<{
  /** Distinct messages. */
  distinct: number;
  /** Those that arrived more than once. */
  duplicates: number;
  /** How often each of those arrived; at most the first 10,000. */
  times: ReadonlyMap<string, number>;
  /** Receipts that were accepted or given up on. */
  reported: number;
  /** Receipts still to be posted. */
  pending: number;
  /** Receipts that were given up on. */
  failed: number;
}>;

/** Starts the process that simulates the provider. */
export async function startProvider(harness: Harness): Promise<{ child: Child; client: SandboxClient }> {
  const child = harness.startChild({
    name: 'provider',
    args: [fileURLToPath(new URL('./provider.ts', import.meta.url))],
    environment: {},
  });
  return { child, client: new SandboxClient((await child.logged(/^Provider: (\S+)$/m))[1]!) };
}

/** Asks the sandbox what it has received. */
export class SandboxClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** @throws if the sandbox could not track all references: then its counts prove nothing */
  async counts(): Promise<ProviderCounts> {
    const counts = await this.#get<{
      distinct_references: number;
      duplicate_references: number;
      duplicates: readonly { reference: string; times: number }[];
      uncounted: number;
      receipts: { sent: number; failed: number; pending: number };
    }>('/counts');
    if (counts.uncounted > 0) throw new Error('The sandbox has received more messages than it can track.');
    return {
      distinct: counts.distinct_references,
      duplicates: counts.duplicate_references,
      times: new Map(counts.duplicates.map(({ reference, times }) => [reference, times])),
      reported: counts.receipts.sent + counts.receipts.failed,
      pending: counts.receipts.pending,
      failed: counts.receipts.failed,
    };
  }

  /**
   * When the message with this reference, or the first to this number, arrived, in Unix milliseconds; NaN if it does not
   * arrive within `milliseconds`.
   */
  async arrival(of: Readonly<{ reference: string } | { to: string }>, milliseconds: number): Promise<number> {
    const deadline = performance.now() + milliseconds;
    while (performance.now() < deadline) {
      const { messages } = await this.#get<{ messages: { received_at: string }[] }>(
        `/messages?${new URLSearchParams(of)}&limit=1`,
      );
      if (messages[0]) return Date.parse(messages[0].received_at);
      await sleep(pollMilliseconds);
    }
    return Number.NaN;
  }

  async behave(change: BehaviourChange): Promise<void> {
    const response = await fetch(`${this.url}/behaviour`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(change),
    });
    if (!response.ok) throw new Error(`The sandbox refused a behaviour: ${await response.text()}`);
  }

  async #get<Body>(path: string): Promise<Body> {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`The sandbox answered ${response.status} to GET ${path}.`);
    return (await response.json()) as Body;
  }
}
