/**
 * Connection tracking of one namespace, for revocation: what a rule no longer allows must stop, so its entries are deleted.
 * Source: linux/netfilter/nfnetlink_conntrack.h. A message is `struct nfgenmsg` (family u8, version u8, resource u16) and CTA_* attributes,
 * whose numbers are in network byte order (but CTA_FILTER's are not).
 *
 * A delete message may carry a filter, which makes one message of "everything of this address in this zone". **Older kernels ignore the
 * filter and delete everything.** So it is tried once, on entries of our own in a namespace of our own, and where it does not work the table
 * is read and entries are deleted one by one.
 */
import { ipFromBytes, ipToBytes, isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { NETLINK_NETFILTER } from '@weft/sys/netlink-fd';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { once } from '@weft/sys/once';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { AF_INET, AF_INET6, familyOf } from './family.ts';
import { isAbsent } from './netlink-error.ts';
import { NetlinkSocket } from './netlink-socket.ts';

const SUBSYSTEM = 1 << 8;
const CT_NEW = { code: SUBSYSTEM | 0, name: 'IPCTNL_MSG_CT_NEW' };
const CT_GET = { code: SUBSYSTEM | 1, name: 'IPCTNL_MSG_CT_GET' };
const CT_DELETE = { code: SUBSYSTEM | 2, name: 'IPCTNL_MSG_CT_DELETE' };

const AF_UNSPEC = 0;
const HEADER_BYTES = 4;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_PROTOINFO = 4;
const CTA_TIMEOUT = 7;
const CTA_MARK = 8;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL = 4;
const CTA_PROTO_ICMP_TYPE = 5;
const CTA_PROTO_ICMP_CODE = 6;
const CTA_PROTO_ICMPV6_TYPE = 8;
const CTA_PROTO_ICMPV6_CODE = 9;
const CTA_FILTER_ORIG_FLAGS = 1;
const FILTER_IP_SRC = 1;
const FILTER_IP_DST = 2;
const UDP = 17;
/** IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h). */
const DESTINATION_TRANSLATED = 1 << 5;
/** IP_CT_TCP_FLAG_BE_LIBERAL (linux/netfilter/nf_conntrack_tcp.h), which the kernel sets where it saw no SYN. */
const TCP_LIBERAL = 1 << 3;

/** Ports are undefined for protocols without. */
export type ConntrackTuple = Readonly<{
  source: IpAddress;
  destination: IpAddress;
  sourcePort: number | undefined;
  destinationPort: number | undefined;
}>;

/** A tracked connection in its original direction, as of before any translation. */
export type ConntrackEntry = ConntrackTuple &
  Readonly<{
    zone: number;
    protocol: number;
    /** Of ICMP and ICMPv6. */
    icmpType: number | undefined;
    icmpCode: number | undefined;
    /** Of the answers, before they are translated back: its source is who was led to, its destination who it is told to be from. */
    reply: ConntrackTuple;
    /** 0: none. */
    mark: number;
    /** It was led elsewhere than it was addressed to. */
    isLed: boolean;
    /** TCP that was taken up in its middle: the original direction is that of whoever was heard first, and need not have begun it. */
    isPickedUp: boolean;
  }>;

const deletesAreFiltered = once(conntrackDeletesAreFiltered);

export class Conntrack implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #filteredDeletes: boolean;

  private constructor(socket: NetlinkSocket, filteredDeletes: boolean) {
    this.#socket = socket;
    this.#filteredDeletes = filteredDeletes;
  }

  /**
   * Serves `netns`, by default this thread's namespace. `filteredDeletes` is found out, once per process; false is always safe, but slow.
   * Throws SysError, NetlinkError.
   */
  static open(netns?: Netns, options: Readonly<{ filteredDeletes?: boolean }> = {}): Conntrack {
    return new Conntrack(NetlinkSocket.open(NETLINK_NETFILTER, netns), options.filteredDeletes ?? deletesAreFiltered());
  }

  /** All entries. Throws NetlinkError. */
  list(): ConntrackEntry[] {
    return this.#dump().map(({ entry }) => entry);
  }

  /** Deletes all entries of a zone; none is success. Throws NetlinkError. */
  deleteByZone(zone: number): void {
    if (!this.#filteredDeletes) return this.deleteMatching((entry) => entry.zone === zone);
    for (const family of [AF_INET, AF_INET6]) this.#delete(family, (m) => writeZone(m, zone), `zone ${zone}`);
  }

  /** Deletes the entries of a zone whose first packet came from, or went to, that address; none is success. Throws NetlinkError. */
  deleteByAddress(zone: number, address: IpAddress): void {
    if (!this.#filteredDeletes) {
      return this.deleteMatching((entry) => entry.zone === zone && (entry.source === address || entry.destination === address));
    }
    const [source, destination] = addressAttributes(address);
    for (const [attribute, flag] of [
      [source, FILTER_IP_SRC],
      [destination, FILTER_IP_DST],
    ] as const) {
      const body = (m: MessageWriter): void => {
        writeZone(m, zone);
        m.nest(CTA_TUPLE_ORIG, (tuple) => tuple.nest(CTA_TUPLE_IP, (ip) => ip.bytes(attribute, ipToBytes(address))));
        m.nest(CTA_FILTER, (filter) => filter.u32(CTA_FILTER_ORIG_FLAGS, flag));
      };
      this.#delete(familyOf(address), body, `zone ${zone}, ${address}`);
    }
  }

  /** Deletes the entries of a zone with that mark; none is success. Reads the whole table. Throws NetlinkError. */
  deleteByMark(zone: number, mark: number): void {
    this.deleteMatching((entry) => entry.zone === zone && entry.mark === mark);
  }

  /** Gives entries another mark; none is success. Reads the whole table. Throws NetlinkError. */
  remark(matches: (entry: ConntrackEntry) => boolean, mark: number): void {
    for (const { entry, tuple } of this.#dump()) {
      if (!matches(entry)) continue;
      const body = (m: MessageWriter): void => {
        m.raw(Uint8Array.of(familyOf(entry.source), 0, 0, 0));
        writeZone(m, entry.zone);
        m.bytes(CTA_TUPLE_ORIG, tuple);
        m.u32be(CTA_MARK, mark);
      };
      try {
        this.#socket.request({ type: CT_NEW, what: `mark of ${entry.source} to ${entry.destination}`, body });
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    }
  }

  /** Adds a UDP entry, as if such a packet had passed. For trying things out. Throws NetlinkError, EEXIST. */
  addUdp(entry: ConntrackTuple & Pick<ConntrackEntry, 'zone'> & Partial<Pick<ConntrackEntry, 'mark'>>, timeoutSeconds: number): void {
    const { zone, source, destination, sourcePort = 0, destinationPort = 0, mark = 0 } = entry;
    const body = (m: MessageWriter): void => {
      m.raw(Uint8Array.of(familyOf(source), 0, 0, 0));
      writeZone(m, zone);
      writeUdpTuple(m, CTA_TUPLE_ORIG, { source, destination, sourcePort, destinationPort });
      writeUdpTuple(m, CTA_TUPLE_REPLY, {
        source: destination,
        destination: source,
        sourcePort: destinationPort,
        destinationPort: sourcePort,
      });
      m.u32be(CTA_TIMEOUT, timeoutSeconds);
      m.u32be(CTA_MARK, mark);
    };
    this.#socket.request({ type: CT_NEW, flags: NLM_F_CREATE | NLM_F_EXCL, body });
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #delete(family: number, body: (m: MessageWriter) => void, what: string): void {
    // Version 1 makes the kernel heed the family; version 0 means all families, and everything.
    const withHeader = (m: MessageWriter): void => {
      m.raw(Uint8Array.of(family, 1, 0, 0));
      body(m);
    };
    try {
      this.#socket.request({ type: CT_DELETE, what, body: withHeader });
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** Deletes exactly these entries; none is success. Reads the whole table. Throws NetlinkError. */
  deleteMatching(matches: (entry: ConntrackEntry) => boolean): void {
    for (const { entry, tuple, id } of this.#dump()) {
      if (!matches(entry)) continue;
      // With the id, since a new connection may have taken the tuple's place in the meantime.
      const body = (m: MessageWriter): void => {
        writeZone(m, entry.zone);
        m.bytes(CTA_TUPLE_ORIG, tuple);
        m.bytes(CTA_ID, id);
      };
      this.#delete(familyOf(entry.source), body, `zone ${entry.zone}, ${entry.source} to ${entry.destination}`);
    }
  }

  #dump(): Readonly<{ entry: ConntrackEntry; tuple: Uint8Array; id: Uint8Array }>[] {
    const messages = this.#socket.dump({ type: CT_GET, body: (m) => m.raw(Uint8Array.of(AF_UNSPEC, 0, 0, 0)) });
    return messages.flatMap(decodeEntry);
  }
}

/**
 * Whether this kernel heeds the filter of a delete, tried out in a namespace that goes when this returns (some 20 ms). Throws NetlinkError, SysError.
 */
export function conntrackDeletesAreFiltered(): boolean {
  using netns = netnsCreateUnpinned();
  using conntrack = Conntrack.open(netns, { filteredDeletes: true });
  const [a, b, c] = [parseIpv4('192.0.2.1'), parseIpv4('192.0.2.2'), parseIpv4('192.0.2.3')];
  const add = (zone: number, source: Ipv4, destination: Ipv4): void =>
    conntrack.addUdp({ zone, source, destination, sourcePort: 1, destinationPort: 1 }, 60);
  add(1, a, b);
  add(2, a, b);
  add(2, b, c);
  add(2, c, a);
  conntrack.deleteByZone(1);
  conntrack.deleteByAddress(2, a);
  const left = conntrack.list();
  return left.length === 1 && left[0]?.zone === 2 && left[0].source === b;
}

/** Of a tuple's source and destination. */
function addressAttributes(address: IpAddress): readonly [number, number] {
  return isIpv4(address) ? [CTA_IP_V4_SRC, CTA_IP_V4_DST] : [CTA_IP_V6_SRC, CTA_IP_V6_DST];
}

function writeZone(m: MessageWriter, zone: number): void {
  m.u16be(CTA_ZONE, zone);
}

function writeUdpTuple(
  m: MessageWriter,
  type: number,
  tuple: Readonly<Record<'sourcePort' | 'destinationPort', number>> & Readonly<Record<'source' | 'destination', IpAddress>>,
): void {
  const [source, destination] = addressAttributes(tuple.source);
  m.nest(type, () => {
    m.nest(CTA_TUPLE_IP, () => {
      m.bytes(source, ipToBytes(tuple.source));
      m.bytes(destination, ipToBytes(tuple.destination));
    });
    m.nest(CTA_TUPLE_PROTO, () => {
      m.u8(CTA_PROTO_NUM, UDP);
      m.u16be(CTA_PROTO_SRC_PORT, tuple.sourcePort);
      m.u16be(CTA_PROTO_DST_PORT, tuple.destinationPort);
    });
  });
}

/** No entry for what is neither IPv4 nor IPv6. */
function decodeEntry({ payload }: Message): Readonly<{ entry: ConntrackEntry; tuple: Uint8Array; id: Uint8Array }>[] {
  const attributes = AttributeMap.decode(payload, HEADER_BYTES);
  const tuple = attributes.bytes(CTA_TUPLE_ORIG);
  const id = attributes.bytes(CTA_ID);
  if (tuple === undefined || id === undefined) return [];
  const original = decodeTuple(AttributeMap.decode(tuple));
  const back = attributes.nested(CTA_TUPLE_REPLY);
  const answers = back === undefined ? undefined : decodeTuple(back);
  if (original === undefined || answers === undefined) return [];
  const { protocol, ...first } = original;
  const { protocol: _, ...reply } = answers;
  const proto = AttributeMap.decode(tuple).nested(CTA_TUPLE_PROTO);
  const flags = attributes.nested(CTA_PROTOINFO)?.nested(CTA_PROTOINFO_TCP)?.bytes(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL);
  const entry = {
    zone: attributes.u16be(CTA_ZONE) ?? 0,
    protocol,
    ...first,
    icmpType: proto?.u8(CTA_PROTO_ICMP_TYPE) ?? proto?.u8(CTA_PROTO_ICMPV6_TYPE),
    icmpCode: proto?.u8(CTA_PROTO_ICMP_CODE) ?? proto?.u8(CTA_PROTO_ICMPV6_CODE),
    reply,
    mark: attributes.u32be(CTA_MARK) ?? 0,
    isLed: ((attributes.u32be(CTA_STATUS) ?? 0) & DESTINATION_TRANSLATED) !== 0,
    isPickedUp: ((flags?.[0] ?? 0) & TCP_LIBERAL) !== 0,
  };
  return [{ entry, tuple, id }];
}

function decodeTuple(parts: AttributeMap): (ConntrackTuple & Readonly<{ protocol: number }>) | undefined {
  const ip = parts.nested(CTA_TUPLE_IP);
  const proto = parts.nested(CTA_TUPLE_PROTO);
  const source = ip?.atLeast(CTA_IP_V4_SRC, 4) ?? ip?.atLeast(CTA_IP_V6_SRC, 16);
  const destination = ip?.atLeast(CTA_IP_V4_DST, 4) ?? ip?.atLeast(CTA_IP_V6_DST, 16);
  if (source === undefined || destination === undefined) return undefined;
  return {
    protocol: proto?.u8(CTA_PROTO_NUM) ?? 0,
    source: ipFromBytes(source),
    destination: ipFromBytes(destination),
    sourcePort: proto?.u16be(CTA_PROTO_SRC_PORT),
    destinationPort: proto?.u16be(CTA_PROTO_DST_PORT),
  };
}
