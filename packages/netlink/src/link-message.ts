/**
 * Devices on the wire: `struct ifinfomsg` (family u8, pad u8, type u16, index i32, flags u32, change mask u32) and IFLA_* attributes; what is
 * peculiar to a kind of device or to a bridge's port lies in IFLA_LINKINFO. Source: rtnetlink(7), linux/if_link.h.
 */
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { macFromBytes, macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { InvalidValue } from '@weft/core/weft-error';
import type { Netns } from '@weft/sys/netns';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';

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
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_TTL = 5;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;

/** IFALIASZ − 1. */
const ALIAS_BYTES = 255;

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
  /** Index of the device beneath (macvlan, vxlan with `dev`) or at the other end (veth), in *its* namespace. */
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
  /** With `master`: flags of its port, in force before it comes up. */
  bridgePort?: Partial<BridgePort>;
}> &
  (
    | Readonly<{ kind: 'bridge'; bridge: Bridge }>
    | Readonly<{ kind: 'vxlan'; vxlan: Vxlan }>
    | Readonly<{ kind: 'veth'; peer: Readonly<{ name: string; netns?: Netns; mac?: Mac; mtu?: number }> }>
    | Readonly<{ kind: 'macvlan'; parent: number; mode: 'bridge' }>
    | Readonly<{ kind: 'ifb' }>
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
  /** Where a VXLAN device's outer packets come from, from the next one on. The kernel refuses it together with `mtu` (EOPNOTSUPP). */
  vxlanLocal?: Ipv4;
}>;

/** Interface names have 1 to 15 bytes, no slash and no white space (dev_valid_name in the kernel). Throws InvalidValue. */
export function parseInterfaceName(value: string): string {
  if (!/^[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(value) || value === '.' || value === '..') {
    throw new InvalidValue('interface name', value, 'is not 1 to 15 characters without blank, slash and colon');
  }
  return value;
}

export function encodeLinkHeader(options: Readonly<{ index?: number; up?: boolean | undefined }>): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  view.setInt32(4, options.index ?? 0, true);
  view.setUint32(8, options.up === true ? IFF_UP : 0, true);
  view.setUint32(12, options.up === undefined ? 0 : IFF_UP, true);
  return bytes;
}

/** Begins a message about the device of that name. */
export function writeLinkName(m: MessageWriter, name: string, up?: boolean): void {
  m.raw(encodeLinkHeader({ up }));
  m.text(IFLA_IFNAME, name);
}

export function writeLinkCreation(m: MessageWriter, spec: LinkSpec): void {
  writeLinkName(m, spec.name);
  writeCommon(m, spec);
  if (spec.kind === 'macvlan') m.u32(IFLA_LINK, spec.parent);
  m.nest(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, spec.kind);
    if (spec.kind === 'ifb') return;
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
            writeLinkName(peer, parseInterfaceName(spec.peer.name));
            writeCommon(peer, spec.peer);
          });
      }
    });
  });
}

export function writeLinkChange(m: MessageWriter, index: number, change: LinkChange): void {
  m.raw(encodeLinkHeader({ index, up: change.up }));
  if (change.name !== undefined) m.text(IFLA_IFNAME, parseInterfaceName(change.name));
  writeCommon(m, change);
  writeLinkAlias(m, change.alias);
  const { bridge, vxlanLocal } = change;
  if (bridge !== undefined) writeKindChange(m, 'bridge', (data) => writeBridge(data, bridge));
  if (vxlanLocal !== undefined) writeKindChange(m, 'vxlan', (data) => data.bytes(IFLA_VXLAN_LOCAL, ipv4ToBytes(vxlanLocal)));
}

function writeKindChange(m: MessageWriter, kind: 'bridge' | 'vxlan', write: (data: MessageWriter) => void): void {
  m.nest(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, kind);
    info.nest(IFLA_INFO_DATA, write);
  });
}

function writeCommon(m: MessageWriter, link: Readonly<{ mac?: Mac; mtu?: number; master?: number; group?: number; netns?: Netns }>): void {
  if (link.mac !== undefined) m.bytes(IFLA_ADDRESS, macToBytes(link.mac));
  if (link.mtu !== undefined) m.u32(IFLA_MTU, link.mtu);
  if (link.master !== undefined) m.u32(IFLA_MASTER, link.master);
  if (link.group !== undefined) m.u32(IFLA_GROUP, link.group);
  if (link.netns !== undefined) m.u32(IFLA_NET_NS_FD, link.netns.fd);
}

export function writeLinkAlias(m: MessageWriter, alias: string | undefined): void {
  checkLinkAlias(alias);
  // Without a final NUL: an empty one, which takes the alias away, must have no byte at all.
  if (alias !== undefined) m.bytes(IFLA_IFALIAS, new TextEncoder().encode(alias));
}

export function checkLinkAlias(alias = ''): void {
  if (new TextEncoder().encode(alias).length > ALIAS_BYTES || alias.includes('\0')) {
    throw new InvalidValue('link alias', alias, `is longer than ${ALIAS_BYTES} bytes or holds a NUL`);
  }
}

function writeBridge(m: MessageWriter, bridge: Partial<Bridge>): void {
  for (const key of keysOf(BRIDGE)) {
    const value = bridge[key];
    if (value === undefined) continue;
    if (BRIDGE[key].bytes === 4) m.u32(BRIDGE[key].type, value);
    else m.u8(BRIDGE[key].type, value);
  }
}

export function writeBridgePort(m: MessageWriter, port: Partial<BridgePort>): void {
  m.nest(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_SLAVE_KIND, 'bridge');
    info.nest(IFLA_INFO_SLAVE_DATA, (data) => {
      for (const key of keysOf(BRIDGE_PORT)) {
        const value = port[key];
        if (value !== undefined) data.u8(BRIDGE_PORT[key], value ? 1 : 0);
      }
    });
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

/** Throws NetlinkDecodeError. */
export function decodeLink(message: Message): Link {
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
    // IFLA_LINK of a VXLAN device in another namespace than its socket's is its own index.
    parent: kind === 'vxlan' ? data?.u32(IFLA_VXLAN_LINK) : attributes.u32(IFLA_LINK),
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
