/**
 * Network devices: `ip link`. Source: rtnetlink(7), linux/if_link.h.
 *
 * A message is `struct ifinfomsg` (family u8, pad u8, type u16, index i32, flags u32, change mask u32) and IFLA_* attributes; what is peculiar
 * to a kind of device or to a bridge's port lies in IFLA_LINKINFO.
 */
import type { Ipv4 } from '@weft/core/ipv4';
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import { macFromBytes, macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { InvalidValue } from '@weft/core/weft-error';
import type { Netns } from '@weft/sys/netns';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_EXCL, viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';
import { isAbsent } from './netlink-error.ts';
import { Rtnl } from './rtnl.ts';
import type { NetlinkRequest } from './rtnl.ts';

const RTM_NEWLINK = { code: 16, name: 'RTM_NEWLINK' };
const RTM_DELLINK = { code: 17, name: 'RTM_DELLINK' };
const RTM_GETLINK = { code: 18, name: 'RTM_GETLINK' };

const HEADER_BYTES = 16;
const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_STATS64 = 23;
const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_TTL = 5;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;

/** macvlan children of one parent reach each other. */
const MACVLAN_MODE_BRIDGE = 4;

/** Attributes of a bridge and how wide they are (IFLA_BR_*). */
const BRIDGE = {
  stp: { type: 5, bytes: 4 },
  mcastSnooping: { type: 23, bytes: 1 },
  nfCallIptables: { type: 36, bytes: 1 },
  nfCallIp6tables: { type: 37, bytes: 1 },
  nfCallArptables: { type: 38, bytes: 1 },
} as const;

/** Flags of a bridge's port (IFLA_BRPORT_*), a byte each. */
const BRIDGE_PORT = { hairpin: 4, learning: 8, flood: 9, mcastFlood: 27, bcastFlood: 30, neighSuppress: 32 } as const;

/** Numbers are 0 or 1. `nfCall…` decide per bridge, whatever the namespace's sysctls say. */
export type Bridge = Readonly<Record<keyof typeof BRIDGE, number>>;

/** `flood` is unknown unicast. */
export type BridgePort = Readonly<Record<keyof typeof BRIDGE_PORT, boolean>>;

export type Vxlan = Readonly<{
  vni: number;
  /** Our VTEP address. */
  local: Ipv4 | undefined;
  /** The UDP port. */
  port: number;
  learning: boolean;
  ttl: number;
}>;

/** A device as the kernel reports it. */
export type Link = Readonly<{
  index: number;
  name: string;
  /** `bridge`, `vxlan`, `veth`… A physical device and `lo` have none. */
  kind: string | undefined;
  mac: Mac | undefined;
  mtu: number;
  /** Switched on; says nothing about the carrier. */
  up: boolean;
  /** Index of the bridge it is a port of. */
  master: number | undefined;
  /** Index of the device beneath (macvlan) or at the other end (veth), in *its* namespace. */
  parent: number | undefined;
  alias: string | undefined;
  group: number;
  bridge?: Bridge;
  vxlan?: Vxlan;
  macvlan?: Readonly<{ mode: number }>;
  bridgePort?: BridgePort;
  stats: Readonly<{ rxPackets: bigint; txPackets: bigint; rxBytes: bigint; txBytes: bigint }>;
}>;

/**
 * A device to make. With `netns` it is made *there* (and `master` is an index there), while a vxlan's socket, a macvlan's parent and a veth's
 * peer without `netns` stay in the namespace of the request: so tunnel packets use the underlay of the node.
 */
export type LinkSpec = Readonly<{
  name: string;
  alias?: string;
  mac?: Mac;
  mtu?: number;
  up?: boolean;
  master?: number;
  group?: number;
  netns?: Netns;
}> &
  (
    | Readonly<{ kind: 'bridge'; bridge: Bridge }>
    | Readonly<{ kind: 'vxlan'; vxlan: Vxlan }>
    | Readonly<{ kind: 'veth'; peer: Readonly<{ name: string; netns?: Netns; mac?: Mac; mtu?: number }> }>
    | Readonly<{ kind: 'macvlan'; parent: number; mode: 'bridge' }>
  );

/** What can be changed; absent stays as it is. `master` 0 takes it out of its bridge. */
export type LinkChange = Readonly<{
  up?: boolean;
  mtu?: number;
  mac?: Mac;
  master?: number;
  alias?: string;
  name?: string;
  netns?: Netns;
  group?: number;
  bridgePort?: Partial<BridgePort>;
  bridge?: Partial<Bridge>;
}>;

/** All devices of the namespace. Throws NetlinkError. */
export function linkList(rtnl: Rtnl): Link[] {
  return rtnl.dump({ type: RTM_GETLINK, body: (m) => m.raw(new Uint8Array(HEADER_BYTES)) }).map(decodeLink);
}

/** The device of that name. Throws NetlinkError. */
export function linkGet(rtnl: Rtnl, name: string): Link | undefined {
  const what = parseInterfaceName(name);
  const body = (m: MessageWriter): void => {
    m.raw(new Uint8Array(HEADER_BYTES));
    m.text(IFLA_IFNAME, name);
  };
  try {
    return decodeLink(rtnl.get({ type: RTM_GETLINK, what, body }));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/**
 * Makes a device. The creating message cannot carry an alias, so that (and `up`) follows in a second one; if that is refused the device is
 * removed again, and if this process is killed between them the device is there, down and without its alias.
 * Throws NetlinkError: EEXIST, EOPNOTSUPP for a kind that the kernel lacks, EADDRINUSE for a VXLAN's UDP port.
 */
export function linkAdd(rtnl: Rtnl, spec: LinkSpec): void {
  rtnl.request({
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    what: `${spec.kind} ${parseInterfaceName(spec.name)}`,
    body: (m) => writeCreation(m, spec),
  });
  if (spec.alias === undefined && spec.up !== true) return;
  using elsewhere = spec.netns === undefined ? undefined : Rtnl.open(spec.netns);
  const there = elsewhere ?? rtnl;
  const writeFinish = (m: MessageWriter): void => {
    m.raw(header({ up: spec.up === true }));
    m.text(IFLA_IFNAME, spec.name);
    writeAlias(m, spec.alias);
  };
  try {
    there.request({ type: RTM_NEWLINK, what: spec.name, body: writeFinish });
  } catch (error) {
    there.batch([{ type: RTM_DELLINK, body: (m) => writeName(m, spec.name) }]);
    throw error;
  }
}

/**
 * Changes a device. The order is: everything of the device itself, then its flags as a bridge's port, then `up` – so that a port never
 * forwards before its flags are set. What comes before a refused part has been done. A device that moves away (`netns`) is changed *there*,
 * port flags excepted: set those through an Rtnl of that namespace. Throws NetlinkError, ENODEV if there is none.
 */
export function linkSet(rtnl: Rtnl, index: number, change: LinkChange): void {
  for (const request of linkSetRequests(index, change)) rtnl.request(request);
}

/** The one or two messages of {@link linkSet}, for {@link Rtnl.batch}. */
export function linkSetRequests(index: number, change: LinkChange): NetlinkRequest[] {
  const { bridgePort } = change;
  if (bridgePort !== undefined && change.netns !== undefined) {
    throw new InvalidValue('bridgePort', index, 'cannot be set while the device moves to another namespace');
  }
  const what = `link ${index}`;
  const { up, ...rest } = change;
  if (bridgePort === undefined) return [{ type: RTM_NEWLINK, what, body: (m) => writeChange(m, index, change) }];
  const port = (m: MessageWriter): void => {
    m.raw(header({ index, up }));
    m.nest(IFLA_LINKINFO, (info) => writeBridgePort(info, bridgePort));
  };
  const requests: NetlinkRequest[] = [{ type: RTM_NEWLINK, what: `port flags of ${what}`, body: port }];
  const others = Object.keys(rest).some((key) => key !== 'bridgePort');
  return others ? [{ type: RTM_NEWLINK, what, body: (m) => writeChange(m, index, rest) }, ...requests] : requests;
}

/** Removes a device (and a veth's peer). A bridge takes some 17 ms. Throws NetlinkError, ENODEV if there is none. */
export function linkDelete(rtnl: Rtnl, index: number): void {
  rtnl.request(linkDeleteRequest(index));
}

export function linkDeleteRequest(index: number): NetlinkRequest {
  return { type: RTM_DELLINK, what: `link ${index}`, body: (m) => m.raw(header({ index })) };
}

/** Interface names have 1 to 15 bytes, no slash and no white space (dev_valid_name in the kernel). Throws InvalidValue. */
export function parseInterfaceName(value: string): string {
  if (!/^[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(value) || value === '.' || value === '..') {
    throw new InvalidValue('interface name', value, 'is not 1 to 15 characters without blank, slash and colon');
  }
  return value;
}

function header(options: Readonly<{ index?: number; up?: boolean | undefined }>): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  view.setInt32(4, options.index ?? 0, true);
  view.setUint32(8, options.up === true ? IFF_UP : 0, true);
  view.setUint32(12, options.up === undefined ? 0 : IFF_UP, true);
  return bytes;
}

function writeName(m: MessageWriter, name: string): void {
  m.raw(header({}));
  m.text(IFLA_IFNAME, name);
}

function writeCreation(m: MessageWriter, spec: LinkSpec): void {
  writeName(m, spec.name);
  writeCommon(m, spec);
  if (spec.kind === 'macvlan') m.u32(IFLA_LINK, spec.parent);
  m.nest(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, spec.kind);
    info.nest(IFLA_INFO_DATA, (data) => {
      switch (spec.kind) {
        case 'bridge':
          return writeBridge(data, spec.bridge);
        case 'vxlan':
          return writeVxlan(data, spec.vxlan);
        case 'macvlan':
          return data.u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
        case 'veth':
          // The peer is always made down: with IFF_UP here its other end does not exist yet, which is ENOTCONN.
          return data.nest(VETH_INFO_PEER, (peer) => {
            writeName(peer, parseInterfaceName(spec.peer.name));
            writeCommon(peer, spec.peer);
          });
      }
    });
  });
}

function writeChange(m: MessageWriter, index: number, change: LinkChange): void {
  m.raw(header({ index, up: change.up }));
  if (change.name !== undefined) m.text(IFLA_IFNAME, parseInterfaceName(change.name));
  writeCommon(m, change);
  writeAlias(m, change.alias);
  const { bridge } = change;
  if (bridge === undefined) return;
  m.nest(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, 'bridge');
    info.nest(IFLA_INFO_DATA, (data) => writeBridge(data, bridge));
  });
}

