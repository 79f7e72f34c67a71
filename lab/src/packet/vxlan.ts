import type { Vni } from '@weft/core/vni';
import { VNI_MAX } from '@weft/core/vni';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';

const VNI_PRESENT = 0x08;

/** What a VXLAN datagram carries: a segment's number and a whole Ethernet frame (RFC 7348 §5). */
export type VxlanPacket = Readonly<{ vni: Vni; frame: Uint8Array }>;

/** The UDP payload: eight bytes of header, then the frame. */
export function encodeVxlan(packet: VxlanPacket): Uint8Array {
  const header = new Uint8Array(8);
  const view = viewOf(header);
  view.setUint8(0, VNI_PRESENT);
  view.setUint32(4, packet.vni * 256);
  return concatBytes(header, packet.frame);
}

/** Undefined when truncated or without a VNI. `frame` shares memory with `bytes`. */
export function decodeVxlan(bytes: Uint8Array): VxlanPacket | undefined {
  if (bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  const vni = view.getUint32(4) >>> 8;
  if ((view.getUint8(0) & VNI_PRESENT) === 0 || vni < 1 || vni > VNI_MAX) return undefined;
  return { vni: vni as Vni, frame: bytes.subarray(8) };
}
