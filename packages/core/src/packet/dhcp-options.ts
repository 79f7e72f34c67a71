/** DHCP's options as bytes: code, length, value (RFC 2132), and what may be in them. */
import type { Ipv4 } from '../ipv4.ts';
import { ipv4FromBytes, ipv4ToBytes } from '../ipv4.ts';
import { concatBytes, viewOf } from './bytes.ts';

const PAD = 0;
const END = 255;

/** Message types of option 53, at the index that is their number (RFC 2132 §9.6). */
export const DHCP_MESSAGE_TYPES = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'] as const;
export type DhcpMessageType = Exclude<(typeof DHCP_MESSAGE_TYPES)[number], ''>;

/** The options that Weft's gateways and the probes use; all others stay bytes in `other`, by code. */
export type DhcpOptions = Readonly<{
  messageType?: DhcpMessageType;
  subnetMask?: Ipv4;
  routers?: readonly Ipv4[];
  nameServers?: readonly Ipv4[];
  hostName?: string;
  mtuBytes?: number;
  broadcastAddress?: Ipv4;
  requestedAddress?: Ipv4;
  leaseSeconds?: number;
  server?: Ipv4;
  parameterRequestList?: readonly number[];
  /** Type byte and identifier, as on the wire. */
  clientIdentifier?: Uint8Array;
  other?: ReadonlyMap<number, Uint8Array>;
}>;

type Kind<T> = Readonly<{ encode(value: T): Uint8Array; decode(bytes: Uint8Array): T | undefined }>;
type Field = Exclude<keyof DhcpOptions, 'other'>;

const address: Kind<Ipv4> = { encode: ipv4ToBytes, decode: (bytes) => (bytes.length === 4 ? ipv4FromBytes(bytes) : undefined) };
const addresses: Kind<readonly Ipv4[]> = {
  encode: (list) => concatBytes(...list.map(ipv4ToBytes)),
  decode: (bytes) =>
    bytes.length > 0 && bytes.length % 4 === 0
      ? Array.from({ length: bytes.length / 4 }, (_, index) => ipv4FromBytes(bytes, 4 * index))
      : undefined,
};
const uint16: Kind<number> = {
  encode: (number) => Uint8Array.of(number >> 8, number & 255),
  decode: (bytes) => (bytes.length === 2 ? viewOf(bytes).getUint16(0) : undefined),
};
const uint32: Kind<number> = {
  encode: (number) => Uint8Array.of(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255),
  decode: (bytes) => (bytes.length === 4 ? viewOf(bytes).getUint32(0) : undefined),
};
const text: Kind<string> = {
  encode: (value) => new TextEncoder().encode(value),
  decode: (bytes) => (bytes.length > 0 ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) : undefined),
};
const octets: Kind<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => (bytes.length > 0 ? bytes.slice() : undefined) };
const codes: Kind<readonly number[]> = {
  encode: (list) => Uint8Array.from(list),
  decode: (bytes) => (bytes.length > 0 ? Array.from(bytes) : undefined),
};
const messageType: Kind<DhcpMessageType> = {
  encode: (type) => Uint8Array.of(DHCP_MESSAGE_TYPES.indexOf(type)),
  decode: (bytes) => (bytes.length === 1 ? DHCP_MESSAGE_TYPES[bytes[0]!] || undefined : undefined),
};

const FIELDS: { readonly [F in Field]: readonly [code: number, kind: Kind<NonNullable<DhcpOptions[F]>>] } = {
  messageType: [53, messageType],
  subnetMask: [1, address],
  routers: [3, addresses],
  nameServers: [6, addresses],
  hostName: [12, text],
  mtuBytes: [26, uint16],
  broadcastAddress: [28, address],
  requestedAddress: [50, address],
  leaseSeconds: [51, uint32],
  server: [54, address],
  parameterRequestList: [55, codes],
  clientIdentifier: [61, octets],
};

/** The option area with its end mark. A value over 255 bytes is split over several options of the same code (RFC 3396). */
export function encodeDhcpOptions(options: DhcpOptions): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of Object.keys(FIELDS) as Field[]) {
    if (options[field] !== undefined) parts.push(...encodeField(field, options));
  }
  for (const [code, value] of options.other ?? []) parts.push(...split(code, value));
  return concatBytes(...parts, Uint8Array.of(END));
}

/**
 * Reads option areas (the main one and, if overloaded, the file and server name fields) as one. An option with a length that makes no
 * sense for it is left out, and so is whatever follows a length that points past its area.
 */
export function decodeDhcpOptions(...areas: readonly Uint8Array[]): DhcpOptions {
  const values = rawDhcpOptions(...areas);
  const options: Record<string, unknown> = {};
  for (const field of Object.keys(FIELDS) as Field[]) {
    const [code, kind] = FIELDS[field];
    const value = values.get(code);
    const decoded = value === undefined ? undefined : kind.decode(value);
    if (decoded !== undefined) options[field] = decoded;
    values.delete(code);
  }
  return values.size === 0 ? options : { ...options, other: values };
}

/** All options by code, parts of the same code joined (RFC 3396). */
export function rawDhcpOptions(...areas: readonly Uint8Array[]): Map<number, Uint8Array> {
  const parts = new Map<number, Uint8Array[]>();
  for (const area of areas) {
    for (let at = 0; at < area.length && area[at] !== END;) {
      const code = area[at]!;
      if (code === PAD) {
        at++;
        continue;
      }
      const length = area[at + 1];
      if (length === undefined || at + 2 + length > area.length) break;
      const known = parts.get(code);
      const value = area.subarray(at + 2, at + 2 + length);
      if (known === undefined) parts.set(code, [value]);
      else known.push(value);
      at += 2 + length;
    }
  }
  return new Map(Array.from(parts, ([code, pieces]) => [code, concatBytes(...pieces)]));
}

function encodeField<F extends Field>(field: F, options: DhcpOptions): Uint8Array[] {
  const [code, kind] = FIELDS[field];
  return split(code, kind.encode(options[field] as NonNullable<DhcpOptions[F]>));
}

function split(code: number, value: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start === 0 || start < value.length; start += 255) {
    const part = value.subarray(start, start + 255);
    parts.push(Uint8Array.of(code, part.length), part);
  }
  return parts;
}
