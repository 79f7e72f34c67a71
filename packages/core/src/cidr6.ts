import { ipv6FromBigint, ipv6ToBigint, parseIpv6 } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';
import { InvalidValue } from './weft-error.ts';

/** An IPv6 prefix in canonical form: no host bits, `fd00:1::/64`. */
export type Cidr6 = string & { readonly __brand: 'Cidr6' };

/** Parses `address/n`. Host bits are an error here; {@link cidr6ClearingHostBits} clears them. Throws InvalidValue. */
export function parseCidr6(value: unknown, what = 'IPv6 prefix'): Cidr6 {
  const cidr = cidr6ClearingHostBits(value, what);
  if (cidr !== value) throw new InvalidValue(what, value, `is not in its canonical form, ${cidr}`);
  return cidr;
}

/** Parses `address/n` and clears host bits, as the Neutron API does. Throws InvalidValue. */
export function cidr6ClearingHostBits(value: unknown, what = 'IPv6 prefix'): Cidr6 {
  const match = typeof value === 'string' ? /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(value) : null;
  const prefix = Number(match?.[2]);
  if (match === null || prefix > 128) throw new InvalidValue(what, value, 'is not an IPv6 prefix like fd00:1::/64');
  return cidr6Of(parseIpv6(match[1], what), prefix);
}

/** The prefix of length `prefix` that holds `address`. */
export function cidr6Of(address: Ipv6, prefix: number): Cidr6 {
  return `${ipv6FromBigint(ipv6ToBigint(address) & maskOf(prefix))}/${prefix}` as Cidr6;
}

export function cidr6PrefixLength(cidr: Cidr6): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

export function cidr6Network(cidr: Cidr6): Ipv6 {
  return cidr.slice(0, cidr.indexOf('/')) as Ipv6;
}

export function cidr6Last(cidr: Cidr6): Ipv6 {
  return ipv6FromBigint(ipv6ToBigint(cidr6Network(cidr)) | (ALL ^ maskOf(cidr6PrefixLength(cidr))));
}

export function cidr6Contains(cidr: Cidr6, address: Ipv6): boolean {
  return cidr6Of(address, cidr6PrefixLength(cidr)) === cidr;
}

export function cidrs6Overlap(a: Cidr6, b: Cidr6): boolean {
  return cidr6PrefixLength(a) <= cidr6PrefixLength(b) ? cidr6Contains(a, cidr6Network(b)) : cidr6Contains(b, cidr6Network(a));
}

/** First and last address that a host may have: without the routers' anycast address (RFC 4291 §2.6.1), except in /127 and /128 (RFC 6164). */
export function cidr6Hosts(cidr: Cidr6): Readonly<{ first: Ipv6; last: Ipv6 }> {
  const inset = cidr6PrefixLength(cidr) >= 127 ? 0n : 1n;
  return { first: ipv6FromBigint(ipv6ToBigint(cidr6Network(cidr)) + inset), last: cidr6Last(cidr) };
}

const ALL = (1n << 128n) - 1n;

function maskOf(prefix: number): bigint {
  return ALL ^ ((1n << BigInt(128 - prefix)) - 1n);
}
