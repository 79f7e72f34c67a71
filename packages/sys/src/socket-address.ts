import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';

export const AF_INET = 2;

/** Bytes of a `struct sockaddr_in`. */
export const INET_ADDRESS_BYTES = 16;

/** Encodes `struct sockaddr_in`: family in host order, port and address in network order. Little-endian machines only. */
export function encodeInetAddress(address: Ipv4, port: number): Uint8Array {
  const bytes = new Uint8Array(INET_ADDRESS_BYTES);
  bytes[0] = AF_INET;
  bytes[2] = port >>> 8;
  bytes[3] = port & 255;
  bytes.set(ipv4ToBytes(address), 4);
  return bytes;
}

export function decodeInetAddress(bytes: Uint8Array): Readonly<{ address: Ipv4; port: number }> {
  return { address: ipv4FromBytes(bytes, 4), port: ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0) };
}

/** An `int` or `socklen_t` for a system call. */
export function encodeInt(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

export function decodeInt(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
}
