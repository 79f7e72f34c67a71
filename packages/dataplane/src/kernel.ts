import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { KernelObject, NftFamily, NftObject, ObjectContent } from './kernel-object.ts';
import type { Place } from './names.ts';
import type { Over } from './over.ts';
import type { FirstPacket } from './still-allowed.ts';

/** One thing found in the kernel: `object` holds as much as is needed to remove it. */
export type Observed = Readonly<{ key: string; content: ObjectContent; object: KernelObject }>;

export type NftChange = Readonly<{
  /** Removed first. An element that changes is removed and added. */
  remove: readonly NftObject[];
  /** Sets and chains before elements. A table replaces whatever stood there. */
  put: readonly NftObject[];
}>;

/**
 * The kernel as the reconciler sees it. The real one is netlink and nftables; the fake one in the lab passes the same contract tests and
 * can be told to fail. Every call is synchronous and idempotent; errors are thrown as NetlinkError, NftError or SysError.
 */
export interface Kernel {
  /** Everything of ours, in every namespace of ours, and our table in the node's. Nothing of anybody else. */
  observe(): readonly Observed[];
  /** The same in parts: it may be put aside wherever it yields, as long as nothing of ours is changed meanwhile. */
  observing(): Generator<void, readonly Observed[], void>;
  /** One transaction: all of it, or nothing. What is to be removed must be there. */
  transact(place: Place, change: NftChange): void;
  /**
   * What elements of a counting set have counted, in the order of the keys; undefined for one that is not there, and altogether where the
   * namespace is not. Costs some microseconds a key. A new table in the place of an old one goes on counting where that stopped.
   */
  counted(place: Place, set: CountingSet, keys: readonly SetKey[]): readonly (Count | undefined)[] | undefined;
  /**
   * How many packets the queues at these links have dropped since they were made, in the order of the names; undefined where there is none.
   * Reads all queues of the namespace.
   */
  queueDrops(place: Place, links: readonly string[]): readonly (number | undefined)[];
  /** Makes a non-nft object, or changes it to be as given. True: it was made anew, so whatever referred to an older one is gone. */
  put(object: Exclude<KernelObject, NftObject>): boolean;
  /** Removes it; absent is success. */
  remove(object: Exclude<KernelObject, NftObject>): void;
  /** Tells a segment's ports on this node that an address has this MAC now: a gratuitous ARP, or an unasked neighbour advertisement, out of `link`. */
  announce(place: Place, link: string, address: IpAddress, mac: Mac): void;
  /**
   * Ends what connection tracking holds in a zone: altogether, or of one address. Nothing is success, and so is a gateway's namespace that is
   * not there.
   */
  forget(place: Place, zone: number, address?: IpAddress): void;
  /** Ends exactly the connections of a zone that are over, also where their workload goes on talking. Nothing is success, and so is a namespace that is not there. */
  forgetOver(place: Place, zone: number, over: Over): void;
  /**
   * Ends, of the connections in these zones from or to these addresses (0.0.0.0: any), those that `isAllowed` does not answer for, and no others. Nothing is
   * success. It reads the namespace's whole table once, however many addresses are asked about.
   */
  forgetDenied(
    place: Place,
    addresses: ReadonlyMap<number, ReadonlySet<IpAddress>>,
    isAllowed: (zone: number, packet: FirstPacket) => boolean,
  ): void;
  /** Ends the connections that a NAT rule marked in a zone, and no others, also where their workload goes on talking. Nothing is success, and so is a namespace that is not there. */
  forgetMarked(place: Place, zone: number, mark: number): void;
  /**
   * What somebody else took away since the last look, as far as it is cheap to tell: links of the fabric by name, and the places whose
   * namespaces are not those that were pinned there. Undefined if that cannot be told. Costs in proportion to what changed, and `everywhere` a
   * `stat` a gateway; `links` tells no places. What was told is not told again, but for places.
   */
  losses(where: 'everywhere' | 'links'): Losses | undefined;
  /** What happened up to now was our own doing, and not for {@link losses} to tell. */
  settle(): void;
  /**
   * Does a little of what was put off: links taken out of use are deleted, all but bridges together, bridges one a call. True: there is more.
   * Up to some 20 ms, in which nobody can change a link of this machine; so it is called beside what somebody waits for, with pauses.
   */
  tidy(): boolean;
}

/** A set whose elements the rules add and count. */
export type CountingSet = Readonly<{ family: NftFamily; name: string }>;
/** An element's key as the kernel has it: names of interfaces, MACs, addresses; marks are numbers. */
export type SetKey = readonly (Readonly<{ link: string }> | Readonly<{ mac: Mac }> | Readonly<{ address: IpAddress }> | number)[];
export type Count = Readonly<{ packets: number; bytes: number }>;
export type Service = Readonly<{ protocol: 'tcp' | 'udp'; port: number }>;
export type Losses = Readonly<{ links: readonly string[]; places: readonly Place[] }>;

/** Where a node's tunnels end, and the interface with that address: tunnel packets are admitted only there. */
export type Underlay = Readonly<{ vtep: Ipv4; underlayInterface: string }>;

/** What a dataplane is told about its node. */
export type NodeFacts = Underlay &
  Readonly<{
    vxlanPort: number;
    /** Of tenant packets, at most. */
    mtu: number;
    /** On network nodes: the parent of gateways' uplinks. It needs no address. */
    uplinkInterface: string | undefined;
    connectionsPerPort: number;
  }>;
