/**
 * What neighbours (inner IP → MAC) and forwarding entries (inner MAC → port or VTEP) share: `struct ndmsg` (family u8, 3 bytes padding,
 * index i32, state u16, flags u8, type u8) and NDA_* attributes. Source: linux/neighbour.h.
 */
import { AttributeMap } from './codec/attributes.ts';
import { viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';

export const RTM_NEWNEIGH = { code: 28, name: 'RTM_NEWNEIGH' };
export const RTM_DELNEIGH = { code: 29, name: 'RTM_DELNEIGH' };
export const RTM_GETNEIGH = { code: 30, name: 'RTM_GETNEIGH' };

export const NDA_DST = 1;
export const NDA_LLADDR = 2;
export const NDA_MASTER = 9;

export const NUD_REACHABLE = 0x02;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;

export const NTF_SELF = 0x02;
export const NTF_MASTER = 0x04;

const HEADER_BYTES = 12;

export type NeighbourHeader = Readonly<{ family: number; index?: number; state?: number; flags?: number }>;

export function encodeNeighbourHeader({ family, index = 0, state = 0, flags = 0 }: NeighbourHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  bytes[0] = family;
  view.setInt32(4, index, true);
  view.setUint16(8, state, true);
  bytes[10] = flags;
  return bytes;
}

/** Throws NetlinkDecodeError. */
export function decodeNeighbour({ payload }: Message): Required<NeighbourHeader> & Readonly<{ attributes: AttributeMap }> {
  if (payload.length < HEADER_BYTES) throw new NetlinkDecodeError('cut neighbour', payload.length, HEADER_BYTES);
  const view = viewOf(payload);
  return {
    family: payload[0] ?? 0,
    index: view.getInt32(4, true),
    state: view.getUint16(8, true),
    flags: payload[10] ?? 0,
    attributes: AttributeMap.decode(payload, HEADER_BYTES),
  };
}
