import { ConfigError } from '../ground/problem.ts';
import { api, documents } from './api.ts';
import { database, secrets } from './database.ts';
import { callbacks, delivery } from './delivery.ts';
import { firetext, loadtesting } from './firetext.ts';
import { installation, statsd, traces } from './installation.ts';
import { mmg } from './mmg.ts';
import { circuit, providers } from './providers.ts';
import { sandbox } from './sandbox.ts';
import { ses } from './ses.ts';
import { readArea, type Setting, type Values } from './setting.ts';
import { smtp } from './smtp.ts';
import { checkWeb, web } from './web.ts';

/** Every setting, by area. */
export const areas = {
  installation,
  api,
  documents,
  database,
  secrets,
  statsd,
  traces,
  delivery,
  callbacks,
  providers,
  circuit,
  sandbox,
  web,
  mmg,
  firetext,
  loadtesting,
  ses,
  smtp,
};

/** Every environment variable that the product reads. */
export const settings: readonly Setting<unknown>[] = Object.values(areas).flatMap((area) =>
  Object.values(area),
);

export type Config = Readonly<{ [Name in keyof typeof areas]: Values<(typeof areas)[Name]> }>;

/** Throws a ConfigError that names the first invalid variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const values = Object.entries(areas).map(([name, area]) => [name, readArea(area, environment)]);
  const config = Object.freeze(Object.fromEntries(values)) as Config;
  if (config.database.url && !config.secrets.keys)
    throw new ConfigError(
      'SECRET_KEY must be set when DATABASE_URL is: it encrypts what is stored, and every process needs the same one.',
    );
  if (config.ses.enabled && config.ses.accessKeyId && !config.ses.secretAccessKey)
    throw new ConfigError('AWS_SECRET_ACCESS_KEY must be set when AWS_ACCESS_KEY_ID is, for SES_ENABLED.');
  checkWeb(config.web, adminBaseUrlOf(config));
  return config;
}

/** Where people find the pages, without a slash at the end. */
export function adminBaseUrlOf({
  api: { adminBaseUrl },
  web: { port },
}: Pick<Config, 'api' | 'web'>): string {
  return adminBaseUrl ?? `http://127.0.0.1:${port}`;
}
