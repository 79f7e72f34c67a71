import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { InvalidValue } from './weft-error.ts';

/** An IPv4 prefix in canonical form: no host bits, `10.1.0.0/24`. */
export type Cidr = string & { readonly __brand: 'Cidr' };

/** Parses `a.b.c.d/n`. Host bits are an error here; {@link cidrClearingHostBits} clears them. Throws InvalidValue. */
export function parseCidr(value: unknown, what = 'CIDR'): Cidr {
  const cidr = cidrClearingHostBits(value, what);
  if (cidr !== value) throw new InvalidValue(what, value, `has bits set to the right of its prefix length; the network is ${cidr}`);
  return cidr;
}

/** Parses `a.b.c.d/n` and clears host bits, as the Neutron API does: 10.6.0.5/24 → 10.6.0.0/24. Throws InvalidValue. */
export function cidrClearingHostBits(value: unknown, what = 'CIDR'): Cidr {
  const match = typeof value === 'string' ? /^([^/]+)\/(0|[1-9]\d?)$/.exec(value) : null;
  const prefix = Number(match?.[2]);
  if (match === null || prefix > 32) throw new InvalidValue(what, value, 'is not an IPv4 prefix like 10.1.0.0/24');
  return cidrOf(parseIpv4(match[1], what), prefix);
}

/** The prefix of length `prefix` that holds `address`. */
export function cidrOf(address: Ipv4, prefix: number): Cidr {
  return `${ipv4FromNumber((ipv4ToNumber(address) & maskOf(prefix)) >>> 0)}/${prefix}` as Cidr;
}

export function cidrPrefixLength(cidr: Cidr): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

/** The first address, which in a prefix up to /30 names the network. */
export function cidrNetwork(cidr: Cidr): Ipv4 {
  return cidr.slice(0, cidr.indexOf('/')) as Ipv4;
}

/** The last address, which in a prefix up to /30 is its broadcast address. */
export function cidrLast(cidr: Cidr): Ipv4 {
  return ipv4FromNumber((ipv4ToNumber(cidrNetwork(cidr)) | ~maskOf(cidrPrefixLength(cidr))) >>> 0);
}

/** The netmask in dotted form, for DHCP: /24 → 255.255.255.0. */
export function cidrNetmask(cidr: Cidr): Ipv4 {
  return ipv4FromNumber(maskOf(cidrPrefixLength(cidr)) >>> 0);
}

export function cidrContains(cidr: Cidr, address: Ipv4): boolean {
  const mask = maskOf(cidrPrefixLength(cidr));
  return (ipv4ToNumber(address) & mask) === (ipv4ToNumber(cidrNetwork(cidr)) & mask);
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrPrefixLength(a) <= cidrPrefixLength(b) ? cidrContains(a, cidrNetwork(b)) : cidrContains(b, cidrNetwork(a));
}

/** First and last address that a host may have: without network and broadcast address, except in /31 and /32 (RFC 3021). */
export function cidrHosts(cidr: Cidr): Readonly<{ first: Ipv4; last: Ipv4 }> {
  const first = ipv4ToNumber(cidrNetwork(cidr));
  const last = ipv4ToNumber(cidrLast(cidr));
  const inset = cidrPrefixLength(cidr) >= 31 ? 0 : 1;
  return { first: ipv4FromNumber(first + inset), last: ipv4FromNumber(last - inset) };
}

function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : -1 << (32 - prefix);
}
