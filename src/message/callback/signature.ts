import { createHmac } from 'node:crypto';

/**
 * `Despatch-Signature` of a callback: `t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the bearer token>`
 * (docs/callbacks.md). Who receives it can tell that it comes from us, was not changed, and is not an old one again.
 */
export function signature(body: string, token: string, now: number): string {
  const time = Math.floor(now / 1000);
  return `t=${time},v1=${createHmac('sha256', token).update(`${time}.${body}`).digest('hex')}`;
}
