import type { IpAddress, IpCidr } from '@weft/core/ip';
import { isIpv6 } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { Vni } from '@weft/core/vni';
import { canonicalJson } from '@weft/core/canonical-json';
import type { Place } from './names.ts';

/**
 * Everything that Weft makes in a kernel, as data. A node's desired kernel is a set of these, computed from its plan; the observed kernel
 * is a set of these, read back; the difference is what there is to do. An object names others by name, never by index.
 */
export type KernelObject =
  NetnsObject | NftObject | LinkObject | QdiscObject | RedirectObject | AddressObject | RouteObject | NeighObject | FdbObject;

export type NetnsObject = Readonly<{
  kind: 'netns';
  place: Place;
  /** Switch `lo` on. A fabric has none: its own IP stack hears nothing. */
  loopback: boolean;
  sysctls: Readonly<Record<string, string>>;
}>;

export type NftFamily = 'ip' | 'ip6' | 'inet' | 'bridge';

/** A table `weft` with what is always in it. Replacing it takes its dynamic objects along: they are added again in the same transaction. */
export type TableObject = Readonly<{
  kind: 'table';
  place: Place;
  family: NftFamily;
  /** Counters, sets and maps, one declaration each. */
  declarations: readonly string[];
  chains: readonly Readonly<{ name: string; hook: string | undefined; rules: readonly string[] }>[];
}>;

/** A set beside those of the table. */
export type SetObject = Readonly<{ kind: 'set'; place: Place; family: NftFamily; name: string; type: string }>;

/** A chain beside those of the table. Its last rule carries a digest of all as its comment, by which it is recognised unchanged. */
export type ChainObject = Readonly<{ kind: 'chain'; place: Place; family: NftFamily; name: string; rules: readonly string[] }>;

/** An element of a set, or with `value` of a map: `{ key: ['wp0123', '02:…'] }`, `{ key: ['wp0123'], value: 'goto from_workload' }`. */
export type ElementObject = Readonly<{
  kind: 'element';
  place: Place;
  family: NftFamily;
  set: string;
  key: readonly string[];
  value: string | undefined;
}>;

export type NftObject = TableObject | SetObject | ChainObject | ElementObject;

export type BridgePortFlags = Readonly<{ neighSuppress: boolean; bcastFlood: boolean; hairpin: boolean }>;

export type LinkObject = Readonly<{ kind: 'link'; place: Place; name: string }> &
  (
    | Readonly<{ type: 'bridge'; alias: string; mac: Mac; mtu: number }>
    | Readonly<{ type: 'vxlan'; alias: string; mtu: number; master: string; vni: Vni; local: Ipv4; port: number; flags: BridgePortFlags }>
    | Readonly<{
        type: 'veth';
        alias: string;
        mtu: number;
        master: string;
        end: Readonly<{ place: Place; name: string }>;
        flags: BridgePortFlags;
      }>
    /** The other end of a veth: made with it, configured by itself. */
    | Readonly<{ type: 'end'; mac: Mac; mtu: number }>
    | Readonly<{ type: 'macvlan'; alias: string; mac: Mac; parent: string }>
    /** What is sent out of it arrives by the interface from which it was redirected. */
    | Readonly<{ type: 'ifb'; alias: string }>
  );

/** The kernel does not show a burst exactly; in steps of this it does, up to 100 Gbit/s. */
export const BURST_UNIT_BYTES = 4096;

/** A token bucket (tc-tbf) at the root of a link: what leaves by it waits for its turn. The burst is a multiple of {@link BURST_UNIT_BYTES}. */
export type QdiscObject = Readonly<{
  kind: 'qdisc';
  place: Place;
  link: string;
  bytesPerSecond: number;
  burstBytes: number;
  limitBytes: number;
}>;

/** All that arrives by `link` is sent out of `to`, an ifb. */
export type RedirectObject = Readonly<{ kind: 'redirect'; place: Place; link: string; to: string }>;

export type AddressObject = Readonly<{ kind: 'address'; place: Place; link: string; address: IpAddress; prefixLength: number }>;

/** Without a destination: the default route of the gateway's family. Without a gateway: what is on the link. */
export type RouteObject = Readonly<{ kind: 'route'; place: Place; link: string }> &
  (Readonly<{ gateway: IpAddress; destination?: IpCidr | undefined }> | Readonly<{ gateway?: undefined; destination: IpCidr }>);

/** An address of a segment, for the suppression of ARP and neighbour discovery; permanent, on the bridge. */
export type NeighObject = Readonly<{ kind: 'neigh'; place: Place; link: string; address: IpAddress; mac: Mac }>;

/**
 * `local`: the MAC is behind this port. `remote`: it is behind `vtep` (one entry in the tunnel's table, one in the bridge's).
 * `broadcast`: one more VTEP that frames to a group of stations go to.
 */
export type FdbObject = Readonly<{ kind: 'fdb'; place: Place; link: string; mac: Mac }> &
  (Readonly<{ role: 'local' }> | Readonly<{ role: 'remote' | 'broadcast'; vtep: Ipv4 }>);

