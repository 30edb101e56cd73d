import { demoOperator } from '../bootstrap/demo-service.ts';
import { adminBaseUrlOf } from '../config/config.ts';
import { firstOperatorMinutes, linkPaths, makeFirstOperatorToken, makeToken } from '../tenant/user/link.ts';
import { findUserByEmail, hasOperator } from '../tenant/user/store.ts';
import type { Core } from './core.ts';

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
