import { type LookupOneOptions, lookup } from 'node:dns';
import { isIP } from 'node:net';
import { StatsD } from 'hot-shots';
import { stopwatch } from './clock.ts';
import type { Log } from './log.ts';

export type StatsdSettings = Readonly<{ host: string; port: number; prefix: string }>;

/** Counters and timers fill a datagram of this size, which no usual network splits, or wait this long for more. */
const datagramBytes = 1400;
const flushMilliseconds = 500;
const reportMilliseconds = 60_000;

/**
 * Sends counters and timers to StatsD over UDP. Fire and forget: whether the host takes them, refuses them or does not
 * exist, no call fails or waits (spec 06, section 4.3).
 */
export function openStatsd({ host, port, prefix }: StatsdSettings, log: Log): StatsD {
  let sinceReport = () => Number.POSITIVE_INFINITY;
  return new StatsD({
    ...{ host, port, prefix, maxBufferSize: datagramBytes, bufferFlushInterval: flushMilliseconds },
    udpSocketOptions: { type: isIP(host) === 6 ? 'udp6' : 'udp4', lookup: rememberedLookup() as never },
    errorHandler(error) {
      if (sinceReport() < reportMilliseconds) return;
      sinceReport = stopwatch();
      log.warn({ err: error }, 'Metrics cannot be sent to StatsD; those of this time are lost');
    },
  });
}

const freshMilliseconds = 60_000;
const failureMilliseconds = 10_000;
const mostWaiting = 100;

type Found = (error: Error | null, address: string, family: number) => void;

/**
 * Looks a name up once a minute, or 10 seconds after a failure, and never twice at a time: look-ups use the few threads
 * that everything else needs too, and a name server that does not answer holds one for many seconds. The last address
 * is used while a new look-up fails.
 */
export function rememberedLookup(
  resolve: (name: string, options: LookupOneOptions, found: Found) => void = lookup as never,
): (name: string, family: number, found: Found) => void {
  let address = '';
  let failure: Error | null = null;
  let age = () => Number.POSITIVE_INFINITY;
  let waiting: Found[] = [];
  const answer = (found: Found) =>
    address === '' && failure ? found(failure, '', 4) : found(null, address, 4);
  return (name, _family, found) => {
    const kind = isIP(name);
    // The socket asks for its own address too.
    if (kind !== 0) return found(null, name, kind);
    if (age() < (failure ? failureMilliseconds : freshMilliseconds)) return answer(found);
    if (waiting.length >= mostWaiting) return found(new Error('Its name is still being looked up'), '', 4);
    waiting.push(found);
    if (waiting.length > 1) return;
    resolve(name, { family: 4 }, (error, resolved) => {
      failure = error;
      if (!error) address = resolved;
      age = stopwatch();
      const answered = waiting;
      waiting = [];
      answered.forEach(answer);
    });
  };
}
