/**
 * What a signal does. By default it ends the process, whose exit handlers stop the embedded database; the second signal
 * always does.
 */
let handle: (() => Promise<void>) | null = null;

/** Catches the signals with which people, terminals and service managers end a process. */
export function catchSignals(): void {
  let caught = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      const orderly = caught ? null : handle;
      caught = true;
      if (orderly === null) process.exit(1);
      void orderly().finally(() => process.exit(0));
    });
}

/** From now on the first signal calls `stop` and ends the process once that is done. */
export function onSignal(stop: () => Promise<void>): void {
  handle = stop;
}
