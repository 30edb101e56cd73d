import type { Log } from '../ground/log.ts';

/** Registers a clean-up step as soon as there is something to clean up; steps run in reverse order. */
export type OnStop = (undo: () => Promise<unknown> | unknown) => void;

/**
 * What `open` returns, with a `stop` that undoes in reverse order what it registered. If `open` fails, everything is
 * undone at once.
 */
export async function stoppable<Opened extends object>(
  log: Log,
  open: (onStop: OnStop) => Promise<Opened>,
): Promise<Opened & Readonly<{ stop(): Promise<void> }>> {
  const undos: Parameters<OnStop>[0][] = [];
  const stop = async () => {
    for (const undo of undos.splice(0).reverse())
      await Promise.resolve(undo()).catch((error: unknown) =>
        log.warn({ err: error }, 'Something could not be stopped cleanly'),
      );
  };
  try {
    return { ...(await open((undo) => undos.push(undo))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
