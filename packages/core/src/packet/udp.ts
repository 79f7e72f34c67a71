import type { Ipv4 } from '../ipv4.ts';
import { InvalidValue } from '../weft-error.ts';
import { viewOf } from './bytes.ts';
import { ipv4PayloadChecksum } from './checksum.ts';
import { PROTOCOL_UDP } from './ipv4.ts';

const HEADER_BYTES = 8;

/** A UDP datagram (RFC 768). */
export type UdpDatagram = Readonly<{ sourcePort: number; destinationPort: number; payload: Uint8Array }>;

/** The addresses are those of the IPv4 header, for the checksum. Throws InvalidValue for more than 65,507 bytes of payload. */
export function encodeUdp(source: Ipv4, destination: Ipv4, datagram: UdpDatagram): Uint8Array {
  if (datagram.payload.length > 65_507) throw new InvalidValue('UDP payload length', datagram.payload.length, 'is over 65507 bytes');
  const bytes = new Uint8Array(HEADER_BYTES + datagram.payload.length);
  const view = viewOf(bytes);
  view.setUint16(0, datagram.sourcePort);
  view.setUint16(2, datagram.destinationPort);
  view.setUint16(4, bytes.length);
  bytes.set(datagram.payload, HEADER_BYTES);
  // 0 would mean "no checksum"; its ones' complement twin says the same sum.
  view.setUint16(6, ipv4PayloadChecksum(source, destination, PROTOCOL_UDP, bytes) || 0xffff);
  return bytes;
}

/**
 * Undefined when truncated. The checksum is *not* verified: a packet that has not left the machine carries only the pseudo header's part
 * of it, because the kernel leaves the rest to a network card (checksum offload), and virtual links have none.
 */
export function decodeUdp(bytes: Uint8Array): UdpDatagram | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const length = view.getUint16(4);
  if (length < HEADER_BYTES || length > bytes.length) return undefined;
  return { sourcePort: view.getUint16(0), destinationPort: view.getUint16(2), payload: bytes.subarray(HEADER_BYTES, length) };
}
