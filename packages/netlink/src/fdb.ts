/**
 * Forwarding entries: `bridge fdb`. There are two tables. The *bridge's* (`master`) says by which port a MAC is reached; the *VXLAN device's*
 * (`self`) says at which VTEP. One message with both flags writes both. In a list they are two entries.
 */
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { macFromBytes, macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_REPLACE } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import {
  NDA_DST,
  NDA_LLADDR,
  NDA_MASTER,
  NTF_MASTER,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
  decodeNeighbour,
  encodeNeighbourHeader,
} from './neighbour-message.ts';
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

const AF_BRIDGE = 7;

/**
 * `static` stays until it is removed and does not move. **`permanent` in a bridge's table means "one of the bridge's own addresses", which
 * swallows the packet**; it is right only in a VXLAN device's table. `dynamic`: learned.
 */
export type FdbState = 'static' | 'permanent' | 'dynamic';

/** Which entry: `index` is the device (the port, or the VXLAN device), `dst` the VTEP. */
export type FdbKey = Readonly<{ index: number; mac: Mac; dst?: Ipv4; self: boolean; master: boolean }>;

export type FdbSpec = FdbKey & Readonly<{ state: 'static' | 'permanent' }>;

/** An entry as the kernel reports it: of the device's own table (`self`), or of the bridge with index `master`. */
export type FdbEntry = Readonly<{
  index: number;
  mac: Mac;
  dst: Ipv4 | undefined;
  self: boolean;
  master: number | undefined;
  state: FdbState;
  flags: number;
}>;

/** The entries of all bridges and VXLAN devices of the namespace; bridges list the addresses of their ports as `permanent`. Throws NetlinkError. */
export function fdbList(rtnl: Rtnl): FdbEntry[] {
  const messages = rtnl.dump({ type: RTM_GETNEIGH, body: (m) => m.raw(encodeNeighbourHeader({ family: AF_BRIDGE })) });
  return messages.flatMap(decodeFdb);
}

/** No entry for what is not Ethernet. Throws NetlinkDecodeError. */
export function decodeFdb(message: Message): FdbEntry[] {
  const { index, state, flags, attributes } = decodeNeighbour(message);
  const mac = attributes.bytes(NDA_LLADDR);
  if (mac?.length !== 6) return [];
  const dst = attributes.bytes(NDA_DST);
  return [
    {
      index,
      mac: macFromBytes(mac),
      // 16 bytes: a VTEP with an IPv6 address, which is not ours.
      dst: dst?.length === 4 ? ipv4FromBytes(dst) : undefined,
      self: (flags & NTF_SELF) !== 0,
      master: attributes.u32(NDA_MASTER),
      state: stateOf(state),
      flags,
    },
  ];
}

/** Writes an entry in place of what there is for that MAC. Not for group addresses with `dst` (EOPNOTSUPP): append those. Throws NetlinkError. */
export function fdbReplace(rtnl: Rtnl, spec: FdbSpec): void {
  rtnl.request(fdbReplaceRequest(spec));
}

export function fdbReplaceRequest(spec: FdbSpec): NetlinkRequest {
  return writeRequest(spec, NLM_F_CREATE | NLM_F_REPLACE);
}

/** Adds one more VTEP for a MAC, as for broadcast; one that is there already is success. Throws NetlinkError. */
export function fdbAppend(rtnl: Rtnl, spec: FdbSpec): void {
  rtnl.request(fdbAppendRequest(spec));
}

export function fdbAppendRequest(spec: FdbSpec): NetlinkRequest {
  return writeRequest(spec, NLM_F_CREATE | NLM_F_APPEND);
}

/**
 * Throws NetlinkError; ENOENT if it is not there. With `self` and `master` the kernel removes from the bridge first and stops if that fails:
 * where only half may be there, ask for each by itself.
 */
export function fdbDelete(rtnl: Rtnl, key: FdbKey): void {
  rtnl.request(fdbDeleteRequest(key));
}

export function fdbDeleteRequest(key: FdbKey): NetlinkRequest {
  return { type: RTM_DELNEIGH, what: describe(key), body: bodyOf(key, 0) };
}

function writeRequest(spec: FdbSpec, flags: number): NetlinkRequest {
  // VXLAN wants REACHABLE or PERMANENT, the bridge takes NOARP for "static"; iproute2 sends the two together as well.
  const state = spec.state === 'static' ? NUD_NOARP | NUD_REACHABLE : NUD_PERMANENT;
  return { type: RTM_NEWNEIGH, flags, what: describe(spec), body: bodyOf(spec, state) };
}

function bodyOf({ index, mac, dst, self, master }: FdbKey, state: number): NetlinkRequest['body'] {
  const flags = (self ? NTF_SELF : 0) | (master ? NTF_MASTER : 0);
  return (m) => {
    m.raw(encodeNeighbourHeader({ family: AF_BRIDGE, index, state, flags }));
    m.bytes(NDA_LLADDR, macToBytes(mac));
    if (dst !== undefined) m.bytes(NDA_DST, ipv4ToBytes(dst));
  };
}

function stateOf(state: number): FdbState {
  if ((state & NUD_PERMANENT) !== 0) return 'permanent';
  return (state & NUD_NOARP) === 0 ? 'dynamic' : 'static';
}

function describe({ index, mac, dst }: FdbKey): string {
  return `FDB entry ${mac} on link ${index}${dst === undefined ? '' : ` to ${dst}`}`;
}
