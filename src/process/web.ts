import { createHash } from 'node:crypto';
import { adminBaseUrlOf, type Config } from '../config/config.ts';
import { createCipher } from '../ground/cipher.ts';
import type { Clock } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import { createApiLine } from '../web/frame/api.ts';
import { loadAssets } from '../web/frame/assets.ts';
import { createWebServer } from '../web/frame/server.ts';
import { pages } from '../web/pages.ts';
import { sandboxTypes } from './suppliers.ts';

export type Web = Readonly<{ url: string; stop: () => Promise<void> }>;

export type WebOptions = Readonly<{
  config: Config;
  /** The admin API, as this process reaches it. */
  apiUrl: string;
  /** Where people open the sandbox's inbox; null: no message goes through it. */
  sandboxUrl: string | null;
  adminSecret: string;
  /** SECRET_KEY, or what stands in for it; null: the process does not know it. */
  secretKeys: readonly string[] | null;
  clock: Clock;
  log: Log;
}>;

/** Serves the pages for people (spec 07). Throws a ConfigError. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const { config, apiUrl, sandboxUrl, adminSecret, secretKeys, clock, log } = options;
  const { web, secrets, api } = config;
  const line = createApiLine({ url: apiUrl, issuer: secrets.adminUserName, secret: adminSecret, clock });
  const server = createWebServer({
    pages,
    assets: loadAssets({ colour: web.brandColour, logoFile: web.logoFile }),
    line,
    cipher: createCipher(webSecrets(web.secret, secretKeys), 'pages'),
    clock,
    log,
    site: {
      productName: web.productName,
      baseUrl: adminBaseUrlOf(config),
      apiUrl: api.publicUrl ?? apiUrl,
      sandboxUrl,
      sandboxTypes: sandboxTypes(config),
      undoSeconds: web.undoSeconds,
      sessionHours: web.sessionHours,
      secondStep: web.secondStep,
      registration: web.registration,
      contact: web.contact,
    },
  });
  const url = await server.app.listen({ host: web.host, port: web.port });
  return { url, stop: server.stop };
}

/** What seals cookies: never SECRET_KEY itself, which opens what the pages have no business to open. */
function webSecrets(own: string | null, secretKeys: readonly string[] | null): readonly string[] {
  if (own !== null) return [own];
  if (secretKeys === null)
    throw new ConfigError(
      'WEB_SECRET must be set for the pages: it seals their cookies, and every process of them needs the same one.',
    );
  return secretKeys.map((secret) => createHash('sha256').update(`despatch pages ${secret}`).digest('base64'));
}
