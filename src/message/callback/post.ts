import { createHmac } from 'node:crypto';
import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector, request } from 'undici';
import type { Clock } from '../../ground/clock.ts';

/** What came back when a callback was posted. */
export type CallbackResponse =
  | Readonly<{ kind: 'answered'; status: number; retryAfter: string | null }>
  /** The connection failed, or broke before the response. `code`: the error's code, or `timeout`. */
  | Readonly<{ kind: 'no answer'; code: string; detail: string }>
  /** It was not posted: callbacks may not go to this address. */
  | Readonly<{ kind: 'forbidden'; code: string; detail: string }>
  /** It was aborted because this process is stopping. */
  | Readonly<{ kind: 'given up' }>;

/** A callback to post; `body` is JSON. */
export type Outgoing = Readonly<{ url: string; token: string; body: string }>;

export type Poster = Readonly<{
  post(outgoing: Outgoing, signal: AbortSignal): Promise<CallbackResponse>;
  close(): Promise<void>;
}>;

export type PosterOptions = Readonly<{
  clock: Clock;
  timeoutSeconds: number;
  /** Allows private and loopback addresses, and plain HTTP. */
  allowPrivate: boolean;
}>;

/** Most bytes of a response that are read so that the connection can be reused. */
const longestAnswer = 65_536;

/** The host has no address that callbacks may go to. */
class PrivateAddressError extends Error {
  readonly code = 'private address';
}

const forbidden = (code: string, detail: string): CallbackResponse => ({ kind: 'forbidden', code, detail });

/**
 * The HTTP client for callbacks. The address is checked when the connection is made, and that same address is connected
 * to, so neither a name that resolves to a private address nor one that changes in between reaches the internal
 * network. Redirects are not followed. A proxy set in the environment is not used, since it would resolve the name
 * itself.
 */
export function createPoster({ clock, timeoutSeconds, allowPrivate }: PosterOptions): Poster {
  const milliseconds = timeoutSeconds * 1000;
  const connect = buildConnector({
    timeout: milliseconds,
    lookup: sharedLookup(allowPrivate ? () => true : isPublicAddress),
    autoSelectFamily: true,
  } as buildConnector.BuildOptions);
  const agent = new Agent({
    connect: (options, callback) => {
      // Literal addresses bypass `lookup`.
      if (!allowPrivate && isIP(options.hostname) !== 0 && !isPublicAddress(options.hostname))
        callback(new PrivateAddressError(options.hostname), null);
      else connect(options, callback);
    },
    pipelining: 1,
    headersTimeout: milliseconds,
    bodyTimeout: milliseconds,
    keepAliveTimeout: 10_000,
  });

  return {
    async post({ url, token, body }, signal) {
      if (!URL.canParse(url)) return forbidden('bad address', 'The callback address is not a URL');
      const target = new URL(url);
      if (target.protocol !== 'https:' && !(allowPrivate && target.protocol === 'http:'))
        return forbidden('bad address', 'The callback address is not https');
      const timeout = AbortSignal.timeout(milliseconds);
      const either = AbortSignal.any([signal, timeout]);
      try {
        const answer = await request(`${target.origin}${target.pathname}${target.search}`, {
          method: 'POST',
          dispatcher: agent,
          headers: {
            'Content-Type': 'application/json',
            Authorization: `Bearer ${token}`,
            'User-Agent': 'Despatch',
            'Despatch-Signature': signature(body, token, clock.now()),
          },
          body,
          signal: either,
        });
        const { 'retry-after': retryAfter } = answer.headers;
        // Only the status matters, even if the rest of the response fails.
        await answer.body.dump({ limit: longestAnswer, signal: either }).catch(() => undefined);
        return {
          kind: 'answered',
          status: answer.statusCode,
          retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
        };
      } catch (error) {
        if (error instanceof PrivateAddressError) return privateAddress(hostOf(target));
        if (signal.aborted) return { kind: 'given up' };
        return noAnswer(error, timeout.aborted, timeoutSeconds);
      }
    },
    close: () => agent.destroy(),
  };
}

function privateAddress(host: string): CallbackResponse {
  return forbidden('private address', `${host} is not an address of the public internet`);
}

function noAnswer(error: unknown, isLate: boolean, timeoutSeconds: number): CallbackResponse {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const isTimeout = isLate || /TIMEOUT$|TIMEDOUT$/.test(String(code));
  if (isTimeout)
    return { kind: 'no answer', code: 'timeout', detail: `No answer within ${timeoutSeconds} seconds` };
  return {
    kind: 'no answer',
    code: typeof code === 'string' ? code : String(name ?? 'error'),
    detail: 'The address could not be reached, or the connection ended before the answer',
  };
}

type Found = Promise<readonly dns.LookupAddress[]>;

/**
 * Resolves a name to the addresses that may be connected to. Concurrent look-ups of one name are shared: the system's
 * resolver has few threads, and one slow name must not occupy them all.
 */
function sharedLookup(isAllowed: (address: string) => boolean): LookupFunction {
  const running = new Map<string, Found>();

  function find(hostname: string): Found {
    const known = running.get(hostname);
    if (known) return known;
    const found = dns.promises.lookup(hostname, { all: true }).finally(() => running.delete(hostname));
    running.set(hostname, found);
    return found;
  }

  return (hostname, options, callback) => {
    const wanted = options.family === 4 || options.family === 6 ? options.family : null;
    find(hostname).then(
      (found) => {
        const allowed = found.filter(
          ({ address, family }) => isAllowed(address) && (wanted === null || family === wanted),
        );
        const [first] = allowed;
        if (!first) callback(new PrivateAddressError(hostname), '', 0);
        else if (options.all) callback(null, allowed as dns.LookupAddress[]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}

/**
 * `Despatch-Signature` of a callback: `t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the bearer token>`
 * (docs/callbacks.md). The receiver can verify that the callback comes from us, is unchanged and is not a replay.
 */
export function signature(body: string, token: string, now: number): string {
  const time = Math.floor(now / 1000);
  return `t=${time},v1=${createHmac('sha256', token).update(`${time}.${body}`).digest('hex')}`;
}

/** The part of IPv6 that is assigned to the public internet (RFC 4291, section 2.4). */
const publicV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an IP address belongs to the public internet, so that callbacks may go there. Special ranges do not:
 * loopback, private, link-local, shared (carrier NAT), multicast, reserved, and those that wrap an IPv4 address, even a
 * public one (mapped, compatible, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || (address as ipaddr.IPv6).match(publicV6);
}

/** The host of a URL without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** Whether a URL names a host outside the public internet, as far as can be known without resolving it. */
export function namesPrivateHost(url: URL): boolean {
  const host = hostOf(url);
  if (isIP(host) !== 0) return !isPublicAddress(host);
  return /^(.+\.)?localhost\.?$/i.test(host);
}

/** The host of a URL for the log: path, query and user information can hold secrets. */
export function loggedHost(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'a malformed address';
}
