import type { Ipv4 } from '../ipv4.ts';
import { ipv4ToBytes } from '../ipv4.ts';
import { concatBytes, viewOf } from './bytes.ts';

/**
 * The Internet checksum (RFC 1071): the complement of the ones' complement sum of 16-bit words, an odd last byte counting as the high
 * half of a word. Over bytes that contain their own right checksum it is 0.
 */
export function internetChecksum(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const words = bytes.length >> 1;
  let sum = 0;
  for (let word = 0; word < words; word++) sum += view.getUint16(2 * word);
  if (bytes.length % 2 === 1) sum += view.getUint8(bytes.length - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** The checksum of UDP or TCP over IPv4: `segment` with the pseudo header before it (RFC 768, RFC 9293 §3.1). */
export function ipv4PayloadChecksum(source: Ipv4, destination: Ipv4, protocol: number, segment: Uint8Array): number {
  const tail = Uint8Array.of(0, protocol, segment.length >> 8, segment.length & 255);
  return internetChecksum(concatBytes(ipv4ToBytes(source), ipv4ToBytes(destination), tail, segment));
}
