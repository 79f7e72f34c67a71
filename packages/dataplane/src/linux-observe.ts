import type { Ipv4 } from '@weft/core/ipv4';
import { isMulticastMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { addrList } from '@weft/netlink/addr';
import type { Addr } from '@weft/netlink/addr';
import { fdbList } from '@weft/netlink/fdb';
import type { FdbEntry } from '@weft/netlink/fdb';
import { linkList } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { NEIGH_PERMANENT, neighList } from '@weft/netlink/neigh';
import type { Neigh } from '@weft/netlink/neigh';
import { ROUTE_PROTOCOL_WEFT, routeList } from '@weft/netlink/route';
import type { Route } from '@weft/netlink/route';
import type { Netns } from '@weft/sys/netns';
import { NftContext, NftError } from '@weft/sys/nft';
import type { Observed } from './kernel.ts';
import type { FdbObject, KernelObject, LinkObject, NftFamily } from './kernel-object.ts';
import { objectContent, objectKey } from './kernel-object.ts';
import { interpretLimits, readLimits } from './linux-limits.ts';
import type { FoundLimits } from './linux-limits.ts';
import type { NamespaceHandles } from './linux-namespaces.ts';
import { isTrash, trashDelete } from './linux-trash.ts';
import { isOurLink, METADATA_PLACE, WORKLOAD_LINK } from './names.ts';
import type { Place } from './names.ts';
import { NFT_TABLE } from './nft-text.ts';
import { parseNftTable } from './nft-observed.ts';
import { EVERY_OTHER_MAC } from './ruleset/fabric-ipv6.ts';

type Sha256 = (text: string) => string;

/** Ends a content that matches no desired one: something that the object does not show was changed by somebody. */
const DRIFTED = ' drifted';

/** What the kernel says about one namespace: links, our tables, and what hangs on the links. */
export type Found = Readonly<{
  place: Place;
  links: readonly Link[];
  tables: readonly Readonly<{ family: NftFamily; listing: unknown }>[];
  neighs: readonly Neigh[];
  fdb: readonly FdbEntry[];
  limits: FoundLimits;
  addrs: readonly Addr[];
  routes: readonly Route[];
}>;

/**
 * Reads what may be ours in a namespace. What was taken out of use there, bridges apart, is deleted first: a tunnel on its way out still holds its VNI, a pair
 * its inner name; so the fabric is to be read before those that its links reach into. Throws what netlink and nft throw.
 */
export function readNamespace(place: Place, { netns, rtnl }: NamespaceHandles): Found {
  let links = linkList(rtnl);
  if (place !== 'node' && links.some((link) => isTrash(link) && link.kind !== 'bridge')) {
    trashDelete(rtnl);
    links = linkList(rtnl);
  }
  const tables = readTables(familiesOf(place), netns);
  const nothing = { place, links, tables, neighs: [], fdb: [], limits: NO_LIMITS, addrs: [], routes: [] };
  if (place === 'node') return nothing;
  // A workload may queue as it likes.
  const limits = place.startsWith('wl-') ? NO_LIMITS : readLimits(rtnl, namesByIndex(links));
  if (place === 'fabric') return { ...nothing, limits, neighs: neighList(rtnl), fdb: fdbList(rtnl) };
  const neighs = place === METADATA_PLACE ? neighList(rtnl) : [];
  return { ...nothing, limits, neighs, addrs: addrList(rtnl), routes: routeList(rtnl) };
}

const NO_LIMITS: FoundLimits = { qdiscs: [], redirects: [] };

/** Everything of ours in what was found, in the form in which it would be desired, one namespace after the other. Pure. */
export function* interpret(found: readonly Found[], sha256: Sha256): Generator<Observed[], void, void> {
  const links = new Map(found.map((namespace) => [namespace.place, namesByIndex(namespace.links)]));
  const ends = endsByPair(found);
  for (const namespace of found) {
    const observed: Observed[] = [];
    const see = (object: KernelObject, asDesired = true): void => {
      observed.push({ key: objectKey(object), content: objectContent(object, sha256) + (asDesired ? '' : DRIFTED), object });
    };
    const { place } = namespace;
    for (const { family, listing } of namespace.tables) observed.push(...parseNftTable(place, family, listing, sha256));
    if (place !== 'node') {
      // What a namespace's sysctls are is checked whenever it is put; that it is there is enough here.
      see({ kind: 'netns', place, loopback: false, sysctls: {} }, false);
      for (const link of namespace.links) observeLink(place, link, { links, ends }, see);
      const names = links.get(place) ?? new Map<number, string>();
      interpretLimits(place, namespace.limits, names, see);
      observeEntries(namespace, names, see);
      observeAddresses(namespace, names, see);
    }
    yield observed;
  }
}

function namesByIndex(links: readonly Link[]): ReadonlyMap<number, string> {
  return new Map(links.map((link) => [link.index, link.name]));
}

function familiesOf(place: Place): readonly NftFamily[] {
  if (place === 'node') return ['inet'];
  if (place === 'fabric') return ['bridge', 'inet'];
  if (place === METADATA_PLACE) return ['ip'];
  return place.startsWith('gw-') ? ['ip', 'ip6'] : [];
}

function readTables(families: readonly NftFamily[], netns: Netns): { family: NftFamily; listing: unknown }[] {
  if (families.length === 0) return [];
  using nft = NftContext.open(netns);
  return families.flatMap((family) => readTable(nft, family));
}

/** None if we have no table there. */
function readTable(nft: NftContext, family: NftFamily): { family: NftFamily; listing: unknown }[] {
  try {
    return [{ family, listing: nft.json(`list table ${family} ${NFT_TABLE}`) }];
  } catch (error) {
    if (error instanceof NftError && /No such file or directory/.test(error.message + JSON.stringify(error.details))) return [];
    throw error;
  }
}

type End = Readonly<{ place: Place; name: string }>;

/**
 * The ends of pairs outside the fabric, by both interface numbers: those of different namespaces repeat, so both sides must agree.
 */
function endsByPair(found: readonly Found[]): ReadonlyMap<string, End> {
  return new Map(
    found
      .filter(({ place }) => place !== 'node' && place !== 'fabric')
      .flatMap(({ place, links }) =>
        links.flatMap((link): [string, End][] =>
          link.kind === 'veth' ? [[`${link.parent} ${link.index}`, { place, name: link.name }]] : [],
        ),
      ),
  );
}

function observeLink(
  place: Place,
  link: Link,
  all: Readonly<{ links: ReadonlyMap<Place, ReadonlyMap<number, string>>; ends: ReadonlyMap<string, End> }>,
  see: (object: LinkObject, asDesired: boolean) => void,
): void {
  const isEnd =
    (place.startsWith('wl-') && link.name === WORKLOAD_LINK) ||
    ((place.startsWith('gw-') || place === METADATA_PLACE) && link.name.startsWith('seg'));
  if (link.mac === undefined || !(isEnd || isOurLink(link.name))) return;
  const base = { kind: 'link', place, name: link.name } as const;
  const { alias = '', mac, mtu } = link;
  if (isEnd) {
    see({ ...base, type: 'end', mac, mtu }, link.up);
    return;
  }
  const nameIn = (where: Place, index: number | undefined): string =>
    (index === undefined ? undefined : all.links.get(where)?.get(index)) ?? '';
  const port = link.bridgePort;
  const flags = { neighSuppress: port?.neighSuppress ?? false, bcastFlood: port?.bcastFlood ?? false, hairpin: port?.hairpin ?? false };
  const portFits = link.up && port?.learning === false && !port.flood && port.mcastFlood;
  switch (link.kind) {
    case 'bridge': {
      const bridge = link.bridge;
      const fits =
        bridge?.stp === 0 &&
        bridge.mcastSnooping === 0 &&
        bridge.nfCallIptables === 1 &&
        bridge.nfCallIp6tables === 1 &&
        bridge.nfCallArptables === 0;
      see({ ...base, type: 'bridge', alias, mac, mtu }, link.up && fits);
      break;
    }
    case 'vxlan': {
      const { vni = 0, local, port: udp = 0, learning = true } = link.vxlan ?? {};
      const tunnel = { ...base, type: 'vxlan', alias, mtu, master: nameIn(place, link.master), vni, local, port: udp, flags };
      see(tunnel as LinkObject, portFits && !learning);
      break;
    }
    case 'veth':
      see(
        {
          ...base,
          type: 'veth',
          alias,
          mtu,
          master: nameIn(place, link.master),
          end: all.ends.get(`${link.index} ${link.parent}`) ?? NO_END,
          flags,
        },
        portFits,
      );
      break;
    case 'macvlan':
      see({ ...base, type: 'macvlan', alias, mac, parent: nameIn('node', link.parent) }, link.up);
      break;
    case 'ifb':
      see({ ...base, type: 'ifb', alias }, link.up);
      break;
    case undefined:
    default:
      // Our name, but no kind that we make: replaced by whoever desires the name, or removed.
      see({ ...base, type: 'end', mac, mtu }, false);
  }
}

const NO_END: End = { place: 'node', name: '' };

function observeEntries(
  { place, neighs, fdb }: Found,
  names: ReadonlyMap<number, string>,
  see: (object: KernelObject, asDesired?: boolean) => void,
): void {
  for (const neigh of neighs) {
    const link = names.get(neigh.index);
    if (link === undefined || !link.startsWith(place === METADATA_PLACE ? 'seg' : 'wb') || neigh.mac === undefined) continue;
    if ((neigh.state & NEIGH_PERMANENT) !== 0) see({ kind: 'neigh', place, link, address: neigh.address, mac: neigh.mac });
  }
  // A remote address has two entries: the tunnel's own (`self`, with the VTEP) and the bridge's (on the tunnel port).
  const onBridge = new Set<string>();
  const remotes: { link: string; mac: Mac; vtep: Ipv4 }[] = [];
  for (const entry of fdb) {
    const link = names.get(entry.index);
    if (link === undefined || !isOurLink(link) || entry.state === 'dynamic') continue;
    if (link.startsWith('wx')) collectTunnelEntry(link, entry, onBridge, remotes, see);
    else if (!entry.self && entry.state === 'static') see({ kind: 'fdb', place: 'fabric', link, mac: entry.mac, role: 'local' });
  }
  for (const { link, mac, vtep } of remotes)
    see({ kind: 'fdb', place: 'fabric', link, mac, role: 'remote', vtep }, onBridge.delete(`${link} ${mac}`));
  for (const half of onBridge) {
    const [link = '', mac] = half.split(' ');
    see({ kind: 'fdb', place: 'fabric', link, mac: mac as Mac, role: 'remote', vtep: '0.0.0.0' as Ipv4 }, false);
  }
}

function collectTunnelEntry(
  link: string,
  entry: FdbEntry,
  onBridge: Set<string>,
  remotes: { link: string; mac: Mac; vtep: Ipv4 }[],
  see: (object: FdbObject) => void,
): void {
  if (entry.self && entry.dst !== undefined) {
    if (isMulticastMac(entry.mac) || entry.mac === EVERY_OTHER_MAC)
      see({ kind: 'fdb', place: 'fabric', link, mac: entry.mac, role: 'broadcast', vtep: entry.dst });
    else remotes.push({ link, mac: entry.mac, vtep: entry.dst });
  } else if (!entry.self && entry.state === 'static') onBridge.add(`${link} ${entry.mac}`);
}

function observeAddresses({ place, addrs, routes }: Found, names: ReadonlyMap<number, string>, see: (object: KernelObject) => void): void {
  for (const { index, address, prefix } of addrs) {
    const link = names.get(index);
    if (link !== undefined && link !== 'lo') see({ kind: 'address', place, link, address, prefixLength: prefix });
  }
  for (const route of routes) {
    const link = route.oif === undefined ? undefined : names.get(route.oif);
    if (route.protocol !== ROUTE_PROTOCOL_WEFT || link === undefined) continue;
    see({
      kind: 'route',
      place,
      link,
      ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
      ...(route.destination === undefined ? {} : { destination: route.destination }),
    });
  }
}
