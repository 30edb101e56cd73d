import { readCredentials } from '../bootstrap/credentials.ts';
import { ConfigError, readConfig } from '../config.ts';
import { readOptions } from './arguments.ts';
import { makeToken } from './client.ts';

/** `despatch token [--key normal|team|test]`: prints a token of the first service's key, for curl. */
export function token(args: readonly string[]): void {
  const { key: type = 'normal' } = readOptions(args, ['key']);
  const { dataDir } = readConfig(process.env);
  const key = readCredentials(dataDir)?.services[0]?.keys[type as 'normal'];
  if (!key)
    throw new ConfigError(
      `${dataDir}/credentials.json has no ${type} key. Start the server once, with DESPATCH_DEMO=1 or a service of your own.`,
    );
  console.log(makeToken(key));
}
