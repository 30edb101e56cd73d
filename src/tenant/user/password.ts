import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Problem } from '../../ground/problem.ts';
import { createTurns } from '../../ground/turns.ts';

const derive = promisify(argon2);

/** What OWASP advises for argon2id: KiB of memory, passes, lanes. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const saltBytes = 16;
const hashBytes = 32;

/** Hashing takes a core and memory for a while: a flood of sign-ins waits, instead of stopping everybody else. */
const turns = createTurns({
  ...{ atOnce: 2, mostWaiting: 200, longestWaitMilliseconds: 20_000 },
  refused: () =>
    new Problem(
      429,
      [
        {
          error: 'TooManyRequestsError',
          message: 'Too many people are signing in. Try again in a few seconds.',
        },
      ],
      { 'Retry-After': '5' },
    ),
});

async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const leave = await turns('passwords', new AbortController().signal);
  try {
    return await work();
  } finally {
    leave();
  }
}

/** The hash to store, with its parameters: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`. */
export function hashPassword(password: string): Promise<string> {
  return inTurn(async () => {
    const nonce = randomBytes(saltBytes);
    const hash = await derive('argon2id', { message: password, nonce, tagLength: hashBytes, ...cost });
    const { memory, passes, parallelism } = cost;
    return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(nonce)}$${unpadded(hash)}`;
  });
}

const stored = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/;

/** `hash`: as stored; null for somebody without a password, which none matches. */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const [, memory, passes, parallelism, salt, expected] = (hash && stored.exec(hash)) || [];
  if (salt === undefined || expected === undefined) return false;
  const tag = Buffer.from(expected, 'base64');
  const given = await inTurn(() =>
    derive('argon2id', {
      message: password,
      nonce: Buffer.from(salt, 'base64'),
      tagLength: tag.length,
      ...{ memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    }),
  );
  return timingSafeEqual(given, tag);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
