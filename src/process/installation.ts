import { bootstrap } from '../bootstrap/bootstrap.ts';
import { checkSecretKey } from '../bootstrap/credentials.ts';
import { type Core, type CoreOptions, openCore } from './core.ts';
import { checkProviders, providerRows } from './suppliers.ts';

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
