import { parseIpv4, ipv4FromBytes } from '@weft/core/ipv4';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { ipv6FromBytes } from '@weft/core/ipv6';
import { InvalidValue } from '@weft/core/weft-error';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';

/** As much of DNS (RFC 1035 §4) as a probe needs: one question for an address or a name, and the answers to it. */

export const DNS_PORT = 53;

const HEADER_BYTES = 12;
const TYPES = { A: 1, PTR: 12, AAAA: 28 } as const;
const CLASS_IN = 1;
const RESPONSE = 0x8000;
const RECURSION_DESIRED = 0x0100;
/** A name's compression pointers lead back; this many of them are a loop. */
const MOST_POINTERS = 32;

export type DnsQuestion = Readonly<{ id: number; name: string; type: keyof typeof TYPES }>;

/** `code` is the RCODE: 0 no error, 3 no such name, 5 refused. Answers of other types are left out. */
export type DnsAnswer = Readonly<{
  id: number;
  code: number;
  authoritative: boolean;
  addresses: readonly IpAddress[];
  names: readonly string[];
}>;

/** Throws InvalidValue for a name that cannot be written: an empty label, or one of over 63 bytes. */
export function encodeDnsQuestion({ id, name, type }: DnsQuestion): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = viewOf(header);
  view.setUint16(0, id);
  view.setUint16(2, RECURSION_DESIRED);
  view.setUint16(4, 1);
  const labels = name.split('.').map((label) => {
    const bytes = new TextEncoder().encode(label);
    if (bytes.length === 0 || bytes.length > 63) throw new InvalidValue('DNS name', name, 'has a label of no or over 63 bytes');
    return concatBytes(Uint8Array.of(bytes.length), bytes);
  });
  return concatBytes(header, ...labels, Uint8Array.of(0, 0, TYPES[type], 0, CLASS_IN));
}

/** Undefined for a question, and for anything truncated or malformed. */
export function decodeDnsAnswer(bytes: Uint8Array): DnsAnswer | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The name under which an address is looked up in reverse. */
export const reverseName = (address: Ipv4): string => `${parseIpv4(address).split('.').toReversed().join('.')}.in-addr.arpa`;

/** Throws RangeError beyond the end. */
function decode(bytes: Uint8Array): DnsAnswer | undefined {
  const view = viewOf(bytes);
  const flags = view.getUint16(2);
  if ((flags & RESPONSE) === 0) return undefined;
  let offset = HEADER_BYTES;
  for (let left = view.getUint16(4); left > 0; left -= 1) offset = readName(bytes, offset).end + 4;
  const addresses: IpAddress[] = [];
  const names: string[] = [];
  for (let left = view.getUint16(6); left > 0; left -= 1) {
    const record = readName(bytes, offset).end;
    const data = record + 10;
    const end = data + view.getUint16(record + 8);
    if (end > bytes.length) throw new RangeError('a record goes beyond the end');
    if (view.getUint16(record) === TYPES.A && end - data === 4) addresses.push(ipv4FromBytes(bytes, data));
    if (view.getUint16(record) === TYPES.AAAA && end - data === 16) addresses.push(ipv6FromBytes(bytes, data));
    if (view.getUint16(record) === TYPES.PTR) names.push(readName(bytes, data).name);
    offset = end;
  }
  return { id: view.getUint16(0), code: flags & 0xf, authoritative: (flags & 0x0400) !== 0, addresses, names };
}

/** `end` is where the name ends in place, wherever its pointers lead. Throws RangeError. */
function readName(bytes: Uint8Array, start: number): Readonly<{ name: string; end: number }> {
  const view = viewOf(bytes);
  const labels: string[] = [];
  let end: number | undefined;
  let pointers = 0;
  for (let offset = start; ;) {
    const length = view.getUint8(offset);
    if (length === 0) return { name: labels.join('.'), end: end ?? offset + 1 };
    if (length >= 0xc0) {
      end ??= offset + 2;
      pointers += 1;
      if (pointers > MOST_POINTERS) throw new RangeError('a name leads round in circles');
      offset = view.getUint16(offset) & 0x3fff;
    } else {
      const next = offset + 1 + length;
      if (length > 63 || next > bytes.length) throw new RangeError('a label goes beyond the end');
      labels.push(new TextDecoder('latin1').decode(bytes.subarray(offset + 1, next)));
      offset = next;
    }
  }
}
