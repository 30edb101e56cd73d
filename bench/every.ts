import { setTimeout as sleep } from 'node:timers/promises';

/** How often a message is sent beside a load. */
export const everyMilliseconds = 250;
/** Sent even if the run is so short that the load is over. */
const minSingles = 8;

/** A message that was sent: since when it has waited, and when it arrived at the provider, in Unix milliseconds. */
export type Sent = Readonly<{ since: number; arrival: Promise<number> }>;

/** Sends at fixed times, without waiting for the previous message; returns milliseconds to the provider, sorted. */
export async function every(
  send: () => Promise<Sent>,
  isOver: () => boolean,
  milliseconds = everyMilliseconds,
): Promise<Float64Array> {
  const started = performance.now();
  const latencies: Promise<number>[] = [];
  while (!isOver() || latencies.length < minSingles) {
    const early = started + latencies.length * milliseconds - performance.now();
    if (early > 0) await sleep(early);
    const { since, arrival } = await send();
    // It may arrive before its answer has been read.
    latencies.push(arrival.then((arrivedAt) => Math.max(0.1, arrivedAt - since)));
  }
  return new Float64Array(await Promise.all(latencies)).sort();
}
