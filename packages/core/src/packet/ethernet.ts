import type { Mac } from '../mac.ts';
import { macFromBytes, macToBytes } from '../mac.ts';
import { concatBytes, viewOf } from './bytes.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;

/** An Ethernet II frame without its check sequence. A tagged frame has EtherType {@link ETHERTYPE_VLAN} and its tag in the payload. */
export type EthernetFrame = Readonly<{ destination: Mac; source: Mac; etherType: number; payload: Uint8Array }>;

/** Does not pad to Ethernet's minimum of 60 bytes: virtual links do not need it. */
export function encodeEthernet(frame: EthernetFrame): Uint8Array {
  const type = Uint8Array.of(frame.etherType >> 8, frame.etherType & 255);
  return concatBytes(macToBytes(frame.destination), macToBytes(frame.source), type, frame.payload);
}

/** Undefined when shorter than a header. `payload` shares memory with `bytes` and includes padding, if there is any. */
export function decodeEthernet(bytes: Uint8Array): EthernetFrame | undefined {
  if (bytes.length < 14) return undefined;
  return {
    destination: macFromBytes(bytes, 0),
    source: macFromBytes(bytes, 6),
    etherType: viewOf(bytes).getUint16(12),
    payload: bytes.subarray(14),
  };
}

/** The same frame with an 802.1Q tag: `vlanId` 0 to 4095 (0 = priority only), priority 0. Source: IEEE 802.1Q §9.6. */
export function encodeVlanTagged(vlanId: number, frame: EthernetFrame): Uint8Array {
  const tag = Uint8Array.of((vlanId >> 8) & 15, vlanId & 255, frame.etherType >> 8, frame.etherType & 255);
  return encodeEthernet({ ...frame, etherType: ETHERTYPE_VLAN, payload: concatBytes(tag, frame.payload) });
}
