import { createHash } from 'node:crypto';
import { demoOperator } from '../bootstrap/demo-service.ts';
import { adminBaseUrlOf, type Config } from '../config/config.ts';
import { createCipher } from '../ground/cipher.ts';
import type { Clock } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import { firstOperatorMinutes, linkPaths, makeFirstOperatorToken, makeToken } from '../tenant/user/link.ts';
import { findUserByEmail, hasOperator } from '../tenant/user/store.ts';
import { createApiLine } from '../web/frame/api.ts';
import { loadAssets } from '../web/frame/assets.ts';
import { createWebServer } from '../web/frame/server.ts';
import { pages } from '../web/pages.ts';
import type { Core } from './core.ts';
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

/** A link for the terminal, and for how long it can be used. */
export type FirstLink = Readonly<{ url: string; minutes: number }>;

/**
 * A link for the terminal that started the product, and nothing else: it signs in as the operator of the demo service
 * or, without the demo, makes the first operator. null where there is an operator who signs in by themselves.
 */
export async function firstLink({
  db,
  cipher,
  clock,
  config,
}: Pick<Core, 'db' | 'cipher' | 'clock' | 'config'>): Promise<FirstLink | null> {
  const now = clock.now();
  const page = `${adminBaseUrlOf(config)}${linkPaths['sign-in']}`;
  if (!config.installation.demo)
    return (await hasOperator(db))
      ? null
      : { url: page + makeFirstOperatorToken(cipher, now), minutes: firstOperatorMinutes };
  const user = await findUserByEmail(db, demoOperator.emailAddress, new Date(now));
  if (!user?.isOperator || user.state !== 'active') return null;
  const token = makeToken(cipher, 'sign-in', { userId: user.id, email: user.emailAddress }, now);
  return { url: page + token, minutes: 15 };
}