/** What an object is, whatever its content: two objects with the same key cannot exist at once. */
export function objectKey(object: KernelObject): string {
  switch (object.kind) {
    case 'netns':
      return `netns ${object.place}`;
    case 'table':
      return `table ${object.place} ${object.family}`;
    case 'set':
    case 'chain':
      return `${object.kind} ${object.place} ${object.family} ${object.name}`;
    case 'element':
      return `element ${object.place} ${object.family} ${object.set} ${object.key.join(' . ')}`;
    case 'link':
      return `link ${object.place} ${object.name}`;
    case 'qdisc':
    case 'redirect':
      return `${object.kind} ${object.place} ${object.link}`;
    case 'address':
      return `address ${object.place} ${object.link} ${object.address}/${object.prefixLength}`;
    case 'route':
      return `route ${object.place} ${object.destination ?? (object.gateway !== undefined && isIpv6(object.gateway) ? '::/0' : 'default')}`;
    case 'neigh':
      return `neigh ${object.place} ${object.link} ${object.address}`;
    case 'fdb':
      return `fdb ${object.place} ${object.link} ${object.mac}${object.role === 'broadcast' ? ` ${object.vtep}` : ''}`;
  }
}

/**
 * What is compared of two objects with one key: equal content, equal text. It is written for a node's every object at every full look, so it
 * is no more than what the key does not say. For tables and chains it is a digest, which is also what the kernel can show.
 */
export type ObjectContent = string;

export function objectContent(object: KernelObject, sha256: (text: string) => string): ObjectContent {
  switch (object.kind) {
    case 'table':
      return tableContent(
        tableDigest(object, sha256),
        object.chains.map((chain) => [chain.name, chain.rules.length]),
      );
    case 'chain':
      return chainContent(chainDigest(object.rules, sha256), object.rules.length);
    case 'netns':
      return `${object.loopback} ${canonicalJson(object.sysctls)}`;
    case 'set':
      return object.type;
    case 'element':
      return object.value ?? '';
    case 'link':
      return linkContent(object);
    case 'qdisc':
      return `tbf ${object.bytesPerSecond} ${object.burstBytes} ${object.limitBytes}`;
    case 'redirect':
      return object.to;
    case 'address':
      return '';
    case 'route':
      return `${object.link} ${object.gateway ?? 'link'}`;
    case 'neigh':
      return object.mac;
    case 'fdb':
      return object.role === 'local' ? object.role : `${object.role} ${object.vtep}`;
  }
}

function linkContent(object: LinkObject): ObjectContent {
  switch (object.type) {
    case 'bridge':
      return `bridge ${object.mac} ${object.mtu} ${object.alias}`;
    case 'vxlan':
      return `vxlan ${object.vni} ${object.local} ${object.port} ${object.mtu} ${object.master} ${flagsText(object.flags)} ${object.alias}`;
    case 'veth':
      return `veth ${object.end.place} ${object.end.name} ${object.mtu} ${object.master} ${flagsText(object.flags)} ${object.alias}`;
    case 'end':
      return `end ${object.mac} ${object.mtu}`;
    case 'macvlan':
      return `macvlan ${object.mac} ${object.parent} ${object.alias}`;
    case 'ifb':
      return `ifb ${object.alias}`;
  }
}

const flagsText = ({ neighSuppress, bcastFlood, hairpin }: BridgePortFlags): string => `${neighSuppress} ${bcastFlood} ${hairpin}`;

/** Digests are 16 hex digits: against accident, not against an attacker who is root on the node. */
export function tableDigest(object: TableObject, sha256: (text: string) => string): string {
  return sha256(canonicalJson([object.declarations, object.chains])).slice(0, 16);
}

export function chainDigest(rules: readonly string[], sha256: (text: string) => string): string {
  return sha256(rules.join('\n')).slice(0, 16);
}

export function tableContent(digest: string, ruleCounts: readonly (readonly [string, number])[]): ObjectContent {
  const counts = ruleCounts.map(([name, count]) => `${name}:${count}`).toSorted();
  return `${digest} ${counts.join(' ')}`;
}

export function chainContent(digest: string, ruleCount: number): ObjectContent {
  return `${digest} ${ruleCount}`;
}

export function isNft(object: KernelObject): object is NftObject {
  return object.kind === 'table' || object.kind === 'set' || object.kind === 'chain' || object.kind === 'element';
}

/** Objects are made in this order and removed in the reverse one; nft objects of a place are one transaction, before all links. */
export function objectRank(object: KernelObject): number {
  switch (object.kind) {
    case 'netns':
      return 0;
    case 'table':
    case 'set':
    case 'chain':
    case 'element':
      return 1;
    case 'link':
      return object.type === 'bridge' ? 2 : object.type === 'end' ? 4 : 3;
    case 'qdisc':
      return 5;
    case 'redirect':
      return 6;
    case 'fdb':
    case 'neigh':
    case 'address':
      return 7;
    case 'route':
      return 8;
  }
}