function writeCommon(m: MessageWriter, link: Readonly<{ mac?: Mac; mtu?: number; master?: number; group?: number; netns?: Netns }>): void {
  if (link.mac !== undefined) m.bytes(IFLA_ADDRESS, macToBytes(link.mac));
  if (link.mtu !== undefined) m.u32(IFLA_MTU, link.mtu);
  if (link.master !== undefined) m.u32(IFLA_MASTER, link.master);
  if (link.group !== undefined) m.u32(IFLA_GROUP, link.group);
  if (link.netns !== undefined) m.u32(IFLA_NET_NS_FD, link.netns.fd);
}

/** At most 255 bytes; an empty alias takes it away. */
function writeAlias(m: MessageWriter, alias: string | undefined): void {
  if (alias === undefined) return;
  const bytes = new TextEncoder().encode(alias);
  if (bytes.length > 255 || alias.includes('\0')) throw new InvalidValue('link alias', alias, 'is longer than 255 bytes or holds a NUL');
  // Without the NUL: an empty one must have no byte at all.
  m.bytes(IFLA_IFALIAS, bytes);
}

function writeBridge(m: MessageWriter, bridge: Partial<Bridge>): void {
  for (const key of keysOf(BRIDGE)) {
    const value = bridge[key];
    if (value === undefined) continue;
    if (BRIDGE[key].bytes === 4) m.u32(BRIDGE[key].type, value);
    else m.u8(BRIDGE[key].type, value);
  }
}

