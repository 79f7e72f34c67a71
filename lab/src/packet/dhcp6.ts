import { ipv6FromBytes } from '@weft/core/ipv6';
import type { Ipv6 } from '@weft/core/ipv6';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';

/** As much of DHCPv6 (RFC 8415) as a client's probe needs: messages between client and server, with options as bytes by code. */
export const DHCP6_CLIENT_PORT = 546;
export const DHCP6_SERVER_PORT = 547;

export const DHCP6_TYPES = { solicit: 1, advertise: 2, request: 3, reply: 7, informationRequest: 11 } as const;
export const DHCP6_OPTIONS = { clientId: 1, serverId: 2, association: 3, address: 5, wanted: 6, elapsed: 8, status: 13, dns: 23 } as const;

const HEADER_BYTES = 4;

/** `transactionId` has 24 bits. Of options that come twice the last counts. */
export type Dhcp6Message = Readonly<{ type: number; transactionId: number; options: ReadonlyMap<number, Uint8Array> }>;

export function encodeDhcp6({ type, transactionId, options }: Dhcp6Message): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  viewOf(header).setUint32(0, type * 0x100_0000 + transactionId);
  return concatBytes(header, ...[...options].map(([code, value]) => encodeDhcp6Option(code, value)));
}

export function encodeDhcp6Option(code: number, value: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(code >> 8, code & 255, value.length >> 8, value.length & 255), value);
}

/** Undefined for anything truncated. */
export function decodeDhcp6(bytes: Uint8Array): Dhcp6Message | undefined {
  const options = bytes.length < HEADER_BYTES ? undefined : decodeDhcp6Options(bytes.subarray(HEADER_BYTES));
  if (options === undefined) return undefined;
  return { type: bytes[0] ?? 0, transactionId: viewOf(bytes).getUint32(0) & 0xff_ffff, options };
}

/** Undefined for anything truncated. */
export function decodeDhcp6Options(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const options = new Map<number, Uint8Array>();
  for (let offset = 0; offset < bytes.length;) {
    if (offset + 4 > bytes.length) return undefined;
    const length = viewOf(bytes).getUint16(offset + 2);
    if (offset + 4 + length > bytes.length) return undefined;
    options.set(viewOf(bytes).getUint16(offset), bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return options;
}

/** What an association (IA_NA) holds: its first address, and its status if it is one of refusal. */
export function decodeAssociation(bytes: Uint8Array): Readonly<{ address: Ipv6 | undefined; status: number }> {
  const options = decodeDhcp6Options(bytes.subarray(12)) ?? new Map<number, Uint8Array>();
  const [address, status] = [options.get(DHCP6_OPTIONS.address), options.get(DHCP6_OPTIONS.status)];
  return {
    address: address === undefined || address.length < 16 ? undefined : ipv6FromBytes(address),
    status: status === undefined || status.length < 2 ? 0 : viewOf(status).getUint16(0),
  };
}
