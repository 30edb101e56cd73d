import { readCredentials } from '../bootstrap/credentials.ts';
import { readConfig } from '../config/config.ts';
import { ConfigError } from '../ground/problem.ts';
import { readOptions } from './arguments.ts';
import { makeToken, signToken } from './client.ts';

/** `despatch token [--key normal|team|test] [--admin]`: prints a token for the first service, or for the admin API. */
export function token(args: readonly string[]): void {
  const { key: type = 'normal', admin } = readOptions(args, ['key'], ['admin']);
  const { dataDir } = readConfig(process.env).installation;
  const credentials = readCredentials(dataDir);
  if (admin && credentials) {
    console.log(signToken(credentials.admin.issuer, credentials.admin.secret));
    return;
  }
  const key = credentials?.services[0]?.keys[type as 'normal'];
  if (!key)
    throw new ConfigError(
      `${dataDir}/credentials.json has no ${admin ? 'admin secret' : `${type} key`}. Start the server once, with DESPATCH_DEMO=1 or a service of your own.`,
    );
  console.log(makeToken(key));
}
