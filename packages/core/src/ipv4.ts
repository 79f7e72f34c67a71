import { InvalidValue } from './weft-error.ts';

/** A canonical dotted-quad IPv4 address, `10.0.0.1`. Equal addresses are equal strings. */
export type Ipv4 = string & { readonly __brand: 'Ipv4' };

const QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Parses a dotted quad. Leading zeros are refused: some programs read them as octal. Throws InvalidValue. */
export function parseIpv4(value: unknown, what = 'IPv4 address'): Ipv4 {
  const match = typeof value === 'string' ? QUAD.exec(value) : null;
  if (match === null || match.slice(1).some((byte) => Number(byte) > 255))
    throw new InvalidValue(what, value, 'is not a dotted IPv4 address');
  return value as Ipv4;
}

/** The address as an unsigned 32-bit number, most significant byte first: 10.0.0.1 → 0x0a000001. */
export function ipv4ToNumber(address: Ipv4): number {
  let number = 0;
  for (const byte of address.split('.')) number = number * 256 + Number(byte);
  return number;
}

/** The inverse of {@link ipv4ToNumber}; `number` must be an integer in 0…2³²−1. */
export function ipv4FromNumber(number: number): Ipv4 {
  return `${(number >>> 24) & 255}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}` as Ipv4;
}

/** Four bytes in network order. */
export function ipv4ToBytes(address: Ipv4): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

/** The inverse of {@link ipv4ToBytes}; reads four bytes at `offset`. */
export function ipv4FromBytes(bytes: Uint8Array, offset = 0): Ipv4 {
  if (bytes.length < offset + 4) throw new InvalidValue('IPv4 address bytes', bytes.length, 'are fewer than four');
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}` as Ipv4;
}
