/**
 * What queueing disciplines and filters share on the wire: `struct tcmsg` (family u8, 3 bytes padding, interface index i32, handle u32,
 * parent u32, info u32) and TCA_* attributes. Handles are `major << 16 | minor`. Source: linux/rtnetlink.h, linux/pkt_sched.h.
 */
import { AttributeMap } from './codec/attributes.ts';
import { viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';

export const TCA_KIND = 1;
export const TCA_OPTIONS = 2;
const TCA_STATS2 = 7;
/** `struct gnet_stats_queue` (linux/gen_stats.h): qlen u32, backlog u32, drops u32, requeues u32, overlimits u32. */
const TCA_STATS_QUEUE = 3;
const DROPS_OFFSET = 8;

/** TC_H_ROOT: what every packet that leaves passes. */
export const TC_ROOT = 0xffff_ffff;
/** TC_H_CLSACT: the place of a clsact discipline, which queues nothing and only holds filters. */
export const TC_CLSACT = 0xffff_fff1;
/** TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS): where its filters for arriving packets hang. */
export const TC_CLSACT_INGRESS = 0xffff_fff2;

const HEADER_BYTES = 20;

export type TrafficControlHeader = Readonly<{ index?: number; handle?: number; parent?: number; info?: number }>;

export function encodeTrafficControlHeader({ index = 0, handle = 0, parent = 0, info = 0 }: TrafficControlHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  view.setInt32(4, index, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  return bytes;
}

/** `options` is attributes for some kinds, a struct for others; `drops` are packets since it was made. Throws NetlinkDecodeError. */
export function decodeTrafficControl({
  payload,
}: Message): Required<TrafficControlHeader> & Readonly<{ kind: string; options: Uint8Array | undefined; drops: number | undefined }> {
  if (payload.length < HEADER_BYTES) throw new NetlinkDecodeError('cut traffic control', payload.length, HEADER_BYTES);
  const view = viewOf(payload);
  const attributes = AttributeMap.decode(payload, HEADER_BYTES);
  const queue = attributes.nested(TCA_STATS2)?.atLeast(TCA_STATS_QUEUE, DROPS_OFFSET + 4);
  return {
    index: view.getInt32(4, true),
    handle: view.getUint32(8, true),
    parent: view.getUint32(12, true),
    info: view.getUint32(16, true),
    kind: attributes.text(TCA_KIND) ?? '',
    options: attributes.bytes(TCA_OPTIONS),
    drops: queue === undefined ? undefined : viewOf(queue).getUint32(DROPS_OFFSET, true),
  };
}
