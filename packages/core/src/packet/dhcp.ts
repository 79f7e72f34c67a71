import type { Ipv4 } from '../ipv4.ts';
import { ipv4FromBytes, ipv4ToBytes } from '../ipv4.ts';
import type { Mac } from '../mac.ts';
import { macFromBytes, macToBytes } from '../mac.ts';
import { concatBytes, viewOf } from './bytes.ts';
import { decodeDhcpOptions, encodeDhcpOptions, rawDhcpOptions } from './dhcp-options.ts';
import type { DhcpOptions } from './dhcp-options.ts';

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

const HEADER_BYTES = 236;
const MAGIC_COOKIE = 0x63825363;
const BROADCAST_FLAG = 0x8000;
/** Relays drop shorter messages (RFC 1542 §2.1). */
const MINIMUM_BYTES = 300;
const OPTION_OVERLOAD = 52;

/** A DHCP message: BOOTP's fixed fields under their own names, and the options (RFC 2131 §2). Boot file and server name are not written. */
export type DhcpMessage = Readonly<{
  op: 'request' | 'reply';
  transactionId: number;
  seconds: number;
  /** The client cannot receive unicast before it has an address. */
  broadcast: boolean;
  clientAddress: Ipv4;
  yourAddress: Ipv4;
  nextServerAddress: Ipv4;
  relayAddress: Ipv4;
  hardwareAddress: Mac;
  options: DhcpOptions;
}>;

export function encodeDhcp(message: DhcpMessage): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES + 4);
  const view = viewOf(header);
  header.set([message.op === 'request' ? 1 : 2, 1, 6, 0]);
  view.setUint32(4, message.transactionId);
  view.setUint16(8, message.seconds);
  view.setUint16(10, message.broadcast ? BROADCAST_FLAG : 0);
  header.set(ipv4ToBytes(message.clientAddress), 12);
  header.set(ipv4ToBytes(message.yourAddress), 16);
  header.set(ipv4ToBytes(message.nextServerAddress), 20);
  header.set(ipv4ToBytes(message.relayAddress), 24);
  header.set(macToBytes(message.hardwareAddress), 28);
  view.setUint32(HEADER_BYTES, MAGIC_COOKIE);
  const bytes = concatBytes(header, encodeDhcpOptions(message.options));
  return bytes.length < MINIMUM_BYTES ? concatBytes(bytes, new Uint8Array(MINIMUM_BYTES - bytes.length)) : bytes;
}

/** Undefined for plain BOOTP, other hardware than Ethernet and anything truncated; wrong options are left out. */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  if (bytes.length < HEADER_BYTES + 4) return undefined;
  const view = viewOf(bytes);
  const op = view.getUint8(0);
  if ((op !== 1 && op !== 2) || view.getUint16(1) !== 0x0106 || view.getUint32(HEADER_BYTES) !== MAGIC_COOKIE) return undefined;
  return {
    op: op === 1 ? 'request' : 'reply',
    transactionId: view.getUint32(4),
    seconds: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
    clientAddress: ipv4FromBytes(bytes, 12),
    yourAddress: ipv4FromBytes(bytes, 16),
    nextServerAddress: ipv4FromBytes(bytes, 20),
    relayAddress: ipv4FromBytes(bytes, 24),
    hardwareAddress: macFromBytes(bytes, 28),
    options: decodeDhcpOptions(...optionAreas(bytes)),
  };
}

/** A server short of room may put options into the boot file field (1), the server name field (2) or both (RFC 2132 §9.3). */
function optionAreas(bytes: Uint8Array): Uint8Array[] {
  const areas = [bytes.subarray(HEADER_BYTES + 4)];
  const overload = rawDhcpOptions(areas[0]!).get(OPTION_OVERLOAD)?.[0] ?? 0;
  if ((overload & 1) !== 0) areas.push(bytes.subarray(108, 236));
  if ((overload & 2) !== 0) areas.push(bytes.subarray(44, 108));
  return areas;
}
