import type { Ipv4 } from '@weft/core/ipv4';
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { macFromBytes, macToBytes } from '@weft/core/mac';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';

const REQUEST = 1;
const REPLY = 2;
const UNKNOWN_MAC = '00:00:00:00:00:00' as Mac;
const ANY_ADDRESS = '0.0.0.0' as Ipv4;

/** An ARP message for IPv4 over Ethernet (RFC 826). Nothing keeps `senderMac` equal to the frame's source: that is for guards to check. */
export type ArpMessage = Readonly<{ kind: 'request' | 'reply'; senderMac: Mac; senderIp: Ipv4; targetMac: Mac; targetIp: Ipv4 }>;

export function encodeArp(message: ArpMessage): Uint8Array {
  return concatBytes(
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, message.kind === 'request' ? REQUEST : REPLY),
    macToBytes(message.senderMac),
    ipv4ToBytes(message.senderIp),
    macToBytes(message.targetMac),
    ipv4ToBytes(message.targetIp),
  );
}

/** Undefined for other hardware, other protocols, other operations and anything shorter than 28 bytes. Padding after it is ignored. */
export function decodeArp(bytes: Uint8Array): ArpMessage | undefined {
  if (bytes.length < 28) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0) !== 0x00010800 || view.getUint16(4) !== 0x0604) return undefined;
  const operation = view.getUint16(6);
  if (operation !== REQUEST && operation !== REPLY) return undefined;
  return {
    kind: operation === REQUEST ? 'request' : 'reply',
    senderMac: macFromBytes(bytes, 8),
    senderIp: ipv4FromBytes(bytes, 14),
    targetMac: macFromBytes(bytes, 18),
    targetIp: ipv4FromBytes(bytes, 24),
  };
}

/** Who has `target`? Tell `sender`. */
export function arpRequest(sender: Readonly<{ mac: Mac; ip: Ipv4 }>, target: Ipv4): ArpMessage {
  return { kind: 'request', senderMac: sender.mac, senderIp: sender.ip, targetMac: UNKNOWN_MAC, targetIp: target };
}

/** Tells `target` that `sender.ip` is at `sender.mac`. */
export function arpReply(sender: Readonly<{ mac: Mac; ip: Ipv4 }>, target: Readonly<{ mac: Mac; ip: Ipv4 }>): ArpMessage {
  return { kind: 'reply', senderMac: sender.mac, senderIp: sender.ip, targetMac: target.mac, targetIp: target.ip };
}

/** The announcement of an address in request form, which every stack accepts: sender = target = the address (RFC 5227 §2.3). */
export function arpGratuitous(owner: Readonly<{ mac: Mac; ip: Ipv4 }>): ArpMessage {
  return arpRequest(owner, owner.ip);
}

/** Asks whether `address` is in use without claiming it: the sender's address is 0.0.0.0 (RFC 5227 §2.1.1). */
export function arpProbe(mac: Mac, address: Ipv4): ArpMessage {
  return arpRequest({ mac, ip: ANY_ADDRESS }, address);
}
