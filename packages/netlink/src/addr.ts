/** IPv4 addresses of devices: `ip addr`. Messages are `struct ifaddrmsg` and IFA_* attributes. Source: rtnetlink(7), linux/if_addr.h. */
import { cidrLast, cidrOf } from '@weft/core/cidr';
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

const RTM_NEWADDR = { code: 20, name: 'RTM_NEWADDR' };
const RTM_DELADDR = { code: 21, name: 'RTM_DELADDR' };
const RTM_GETADDR = { code: 22, name: 'RTM_GETADDR' };

const AF_INET = 2;
const HEADER_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
/** What a lifetime without end is in the kernel (INFINITY_LIFE_TIME). */
const FOR_EVER = 0xffff_ffff;

export type AddrSpec = Readonly<{ index: number; address: Ipv4; prefix: number }>;

/** With `lifetimeSeconds` the kernel takes the address away by itself so long from now. */
export type NewAddrSpec = AddrSpec & Readonly<{ lifetimeSeconds?: number }>;

/** An address of a device, as the kernel reports it; `validSeconds` is undefined for one without an end. `peer` differs from `address` on point-to-point devices only. */
export type Addr = AddrSpec & Readonly<{ peer: Ipv4; broadcast: Ipv4 | undefined; scope: number; validSeconds: number | undefined }>;

/** All IPv4 addresses of the namespace. Throws NetlinkError. */
export function addrList(rtnl: Rtnl): Addr[] {
  return rtnl.dump({ type: RTM_GETADDR, body: (m) => m.raw(header(0, 0)) }).map(decodeAddr);
}

/** Adds an address, with its broadcast address up to /30; one that is there already gets the lifetime. Throws NetlinkError, ENODEV. */
export function addrReplace(rtnl: Rtnl, spec: NewAddrSpec): void {
  rtnl.request(addrReplaceRequest(spec));
}

export function addrReplaceRequest(spec: NewAddrSpec): NetlinkRequest {
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: describe(spec),
    body: (m) => {
      writeAddr(m, spec);
      if (spec.prefix < 31) m.bytes(IFA_BROADCAST, ipv4ToBytes(cidrLast(cidrOf(spec.address, spec.prefix))));
      if (spec.lifetimeSeconds !== undefined) m.bytes(IFA_CACHEINFO, cacheInfo(spec.lifetimeSeconds));
    },
  };
}

/** Throws NetlinkError; EADDRNOTAVAIL if it is not there, ENODEV if the device is not. */
export function addrDelete(rtnl: Rtnl, spec: AddrSpec): void {
  rtnl.request(addrDeleteRequest(spec));
}

export function addrDeleteRequest(spec: AddrSpec): NetlinkRequest {
  return { type: RTM_DELADDR, what: describe(spec), body: (m) => writeAddr(m, spec) };
}

/** family, prefix length, flags, scope (0: universe), index. */
function header(index: number, prefix: number): Uint8Array {
  const bytes = Uint8Array.of(AF_INET, prefix, 0, 0, 0, 0, 0, 0);
  viewOf(bytes).setUint32(4, index, true);
  return bytes;
}

/** `struct ifa_cacheinfo`: preferred and valid seconds; the two times of change are the kernel's to write. */
function cacheInfo(seconds: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const whole = Math.min(FOR_EVER, Math.max(1, Math.floor(seconds)));
  for (const position of [0, 4]) viewOf(bytes).setUint32(position, whole, true);
  return bytes;
}

function writeAddr(m: MessageWriter, { index, address, prefix }: AddrSpec): void {
  m.raw(header(index, prefix));
  m.bytes(IFA_LOCAL, ipv4ToBytes(address));
  m.bytes(IFA_ADDRESS, ipv4ToBytes(address));
}

function decodeAddr({ payload }: Message): Addr {
  if (payload.length < HEADER_BYTES) throw new NetlinkDecodeError('cut address', payload.length, HEADER_BYTES);
  const attributes = AttributeMap.decode(payload, HEADER_BYTES);
  const peer = attributes.atLeast(IFA_ADDRESS, 4);
  const local = attributes.atLeast(IFA_LOCAL, 4) ?? peer;
  if (local === undefined) throw new NetlinkDecodeError('address without IFA_LOCAL', HEADER_BYTES, payload.length);
  const broadcast = attributes.atLeast(IFA_BROADCAST, 4);
  const info = attributes.atLeast(IFA_CACHEINFO, 16);
  const valid = info === undefined ? FOR_EVER : viewOf(info).getUint32(4, true);
  return {
    index: viewOf(payload).getUint32(4, true),
    address: ipv4FromBytes(local),
    prefix: payload[1] ?? 0,
    peer: ipv4FromBytes(peer ?? local),
    broadcast: broadcast === undefined ? undefined : ipv4FromBytes(broadcast),
    scope: payload[3] ?? 0,
    validSeconds: valid === FOR_EVER ? undefined : valid,
  };
}

function describe({ index, address, prefix }: AddrSpec): string {
  return `${address}/${prefix} on link ${index}`;
}
