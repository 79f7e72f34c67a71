/**
 * What arrives at an interface, sent out of another one: `tc filter add dev … ingress u32 match u32 0 0 action mirred egress redirect dev …`.
 * The other one is an ifb: what leaves it arrives a second time, by the interface by which it came, so that arriving packets can be queued.
 */
import { AttributeMap } from './codec/attributes.ts';
import { NLM_F_CREATE, NLM_F_EXCL, viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import type { Rtnl } from './rtnl.ts';
import { TCA_KIND, TCA_OPTIONS, TC_CLSACT_INGRESS, decodeTrafficControl, encodeTrafficControlHeader } from './traffic-control-message.ts';

const RTM_NEWTFILTER = { code: 44, name: 'RTM_NEWTFILTER' };
const RTM_GETTFILTER = { code: 46, name: 'RTM_GETTFILTER' };

const TCA_U32_CLASSID = 1;
const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;
const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
const MIRRED_BYTES = 28;
const TC_U32_TERMINAL = 1;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;

/** Priority 1, and htons(ETH_P_ALL). */
const FIRST_FOR_ALL = (1 << 16) | 0x0300;

/** From an interface, by index, to another one of the same namespace. */
export type Redirect = Readonly<{ index: number; to: number }>;

/**
 * Redirects everything that arrives; the interface has a clsact discipline. Throws NetlinkError: EEXIST, ENODEV, and ENOENT if the kernel
 * lacks a part (modules cls_u32, act_mirred).
 */
export function redirectAdd(rtnl: Rtnl, redirect: Redirect): void {
  rtnl.request({
    type: RTM_NEWTFILTER,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    what: `redirection from link ${redirect.index} to ${redirect.to}`,
    body: (m) => writeRedirect(m, redirect),
  });
}

/** Those of one interface; `to` is 0 where the other one is gone. Throws NetlinkError. */
export function redirectList(rtnl: Rtnl, index: number): Redirect[] {
  const body = (m: MessageWriter): void => m.raw(encodeTrafficControlHeader({ index, parent: TC_CLSACT_INGRESS }));
  return rtnl.dump({ type: RTM_GETTFILTER, body }).flatMap((message) => decodeRedirect(message) ?? []);
}

/**
 * `struct tc_u32_sel` (flags u8, offshift u8, nkeys u8, padding, offmask be16, off u16, offoff i16, hoff i16, hmask be32) with one `struct
 * tc_u32_key` (mask be32, val be32, off i32, offmask i32) that any packet matches; and `struct tc_mirred` (index, capab, action, refcnt,
 * bindcnt, eaction, ifindex; 32 bits each). Source: linux/pkt_cls.h, linux/tc_act/tc_mirred.h.
 */
export function writeRedirect(m: MessageWriter, { index, to }: Redirect): void {
  m.raw(encodeTrafficControlHeader({ index, parent: TC_CLSACT_INGRESS, info: FIRST_FOR_ALL }));
  m.text(TCA_KIND, 'u32');
  m.nest(TCA_OPTIONS, (options) => {
    const selector = new Uint8Array(32);
    selector[0] = TC_U32_TERMINAL;
    selector[2] = 1;
    options.u32(TCA_U32_CLASSID, 1);
    options.bytes(TCA_U32_SEL, selector);
    options.nest(TCA_U32_ACT, (actions) =>
      actions.nest(1, (action) => {
        action.text(TCA_ACT_KIND, 'mirred');
        action.nest(TCA_ACT_OPTIONS, (mirred) => {
          const parms = new Uint8Array(MIRRED_BYTES);
          const view = viewOf(parms);
          view.setInt32(8, TC_ACT_STOLEN, true);
          view.setInt32(20, TCA_EGRESS_REDIR, true);
          view.setUint32(24, to, true);
          mirred.bytes(TCA_MIRRED_PARMS, parms);
        });
      }),
    );
  });
}

/** Undefined for any other filter, and for the tables in which the kernel keeps them. Throws NetlinkDecodeError. */
export function decodeRedirect(message: Message): Redirect | undefined {
  const { index, kind, options } = decodeTrafficControl(message);
  if (kind !== 'u32' || options === undefined) return undefined;
  const action = AttributeMap.decode(options).nested(TCA_U32_ACT)?.nested(1);
  if (action?.text(TCA_ACT_KIND) !== 'mirred') return undefined;
  const parms = action.nested(TCA_ACT_OPTIONS)?.atLeast(TCA_MIRRED_PARMS, MIRRED_BYTES);
  if (parms === undefined) return undefined;
  const view = viewOf(parms);
  return view.getInt32(20, true) === TCA_EGRESS_REDIR ? { index, to: view.getUint32(24, true) } : undefined;
}
