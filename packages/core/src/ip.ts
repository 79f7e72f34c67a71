import { cidrContains, cidrOf, cidrPrefixLength, cidrsOverlap, parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { cidr6Contains, cidr6Of, cidr6PrefixLength, cidrs6Overlap, parseCidr6 } from './cidr6.ts';
import type { Cidr6 } from './cidr6.ts';
import { ipv4FromBytes, ipv4ToBytes, parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { ipv6FromBytes, ipv6ToBytes, parseIpv6 } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';

/** An address of either family, in its canonical form: equal addresses are equal strings. */
export type IpAddress = Ipv4 | Ipv6;

/** A prefix of either family, in its canonical form. */
export type IpCidr = Cidr | Cidr6;

/** The family, by the number that the API gives it (`ip_version`). */
export type IpVersion = 4 | 6;

/** Parses an address of either family into its canonical form. Throws InvalidValue. */
export function parseIp(value: unknown, what = 'IP address'): IpAddress {
  return looksLikeIpv6(value) ? parseIpv6(value, what) : parseIpv4(value, what);
}

/** Parses a prefix of either family; host bits are an error. Throws InvalidValue. */
export function parseIpCidr(value: unknown, what = 'CIDR'): IpCidr {
  return looksLikeIpv6(value) ? parseCidr6(value, what) : parseCidr(value, what);
}

const looksLikeIpv6 = (value: unknown): boolean => typeof value === 'string' && value.includes(':');

export function isIpv4(address: IpAddress): address is Ipv4 {
  return !address.includes(':');
}

export function isIpv6(address: IpAddress): address is Ipv6 {
  return address.includes(':');
}

export function isCidr4(cidr: IpCidr): cidr is Cidr {
  return !cidr.includes(':');
}

export function isCidr6(cidr: IpCidr): cidr is Cidr6 {
  return cidr.includes(':');
}

/** False also where the families differ. */
export function ipCidrContains(cidr: IpCidr, address: IpAddress): boolean {
  if (isCidr6(cidr)) return isIpv6(address) && cidr6Contains(cidr, address);
  return isIpv4(address) && cidrContains(cidr, address);
}

/** False also where the families differ. */
export function ipCidrsOverlap(a: IpCidr, b: IpCidr): boolean {
  if (isCidr6(a)) return isCidr6(b) && cidrs6Overlap(a, b);
  return isCidr4(b) && cidrsOverlap(a, b);
}

/** In bits: 0…32 or 0…128. */
export function ipCidrPrefixLength(cidr: IpCidr): number {
  return isCidr6(cidr) ? cidr6PrefixLength(cidr) : cidrPrefixLength(cidr);
}

/** Four or sixteen bytes in network order. */
export function ipToBytes(address: IpAddress): Uint8Array {
  return isIpv4(address) ? ipv4ToBytes(address) : ipv6ToBytes(address);
}

/** The inverse of {@link ipToBytes}: sixteen bytes are IPv6, anything else must begin with an IPv4 address. Throws InvalidValue. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  return bytes.length === 16 ? ipv6FromBytes(bytes) : ipv4FromBytes(bytes);
}

/** The prefix of that length in which the address lies. */
export function ipCidrOf(address: IpAddress, prefixLength: number): IpCidr {
  return isIpv4(address) ? cidrOf(address, prefixLength) : cidr6Of(address, prefixLength);
}

/** Without its length. */
export function ipCidrNetwork(cidr: IpCidr): IpAddress {
  return cidr.slice(0, cidr.indexOf('/')) as IpAddress;
}
