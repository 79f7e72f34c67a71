import { cidr6Network } from './cidr6.ts';
import type { Cidr6 } from './cidr6.ts';
import { ipv6FromBigint, ipv6ToBigint } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';
import { macToBytes } from './mac.ts';
import type { Mac } from './mac.ts';

/** The address that a host with this MAC makes itself in a /64: ff:fe in the middle, the universal/local bit turned (RFC 4291, appendix A). */
export function eui64Address(cidr: Cidr6, mac: Mac): Ipv6 {
  const [first = 0, ...more] = macToBytes(mac);
  const bytes = [first ^ 0x02, ...more.slice(0, 2), 0xff, 0xfe, ...more.slice(2)];
  return ipv6FromBigint(ipv6ToBigint(cidr6Network(cidr)) | bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
}
