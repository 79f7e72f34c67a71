/** Queueing disciplines: `tc qdisc`. */
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import type { Rtnl } from './rtnl.ts';
import { TCA_KIND, TCA_OPTIONS, TC_CLSACT, TC_ROOT, decodeTrafficControl, encodeTrafficControlHeader } from './traffic-control-message.ts';

const RTM_NEWQDISC = { code: 36, name: 'RTM_NEWQDISC' };
const RTM_DELQDISC = { code: 37, name: 'RTM_DELQDISC' };
const RTM_GETQDISC = { code: 38, name: 'RTM_GETQDISC' };

const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;
const TBF_PARMS_BYTES = 36;
/** The kernel tells a burst as the time that it takes, in ticks of 64 ns (PSCHED_SHIFT 6). */
const TICK_SECONDS = 64e-9;
/** With it the kernel computes times by itself and wants no table (TC_LINKLAYER_ETHERNET). */
const LINK_LAYER_ETHERNET = 1;
/** `ffff:`, the only one that clsact takes. */
const CLSACT_HANDLE = 0xffff_0000;

/**
 * A token bucket filter, tc-tbf(8): frames leave at `bytesPerSecond` on average (their L2 bytes count), up to `burstBytes` at once; as many
 * as `limitBytes` wait, the others are dropped. A frame larger than the burst never passes; a GSO packet larger than it is cut first.
 */
export type Tbf = Readonly<{ bytesPerSecond: number; burstBytes: number; limitBytes: number }>;

/**
 * `handle` 0: what an interface has if nobody said otherwise. Of a TBF the burst is told with an error of 64 ns. `drops`: packets since it was
 * made, modulo 2³²; absent where the kernel does not tell.
 */
export type Qdisc = Readonly<{ index: number; kind: string; handle: number; parent: number; tbf?: Tbf; drops?: number }>;

export { TC_CLSACT, TC_ROOT };

/** All of the namespace. Throws NetlinkError. */
export function qdiscList(rtnl: Rtnl): Qdisc[] {
  return rtnl.dump({ type: RTM_GETQDISC, body: (m) => m.raw(encodeTrafficControlHeader({})) }).map(decodeQdisc);
}

/**
 * Puts a TBF at the root of an interface, as `tc qdisc replace … root tbf`; one that is there is changed in place and keeps what waits, unless
 * a `handle` is given that it has not: then a new one takes its place in one step, and what waits is lost. Trap: what waits was cut for the
 * burst of its time, and what is larger than a burst never leaves nor lets anything past, so a burst that shrinks wants a new handle.
 * Throws NetlinkError: ENODEV, ENOENT if the kernel has no TBF (module sch_tbf).
 */
export function tbfReplace(rtnl: Rtnl, { index, handle, ...tbf }: Tbf & Readonly<{ index: number; handle?: number }>): void {
  rtnl.request({
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: `tbf on link ${index}`,
    body: (m) => writeTbf(m, index, tbf, handle),
  });
}

/** Throws NetlinkError: EEXIST, ENOENT if the kernel has none (module sch_ingress). */
export function clsactAdd(rtnl: Rtnl, index: number): void {
  rtnl.request({
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    what: `clsact on link ${index}`,
    body: (m) => {
      m.raw(encodeTrafficControlHeader({ index, handle: CLSACT_HANDLE, parent: TC_CLSACT }));
      m.text(TCA_KIND, 'clsact');
    },
  });
}

/** Removes what is at the root, or clsact with all its filters. Throws NetlinkError, ENOENT or EINVAL if there is none. */
export function qdiscDelete(rtnl: Rtnl, index: number, parent: typeof TC_ROOT | typeof TC_CLSACT): void {
  rtnl.request({
    type: RTM_DELQDISC,
    what: `${parent === TC_ROOT ? 'root' : 'clsact'} of link ${index}`,
    body: (m) => m.raw(encodeTrafficControlHeader({ index, parent })),
  });
}

/**
 * `struct tc_tbf_qopt`: two `struct tc_ratespec` (cell_log u8, linklayer u8, overhead u16, cell_align i16, mpu u16, rate u32 in bytes a
 * second; the second one, for a peak rate, stays zero), limit u32, buffer u32, mtu u32. Source: linux/pkt_sched.h, net/sched/sch_tbf.c.
 */
export function writeTbf(m: MessageWriter, index: number, { bytesPerSecond, burstBytes, limitBytes }: Tbf, handle = 0): void {
  m.raw(encodeTrafficControlHeader({ index, parent: TC_ROOT, handle }));
  m.text(TCA_KIND, 'tbf');
  m.nest(TCA_OPTIONS, (options) => {
    const parms = new Uint8Array(TBF_PARMS_BYTES);
    const view = viewOf(parms);
    view.setUint8(1, LINK_LAYER_ETHERNET);
    view.setUint32(8, Math.min(bytesPerSecond, 0xffff_ffff), true);
    view.setUint32(24, limitBytes, true);
    options.bytes(TCA_TBF_PARMS, parms);
    const rate64 = new Uint8Array(8);
    viewOf(rate64).setBigUint64(0, BigInt(bytesPerSecond), true);
    options.bytes(TCA_TBF_RATE64, rate64);
    options.u32(TCA_TBF_BURST, burstBytes);
  });
}

/** Throws NetlinkDecodeError. */
export function decodeQdisc(message: Message): Qdisc {
  const { index, kind, handle, parent, options, drops } = decodeTrafficControl(message);
  const tbf = kind === 'tbf' && options !== undefined ? decodeTbf(AttributeMap.decode(options)) : undefined;
  return { index, kind, handle, parent, ...(tbf === undefined ? {} : { tbf }), ...(drops === undefined ? {} : { drops }) };
}

function decodeTbf(options: AttributeMap): Tbf | undefined {
  const parms = options.atLeast(TCA_TBF_PARMS, TBF_PARMS_BYTES);
  if (parms === undefined) return undefined;
  const view = viewOf(parms);
  const rate64 = options.atLeast(TCA_TBF_RATE64, 8);
  // The wider one is told only where the other does not suffice.
  const bytesPerSecond = rate64 === undefined ? view.getUint32(8, true) : Number(viewOf(rate64).getBigUint64(0, true));
  const burstBytes = Math.round(view.getUint32(28, true) * TICK_SECONDS * bytesPerSecond);
  return { bytesPerSecond, burstBytes, limitBytes: view.getUint32(24, true) };
}