function writeBridgePort(m: MessageWriter, port: Partial<BridgePort>): void {
  m.text(IFLA_INFO_SLAVE_KIND, 'bridge');
  m.nest(IFLA_INFO_SLAVE_DATA, (data) => {
    for (const key of keysOf(BRIDGE_PORT)) {
      const value = port[key];
      if (value !== undefined) data.u8(BRIDGE_PORT[key], value ? 1 : 0);
    }
  });
}

/** The DF bit stays unset (IFLA_VXLAN_DF absent). */
function writeVxlan(m: MessageWriter, vxlan: Vxlan): void {
  m.u32(IFLA_VXLAN_ID, vxlan.vni);
  if (vxlan.local !== undefined) m.bytes(IFLA_VXLAN_LOCAL, ipv4ToBytes(vxlan.local));
  m.u8(IFLA_VXLAN_TTL, vxlan.ttl);
  m.u8(IFLA_VXLAN_LEARNING, vxlan.learning ? 1 : 0);
  m.u16be(IFLA_VXLAN_PORT, vxlan.port);
}

function decodeLink(message: Message): Link {
  const { payload } = message;
  if (payload.length < HEADER_BYTES) throw new NetlinkDecodeError('cut link', payload.length, HEADER_BYTES);
  const view = viewOf(payload);
  const attributes = AttributeMap.decode(payload, HEADER_BYTES);
  const mac = attributes.bytes(IFLA_ADDRESS);
  const info = attributes.nested(IFLA_LINKINFO);
  const data = info?.nested(IFLA_INFO_DATA);
  const kind = info?.text(IFLA_INFO_KIND);
  const port = info?.text(IFLA_INFO_SLAVE_KIND) === 'bridge' ? info.nested(IFLA_INFO_SLAVE_DATA) : undefined;
  const stats = attributes.atLeast(IFLA_STATS64, 32);
  const counters = stats === undefined ? undefined : viewOf(stats);
  const counter = (position: number): bigint => counters?.getBigUint64(8 * position, true) ?? 0n;
  return {
    index: view.getInt32(4, true),
    name: attributes.text(IFLA_IFNAME) ?? '',
    kind,
    mac: mac?.length === 6 ? macFromBytes(mac) : undefined,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    master: attributes.u32(IFLA_MASTER),
    parent: attributes.u32(IFLA_LINK),
    alias: attributes.text(IFLA_IFALIAS),
    group: attributes.u32(IFLA_GROUP) ?? 0,
    ...(kind === 'bridge' && data !== undefined ? { bridge: decodeBridge(data) } : {}),
    ...(kind === 'vxlan' && data !== undefined ? { vxlan: decodeVxlan(data) } : {}),
    ...(kind === 'macvlan' && data !== undefined ? { macvlan: { mode: data.u32(IFLA_MACVLAN_MODE) ?? 0 } } : {}),
    ...(port === undefined ? {} : { bridgePort: decodeBridgePort(port) }),
    stats: { rxPackets: counter(0), txPackets: counter(1), rxBytes: counter(2), txBytes: counter(3) },
  };
}

function decodeBridge(data: AttributeMap): Bridge {
  const value = (key: keyof Bridge): number => (BRIDGE[key].bytes === 4 ? data.u32(BRIDGE[key].type) : data.u8(BRIDGE[key].type)) ?? 0;
  return Object.fromEntries(keysOf(BRIDGE).map((key) => [key, value(key)])) as Bridge;
}

function decodeBridgePort(data: AttributeMap): BridgePort {
  return Object.fromEntries(keysOf(BRIDGE_PORT).map((key) => [key, data.u8(BRIDGE_PORT[key]) === 1])) as BridgePort;
}

function decodeVxlan(data: AttributeMap): Vxlan {
  const local = data.atLeast(IFLA_VXLAN_LOCAL, 4);
  return {
    vni: data.u32(IFLA_VXLAN_ID) ?? 0,
    local: local === undefined ? undefined : ipv4FromBytes(local),
    port: data.u16be(IFLA_VXLAN_PORT) ?? 0,
    learning: data.u8(IFLA_VXLAN_LEARNING) === 1,
    ttl: data.u8(IFLA_VXLAN_TTL) ?? 0,
  };
}

function keysOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}
