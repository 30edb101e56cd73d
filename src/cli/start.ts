import { readConfig } from '../config/config.ts';
import { roles, startPlatform } from '../process/compose.ts';
import { queueNames } from '../queue/define.ts';
import { readNames, readOptions } from './arguments.ts';
import { onSignal } from './signals.ts';
import { welcome } from './welcome.ts';

/** `despatch start [--roles …] [--queues …]`: runs until a signal ends it. */
export async function start(args: readonly string[]): Promise<void> {
  const options = readOptions(args, ['roles', 'queues']);
  const platform = await startPlatform({
    config: readConfig(process.env),
    roles: readNames('roles', options['roles'], roles),
    queues: readNames('queues', options['queues'], queueNames),
  });
  onSignal(() => platform.stop());
  console.log(welcome(platform));
}
