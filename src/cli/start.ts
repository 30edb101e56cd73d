import { readConfig } from '../config.ts';
import { type Platform, roles, startPlatform } from '../platform.ts';
import { queueNames } from '../queue/names.ts';
import { readNames, readOptions } from './arguments.ts';
import { welcome } from './welcome.ts';

/** `despatch start [--roles …] [--queues …]`: runs until a signal ends it. */
export async function start(args: readonly string[]): Promise<void> {
  const options = readOptions(args, ['roles', 'queues']);
  const platform = await startPlatform({
    config: readConfig(process.env),
    roles: readNames('roles', options['roles'], roles),
    queues: readNames('queues', options['queues'], queueNames),
  });
  stopOnSignal(platform);
  console.log(welcome(platform));
}

/** The first signal stops in good order, a second one at once. */
function stopOnSignal(platform: Platform): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void platform.stop().then(() => process.exit(0));
    });
}
