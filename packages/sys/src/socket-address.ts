import { ipFromBytes, ipToBytes, isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Room for a `struct sockaddr_in` (16 bytes) or `sockaddr_in6` (28). */
export const SOCKET_ADDRESS_BYTES = 28;

/**
 * Encodes `struct sockaddr_in` or `sockaddr_in6`: family in host order, port and address in network order. `scope` is the index of the interface
 * that a link-local address is on. Little-endian machines only.
 */
export function encodeInetAddress(address: IpAddress, port: number, scope = 0): Uint8Array {
  const isFour = isIpv4(address);
  const bytes = new Uint8Array(isFour ? 16 : SOCKET_ADDRESS_BYTES);
  bytes[0] = isFour ? AF_INET : AF_INET6;
  bytes[2] = port >>> 8;
  bytes[3] = port & 255;
  bytes.set(ipToBytes(address), isFour ? 4 : 8);
  if (!isFour) new DataView(bytes.buffer).setUint32(24, scope, true);
  return bytes;
}

export function decodeInetAddress(bytes: Uint8Array): Readonly<{ address: IpAddress; port: number }> {
  return {
    address: ipFromBytes(bytes[0] === AF_INET6 ? bytes.subarray(8, 24) : bytes.subarray(4, 8)),
    port: ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0),
  };
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
