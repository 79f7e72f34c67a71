import { parseIpv4, ipv4ToNumber } from './ipv4.ts';
import { InvalidValue } from './weft-error.ts';

/** A canonical IPv6 address (RFC 5952): lower case, no leading zeros, the first longest run of zeros shortened. Equal addresses are equal strings. */
export type Ipv6 = string & { readonly __brand: 'Ipv6' };

/** Parses any form of RFC 4291 §2.2, also with a dotted quad at its end, into the canonical one. No zone index. Throws InvalidValue. */
export function parseIpv6(value: unknown, what = 'IPv6 address'): Ipv6 {
  const number = typeof value === 'string' && value.length <= 45 ? numberOf(value) : undefined;
  if (number === undefined) throw new InvalidValue(what, value, 'is not an IPv6 address');
  return ipv6FromBigint(number);
}

/** The address as an unsigned 128-bit number, most significant byte first. */
export function ipv6ToBigint(address: Ipv6): bigint {
  return numberOf(address) ?? 0n;
}

/** The inverse of {@link ipv6ToBigint}; `number` must be in 0…2¹²⁸−1. */
export function ipv6FromBigint(number: bigint): Ipv6 {
  const groups = Array.from({ length: 8 }, (_, index) => Number((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  let [start, length] = [0, 0];
  for (let from = 0; from < 8; from += 1) {
    let run = 0;
    while (groups[from + run] === '0') run += 1;
    if (run > length) [start, length] = [from, run];
  }
  // A single zero is not shortened (RFC 5952 §4.2.2).
  if (length < 2) return groups.join(':') as Ipv6;
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}` as Ipv6;
}

/** Sixteen bytes in network order. */
export function ipv6ToBytes(address: Ipv6): Uint8Array {
  const number = ipv6ToBigint(address);
  return Uint8Array.from({ length: 16 }, (_, index) => Number((number >> BigInt(120 - 8 * index)) & 0xffn));
}

/** Reads sixteen bytes at `offset`. Throws InvalidValue. */
export function ipv6FromBytes(bytes: Uint8Array, offset = 0): Ipv6 {
  if (bytes.length < offset + 16) throw new InvalidValue('IPv6 address bytes', bytes.length, 'are fewer than sixteen');
  return ipv6FromBigint(bytes.subarray(offset, offset + 16).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
}

function numberOf(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groupsOf(halves[0] ?? '', halves.length === 1), halves.length === 1 ? [] : groupsOf(halves[1] ?? '', true)];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // `::` stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let number = 0n;
  for (const group of [...head, ...Array.from({ length: missing }, () => 0), ...tail]) number = (number << 16n) | BigInt(group);
  return number;
}

/** `isLast`: a dotted quad may end it. */
function groupsOf(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    if (!isLast || index !== parts.length - 1 || !part.includes('.')) return undefined;
    try {
      const quad = ipv4ToNumber(parseIpv4(part));
      groups.push(Math.floor(quad / 65_536), quad % 65_536);
    } catch {
      return undefined;
    }
  }
  return groups;
}
