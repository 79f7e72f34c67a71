import { isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { ipv6ToBytes } from '@weft/core/ipv6';
import type { Ipv6 } from '@weft/core/ipv6';
import { macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';
import { internetChecksum } from '@weft/core/packet/checksum';

const ICMPV6 = 58;
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
/** Of a neighbour advertisement: whoever knows another MAC is to forget it. */
const OVERRIDE = 0x20;
const TARGET_LINK_LAYER_ADDRESS = 2;

/** A frame that tells everybody who hears it that an address has this MAC now. */
export function announcement(address: IpAddress, mac: Mac): Uint8Array {
  return isIpv4(address) ? gratuitousArp(address, mac) : unsolicitedAdvertisement(address, mac);
}

/** A request for one's own address, as RFC 5227 §3 announces it. */
function gratuitousArp(address: Ipv4, mac: Mac): Uint8Array {
  const sender = macToBytes(mac);
  const ip = ipv4ToBytes(address);
  const header = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1);
  return Uint8Array.of(...new Uint8Array(6).fill(0xff), ...sender, 0x08, 0x06, ...header, ...sender, ...ip, ...new Uint8Array(6), ...ip);
}

/** A neighbour advertisement that nobody asked for, to all nodes (RFC 4861 §7.2.6). */
function unsolicitedAdvertisement(address: Ipv6, mac: Mac): Uint8Array {
  const [ip, sender] = [ipv6ToBytes(address), macToBytes(mac)];
  const message = Uint8Array.of(136, 0, 0, 0, OVERRIDE, 0, 0, 0, ...ip, TARGET_LINK_LAYER_ADDRESS, 1, ...sender);
  const pseudo = Uint8Array.of(...ip, ...ALL_NODES, 0, 0, 0, message.length, 0, 0, 0, ICMPV6);
  viewOf(message).setUint16(2, internetChecksum(concatBytes(pseudo, message)));
  const ethernet = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1, ...sender, 0x86, 0xdd);
  return concatBytes(ethernet, Uint8Array.of(0x60, 0, 0, 0, 0, message.length, ICMPV6, 255), ip, ALL_NODES, message);
}
