import { stopwatch } from '../ground/clock.ts';

/**
 * A signal that comes again this soon is the same one: Ctrl-C reaches us from the terminal and from npm, which passes it
 * on.
 */
const repeatMilliseconds = 500;

/**
 * What a signal does. By default it ends the process, whose exit handlers stop the embedded database; the second signal
 * always does.
 */
let handle: (() => Promise<void>) | null = null;
let exitCode = 0;

/** Catches the signals with which people, terminals and service managers end a process. */
export function catchSignals(): void {
  let sinceFirst: (() => number) | null = null;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (sinceFirst !== null && sinceFirst() < repeatMilliseconds) return;
      const orderly = sinceFirst === null ? handle : null;
      sinceFirst ??= stopwatch();
      if (orderly === null) process.exit(1);
      void orderly().finally(() => process.exit(exitCode));
    });
}

/** From now on the first signal calls `stop` and ends the process once that is done, with this exit code. */
export function onSignal(stop: () => Promise<void>, code = 0): void {
  handle = stop;
  exitCode = code;
}
