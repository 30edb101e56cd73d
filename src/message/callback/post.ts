import { createHmac } from 'node:crypto';
import dns from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector } from 'undici';
import { type Clock, stopwatch } from '../../ground/clock.ts';
import { createCalls, withoutOwnLimits } from '../../ground/http-call.ts';

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
export type Outgoing = Readonly<{
  url: string;
  token: string;
  body: string;
  /** The header of that name (W3C Trace Context); none if it is left out. */
  traceparent?: string | null;
}>;

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

/** Most bytes of a response that are read so that the connection can be reused; only its status matters. */
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
  const names = createLookup(allowPrivate ? () => true : isPublicAddress, milliseconds);
  const connect = buildConnector({
    timeout: milliseconds,
    lookup: names.lookup,
    autoSelectFamily: true,
  } as buildConnector.BuildOptions);
  const agent = new Agent({
    connect: (options, callback) => {
      // Literal addresses bypass `lookup`.
      if (!allowPrivate && isIP(options.hostname) !== 0 && !isPublicAddress(options.hostname))
        callback(new PrivateAddressError(options.hostname), null);
      else connect(options, callback);
    },
    ...withoutOwnLimits,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    maxResponseSize: longestAnswer,
  });
  const calls = createCalls(agent, { milliseconds, keepBodies: false });

  return {
    async post({ url, token, body, traceparent = null }, signal) {
      if (!URL.canParse(url)) return forbidden('bad address', 'The callback address is not a URL');
      const target = new URL(url);
      if (target.protocol !== 'https:' && !(allowPrivate && target.protocol === 'http:'))
        return forbidden('bad address', 'The callback address is not https');
      const options = {
        origin: target.origin,
        path: target.pathname + target.search,
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Authorization: `Bearer ${token}`,
          'User-Agent': 'Despatch',
          'Despatch-Signature': signature(body, token, clock.now()),
          ...(traceparent !== null && { traceparent }),
        },
        body,
      };
      const { status, headers, error, endedBy } = await calls.call(options, signal);
      if (status !== null) {
        const { 'retry-after': retryAfter } = headers;
        return { kind: 'answered', status, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
      }
      if (error instanceof PrivateAddressError) return privateAddress(hostOf(target));
      if (signal.aborted) return { kind: 'given up' };
      return noAnswer(error, endedBy === 'deadline', timeoutSeconds);
    },
    close() {
      names.cancel();
      return calls.close();
    },
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

type Found = Readonly<{ addresses: readonly dns.LookupAddress[]; seconds: number }>;
type Kept = Readonly<{ found: Found; age: () => number }>;

/** Most names whose addresses are kept, and for how long at most, even if their records may be kept longer. */
const mostNames = 1000;
const longestKept = 60;
const hostsFile = process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';

/**
 * Resolves a name to the addresses that may be connected to. It asks the DNS servers itself: the system's resolver
 * blocks one of the few threads that files and encryption need as well, so some names that never resolve would stop
 * everything. Names of /etc/hosts and search domains work as they do there. One look-up per name is under way at a time;
 * addresses are checked each time they are used.
 */
function createLookup(
  isAllowed: (address: string) => boolean,
  milliseconds: number,
): Readonly<{ lookup: LookupFunction; cancel: () => void }> {
  const resolver = new dns.promises.Resolver({ timeout: Math.min(2000, milliseconds), tries: 2 });
  // Servers that a program has set; those of the system are better left as they are, with their zones.
  const servers = dns.getServers();
  if (String(servers) !== String(resolver.getServers())) resolver.setServers(servers);
  const running = new Map<string, Promise<Found>>();
  const kept = new Map<string, Kept>();

  async function find(hostname: string): Promise<Found> {
    const [hosts, system] = await Promise.all([readText(hostsFile), readText('/etc/resolv.conf')]);
    const addresses = addressesInHosts(hosts, hostname);
    if (addresses.length > 0) return { addresses: withFamily(addresses), seconds: 0 };
    let failure: unknown;
    for (const name of fullNames(hostname, system)) {
      const answers = await Promise.allSettled([
        resolver.resolve4(name, { ttl: true }),
        resolver.resolve6(name, { ttl: true }),
      ]);
      const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (records.length > 0)
        return {
          addresses: withFamily(records.map(({ address }) => address)),
          seconds: Math.min(longestKept, ...records.map(({ ttl }) => ttl)),
        };
      const faults = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      failure = faults.find(({ code }) => code !== 'ENOTFOUND' && code !== 'ENODATA');
      if (failure) break;
    }
    throw failure ?? Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
  }

  function shared(hostname: string): Promise<Found> {
    const old = kept.get(hostname);
    if (old && old.age() < old.found.seconds * 1000) return Promise.resolve(old.found);
    const known = running.get(hostname);
    if (known) return known;
    const finding = find(hostname)
      .then((found) => {
        kept.delete(hostname);
        if (found.seconds > 0) kept.set(hostname, { found, age: stopwatch() });
        if (kept.size > mostNames) kept.delete(kept.keys().next().value as string);
        return found;
      })
      .finally(() => running.delete(hostname));
    running.set(hostname, finding);
    return finding;
  }

  const lookup: LookupFunction = (hostname, options, callback) => {
    const wanted = options.family === 4 || options.family === 6 ? options.family : null;
    shared(hostname.toLowerCase()).then(
      ({ addresses }) => {
        const allowed = addresses.filter(
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
  return { lookup, cancel: () => resolver.cancel() };
}

function withFamily(addresses: readonly string[]): readonly dns.LookupAddress[] {
  return addresses.map((address) => ({ address, family: isIP(address) }));
}

/** A file of the machine, of which only ASCII matters; empty without it. */
async function readText(path: string): Promise<string> {
  return await readFile(path, 'latin1').catch(() => '');
}

const loopback = ['127.0.0.1', '::1'];

/** The addresses of a name in lower case by the text of /etc/hosts. `localhost` is always this machine (RFC 6761). */
export function addressesInHosts(hosts: string, hostname: string): readonly string[] {
  const name = hostname.replace(/\.$/, '');
  const found = hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/);
    return isIP(address) !== 0 && names.includes(name) ? [address] : [];
  });
  if (found.length > 0) return [...new Set(found)];
  return /(^|\.)localhost$/.test(name) ? loopback : [];
}

/** The names to ask the DNS servers for, in order, by the search domains in the text of /etc/resolv.conf. */
export function fullNames(hostname: string, resolvConf: string): readonly string[] {
  if (hostname.endsWith('.')) return [hostname.slice(0, -1)];
  let domains: string[] = [];
  let dots = 1;
  for (const line of resolvConf.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (word === 'search' || word === 'domain') domains = rest.map((domain) => domain.replace(/\.$/, ''));
    if (word === 'options')
      for (const option of rest) dots = Number(/^ndots:(\d{1,2})$/.exec(option)?.[1] ?? dots);
  }
  const longer = domains.filter((domain) => domain !== '').map((domain) => `${hostname}.${domain}`);
  return hostname.split('.').length - 1 >= dots ? [hostname, ...longer] : [...longer, hostname];
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
