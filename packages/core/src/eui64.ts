import { cidr6Network } from './cidr6.ts';
import type { Cidr6 } from './cidr6.ts';
import { ipv6FromBigint, ipv6ToBigint } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';
import { macToBytes } from './mac.ts';
import type { Mac } from './mac.ts';

/** What every address of a link begins with that is never routed (RFC 4291 §2.5.6). */
export const LINK_LOCAL = 'fe80::/64' as Cidr6;

/**
 * The address that a host with this MAC makes for itself in a /64: the prefix and its modified EUI-64 (RFC 4862 §5.5.3, RFC 4291 appendix A).
 * With {@link LINK_LOCAL}: its link-local address. Host bits of a longer prefix are overwritten.
 */
export function eui64Address(prefix: Cidr6, mac: Mac): Ipv6 {
  const [a = 0, ...rest] = macToBytes(mac);
  const bytes = [a ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const identifier = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return ipv6FromBigint(((ipv6ToBigint(cidr6Network(prefix)) >> 64n) << 64n) | identifier);
}
