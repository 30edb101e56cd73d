import { bootstrap } from '../bootstrap/bootstrap.ts';
import { checkSecretKey } from '../bootstrap/credentials.ts';
import type { Log } from '../ground/log.ts';
import { type Core, type CoreOptions, openCore } from './core.ts';
import { checkProviders, providerRows } from './suppliers.ts';

export type OnStop = CoreOptions['onStop'];

/**
 * What every use of an installation begins with, be it a server or one command: its database, up to date and with what
 * the product needs in it, opened with the right secret. Throws a ConfigError.
 */
export async function openInstallation(options: CoreOptions): Promise<Core> {
  const { config, log } = options;
  checkProviders(config);
  const core = await openCore(options);
  const { db, cipher, clock } = core;
  await checkSecretKey(db, cipher);
  await bootstrap(
    { db, cipher, clock, log },
    { demo: config.installation.demo, providers: providerRows(config) },
  );
  return core;
}

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
