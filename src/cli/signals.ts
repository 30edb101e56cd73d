/**
 * What a signal does: until a command says otherwise it ends the process, which stops the embedded database on its way
 * out. The second signal always does.
 */
let handle: (() => Promise<void>) | null = null;

/** Catches the signals by which people, terminals and service managers end a process. */
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

/** From now on the first signal does this, and the process ends when it is done. */
export function onSignal(stop: () => Promise<void>): void {
  handle = stop;
}
