/** IP addresses of devices: `ip addr`. Messages are `struct ifaddrmsg` and IFA_* attributes. Source: rtnetlink(7), linux/if_addr.h. */
import { cidrLast, cidrOf } from '@weft/core/cidr';
import { ipFromBytes, ipToBytes, isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, viewOf } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';
import { AF_INET, AF_INET6, familyOf } from './family.ts';
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

const RTM_NEWADDR = { code: 20, name: 'RTM_NEWADDR' };
const RTM_DELADDR = { code: 21, name: 'RTM_DELADDR' };
const RTM_GETADDR = { code: 22, name: 'RTM_GETADDR' };

const HEADER_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
/** Usable at once: nobody is asked whether they have it too (RFC 4862 §5.4). */
const IFA_F_NODAD = 0x02;
/** What a lifetime without end is in the kernel (INFINITY_LIFE_TIME). */
const FOR_EVER = 0xffff_ffff;

export type AddrSpec = Readonly<{ index: number; address: IpAddress; prefix: number }>;

/** With `lifetimeSeconds` the kernel takes the address away by itself so long from now. */
export type NewAddrSpec = AddrSpec & Readonly<{ lifetimeSeconds?: number }>;

/** An address of a device, as the kernel reports it; `validSeconds` is undefined for one without an end. `peer` differs from `address` on point-to-point devices only. */
export type Addr = AddrSpec & Readonly<{ peer: IpAddress; broadcast: Ipv4 | undefined; scope: number; validSeconds: number | undefined }>;

/** All addresses of the namespace, IPv4 first. Throws NetlinkError. */
export function addrList(rtnl: Rtnl): Addr[] {
  return [AF_INET, AF_INET6].flatMap((family) =>
    rtnl.dump({ type: RTM_GETADDR, body: (m) => m.raw(header(family, 0, 0)) }).map(decodeAddr),
  );
}

/**
 * Adds an address, an IPv4 one with its broadcast address up to /30, an IPv6 one without asking whether anybody has it; one that is there
 * already gets the lifetime. Throws NetlinkError, ENODEV; EACCES where IPv6 is off.
 */
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
      if (isIpv4(spec.address) && spec.prefix < 31) m.bytes(IFA_BROADCAST, ipv4ToBytes(cidrLast(cidrOf(spec.address, spec.prefix))));
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
function header(family: number, index: number, prefix: number, flags = 0): Uint8Array {
  const bytes = Uint8Array.of(family, prefix, flags, 0, 0, 0, 0, 0);
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
  const family = familyOf(address);
  m.raw(header(family, index, prefix, family === AF_INET6 ? IFA_F_NODAD : 0));
  m.bytes(IFA_LOCAL, ipToBytes(address));
  m.bytes(IFA_ADDRESS, ipToBytes(address));
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
    address: ipFromBytes(local),
    prefix: payload[1] ?? 0,
    peer: ipFromBytes(peer ?? local),
    broadcast: broadcast === undefined ? undefined : ipv4FromBytes(broadcast),
    scope: payload[3] ?? 0,
    validSeconds: valid === FOR_EVER ? undefined : valid,
  };
}

function describe({ index, address, prefix }: AddrSpec): string {
  return `${address}/${prefix} on link ${index}`;
}
