import type { Ipv4 } from '../ipv4.ts';
import { ipv4FromBytes, ipv4ToBytes } from '../ipv4.ts';
import { InvalidValue } from '../weft-error.ts';
import { concatBytes, viewOf } from './bytes.ts';
import { internetChecksum } from './checksum.ts';

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_UDP = 17;

const HEADER_BYTES = 20;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;

/** An IPv4 packet without options. `offsetBytes` is a multiple of 8; a whole packet has offset 0 and no more fragments. Source: RFC 791. */
export type Ipv4Packet = Readonly<{
  source: Ipv4;
  destination: Ipv4;
  protocol: number;
  ttl: number;
  identification: number;
  dontFragment: boolean;
  moreFragments: boolean;
  offsetBytes: number;
  payload: Uint8Array;
}>;

/** A whole packet with the usual header: TTL 64, may be fragmented. */
export function ipv4Packet(source: Ipv4, destination: Ipv4, protocol: number, payload: Uint8Array, identification = 0): Ipv4Packet {
  return {
    source,
    destination,
    protocol,
    ttl: 64,
    identification,
    dontFragment: false,
    moreFragments: false,
    offsetBytes: 0,
    payload,
  };
}

/** Writes the header with its checksum, and the payload. Throws InvalidValue if the packet would exceed 65,535 bytes or has an odd offset. */
export function encodeIpv4(packet: Ipv4Packet): Uint8Array {
  const length = HEADER_BYTES + packet.payload.length;
  if (length > 0xffff) throw new InvalidValue('IPv4 packet length', length, 'is over 65535 bytes');
  if (packet.offsetBytes % 8 !== 0 || packet.offsetBytes < 0 || packet.offsetBytes / 8 > OFFSET_MASK) {
    throw new InvalidValue('IPv4 fragment offset', packet.offsetBytes, 'is not a multiple of 8 from 0 to 65528');
  }
  const header = new Uint8Array(HEADER_BYTES);
  const view = viewOf(header);
  view.setUint8(0, 0x45);
  view.setUint16(2, length);
  view.setUint16(4, packet.identification);
  view.setUint16(6, (packet.dontFragment ? DONT_FRAGMENT : 0) | (packet.moreFragments ? MORE_FRAGMENTS : 0) | (packet.offsetBytes / 8));
  view.setUint8(8, packet.ttl);
  view.setUint8(9, packet.protocol);
  header.set(ipv4ToBytes(packet.source), 12);
  header.set(ipv4ToBytes(packet.destination), 16);
  view.setUint16(10, internetChecksum(header));
  return concatBytes(header, packet.payload);
}

/**
 * Undefined when it is not IPv4, is truncated, or its header checksum is wrong. Options are skipped; bytes after the stated length
 * (Ethernet padding) are cut off. `payload` shares memory with `bytes`.
 */
export function decodeIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const headerLength = (view.getUint8(0) & 15) * 4;
  const length = view.getUint16(2);
  if (view.getUint8(0) >> 4 !== 4 || headerLength < HEADER_BYTES || length < headerLength || length > bytes.length) return undefined;
  if (internetChecksum(bytes.subarray(0, headerLength)) !== 0) return undefined;
  const fragment = view.getUint16(6);
  return {
    source: ipv4FromBytes(bytes, 12),
    destination: ipv4FromBytes(bytes, 16),
    protocol: view.getUint8(9),
    ttl: view.getUint8(8),
    identification: view.getUint16(4),
    dontFragment: (fragment & DONT_FRAGMENT) !== 0,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    offsetBytes: (fragment & OFFSET_MASK) * 8,
    payload: bytes.subarray(headerLength, length),
  };
}

/** Cuts a packet into pieces of at most `payloadBytes` (rounded down to a multiple of 8, at least 8), as a router does. */
export function fragmentIpv4(packet: Ipv4Packet, payloadBytes: number): readonly Ipv4Packet[] {
  const step = Math.max(8, payloadBytes - (payloadBytes % 8));
  const fragments: Ipv4Packet[] = [];
  for (let start = 0; start === 0 || start < packet.payload.length; start += step) {
    const end = start + step;
    fragments.push({
      ...packet,
      moreFragments: packet.moreFragments || end < packet.payload.length,
      offsetBytes: packet.offsetBytes + start,
      payload: packet.payload.subarray(start, end),
    });
  }
  return fragments;
}
