import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All of IPv6 that is given out for the public internet (RFC 4291, section 2.4). */
const publicV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an IP address is one of the public internet, so that a service may have itself called there. Everything with
 * a special meaning is not: loopback, private, link-local, shared (carrier NAT), multicast, reserved, and those that
 * only wrap an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo), whatever that is.
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

/** Whether a URL names, without any resolving, a host that is not of the public internet. */
export function namesPrivateHost(url: URL): boolean {
  const host = hostOf(url);
  if (isIP(host) !== 0) return !isPublicAddress(host);
  return /^(.+\.)?localhost\.?$/i.test(host);
}

/** A URL as it may be logged: query and user information can hold secrets. */
export function loggedUrl(url: string): string {
  if (!URL.canParse(url)) return 'an address that is none';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
