import { makeToken } from '../src/cli/client.ts';
import type { Account } from './server.ts';

const variety = 600;
const tokenMilliseconds = 10_000;

const names = ['Rowan', 'Zoë', 'Oluwaseun', 'Mrs van der Berg', 'Ash'];
const titles = ['Sea Charts', 'The Tides of the North Coast', 'Knots', 'A Short History of Lighthouses'];

/**
 * Requests to send a message, made beforehand so that a run measures the server and not its client: a few hundred
 * different ones, taken in turns, under one token that is signed anew every 10 seconds (it is valid for 30).
 */
export class Requests {
  readonly #account: Account;
  readonly #bodies: readonly (readonly ['sms' | 'email', string])[];
  #ready: Buffer[] = [];
  #signedAt = Number.NEGATIVE_INFINITY;
  #next = 0;

  /** @param emails part of the requests that send an email, 0 to 1, spread evenly */
  constructor(account: Account, emails: number) {
    this.#account = account;
    this.#bodies = Array.from({ length: variety }, (_, index) => {
      const isEmail = Math.floor((index + 1) * emails) > Math.floor(index * emails);
      const personalisation = {
        name: names[index % names.length],
        title: titles[index % titles.length],
        date: `${(index % 28) + 1} May`,
      };
      // Numbers that nobody has, apart from those with a meaning of their own at the API or the sandbox.
      const recipient = isEmail
        ? { email_address: `reader-${index}@example.com` }
        : { phone_number: `07700 900${300 + index}` };
      const type = isEmail ? 'email' : 'sms';
      const template_id = account.templates[type];
      return [type, JSON.stringify({ template_id, ...recipient, personalisation })] as const;
    });
  }

  /** The next one, as it goes over the wire. */
  take(): Buffer {
    const now = Date.now();
    if (now - this.#signedAt > tokenMilliseconds) this.#sign(now);
    this.#next = this.#next + 1 < variety ? this.#next + 1 : 0;
    return this.#ready[this.#next]!;
  }

  #sign(now: number): void {
    this.#signedAt = now;
    const token = makeToken(this.#account.key, now);
    this.#ready = this.#bodies.map(([type, body]) =>
      Buffer.from(
        [
          `POST /v2/notifications/${type} HTTP/1.1`,
          'Host: localhost',
          'User-Agent: despatch-bench',
          `Authorization: Bearer ${token}`,
          'Content-Type: application/json',
          `Content-Length: ${Buffer.byteLength(body)}`,
          '',
          body,
        ].join('\r\n'),
      ),
    );
  }
}
