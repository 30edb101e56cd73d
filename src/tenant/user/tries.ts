import { isIPv4, isIPv6 } from 'node:net';

/** How many tries failed, and when the last did. */
export type Tries = Readonly<{ failed: number; failedAt: Date | null }>;

/** Tries with which a person is locked (spec 04, section 3.4). */
export const lockedAt = 10;
/** After this time without another, failed tries no longer count; so a lock ends by itself (spec 07, section 16: G3). */
export const forgottenMilliseconds = 60 * 60_000;

/** Tries that fail without any wait: people mistype, and many people share a network. */
const freeTries = { person: 2, network: 20 } as const;
const longestWaitMilliseconds = 15 * 60_000;

/** The tries that still count. Pure. */
export function countedTries({ failed, failedAt }: Tries, now: number): number {
  return failedAt && now - failedAt.getTime() < forgottenMilliseconds ? failed : 0;
}

/** For how many milliseconds the next try has to wait: a second, and twice as long after each failure. Pure. */
export function waitFor(tries: Tries, of: keyof typeof freeTries, now: number): number {
  const beyond = countedTries(tries, now) - freeTries[of];
  if (beyond <= 0) return 0;
  const wait = Math.min(longestWaitMilliseconds, 1000 * 2 ** (beyond - 1));
  return Math.max(0, tries.failedAt!.getTime() + wait - now);
}

/**
 * The network of a client's address: whoever has one IPv6 address has the 2^64 beside it. null if it is no address.
 * Pure.
 */
export function networkOf(address: string): string | null {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return null;
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [
    ...left,
    ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'),
    ...right,
  ];
  // An IPv4 address in IPv6 form is one client, not the whole of IPv4.
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') return groups.join(':');
  return `${groups.slice(0, 4).join(':')}::/64`;
}
