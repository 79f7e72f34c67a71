import { canonicalJson } from '@weft/core/canonical-json';
import { isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Mac } from '@weft/core/mac';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { fdbAppend, fdbDelete, fdbReplace } from '@weft/netlink/fdb';
import { linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { neighDelete, neighReplace } from '@weft/netlink/neigh';
import { isAbsent, isPresent, NetlinkError } from '@weft/netlink/netlink-error';
import { routeDelete, routeReplace } from '@weft/netlink/route';
import type { Rtnl } from '@weft/netlink/rtnl';
import type { Netns } from '@weft/sys/netns';
import { sysctlRead, sysctlWrite } from '@weft/sys/sysctl';
import { announcement } from './announcement.ts';
import type { Count, CountingSet, Kernel, Losses, NftChange, Observed, SetKey } from './kernel.ts';
import type { FdbObject, KernelObject, LinkObject, NeighObject, NetnsObject, NftObject } from './kernel-object.ts';
import { endMarked, endOver, forgetConnections, forgetDenied } from './linux-forget.ts';
import { putQdisc, putRedirect, queueDropsOf, removeLimit } from './linux-limits.ts';
import { putLink } from './linux-links.ts';
import { LinkLosses } from './linux-losses.ts';
import { LinuxSockets } from './linux-sockets.ts';
import { LinuxNamespaces, requireLink } from './linux-namespaces.ts';
import { interpret, readNamespace } from './linux-observe.ts';
import type { Found } from './linux-observe.ts';
import { isTrash, linkTrash, trashDelete } from './linux-trash.ts';
import { countsOf, nftTransact } from './linux-nft.ts';
import type { Place } from './names.ts';
import type { Over } from './over.ts';
import type { FirstPacket } from './still-allowed.ts';

/** A bridge's own stack has no address of IPv6, listens to nobody and so says nothing; the last one switches it on. */
const ONLY_NEIGHBOURS = { addr_gen_mode: '1', accept_ra: '0', disable_ipv6: '0' };

/** Namespaces read between two pauses: a gateway's takes a millisecond. */
const PLACES_AT_A_TIME = 16;

/**
 * The kernel of this machine, through netlink and libnftables in process. `node` is the namespace in which it was made; the others are
 * pinned under `<runDir>/netns`. Holds two file descriptors a namespace; dispose closes them and changes nothing.
 */
export class LinuxKernel implements Kernel, Disposable {
  readonly #sha256: (text: string) => string;
  readonly #namespaces: LinuxNamespaces;
  readonly #sockets: LinuxSockets;
  /** Namespaces with links that were taken out of use, and the bridges among these by name: all of them the fabric's. */
  readonly #trash = new Set<Place>();
  readonly #trashBridges = new Set<string>();
  /** Namespaces that this process has set up: their identity, and what as. */
  readonly #setUp = new Map<Place, Readonly<{ inode: number; sysctls: NetnsObject['sysctls'] }>>();
  /** Of the fabric that was last looked at. */
  #linkLosses: LinkLosses | undefined;

  constructor(options: Readonly<{ runDir: string }>, deps: Readonly<{ sha256: (text: string) => string }>) {
    this.#sha256 = deps.sha256;
    this.#namespaces = new LinuxNamespaces({ dir: `${options.runDir}/netns` });
    this.#sockets = new LinuxSockets({ namespaces: this.#namespaces });
  }

  observe(): readonly Observed[] {
    const observing = this.observing();
    for (;;) {
      const next = observing.next();
      if (next.done === true) return next.value;
    }
  }

  *observing(): Generator<void, readonly Observed[], void> {
    const all = this.#namespaces.all();
    this.#listen(all.includes('fabric') ? this.#namespaces.open('fabric').netns : undefined);
    this.#namespaces.forgetIndexes();
    const found: Found[] = [];
    for (const place of all) {
      found.push(readNamespace(place, this.#namespaces.open(place)));
      if (found.length % PLACES_AT_A_TIME === 0) yield;
    }
    this.#trash.clear();
    this.#trashBridges.clear();
    const fabric = found.find(({ place }) => place === 'fabric');
    for (const link of fabric?.links ?? []) if (isTrash(link)) this.#trashBridges.add(link.name);
    const observed: Observed[] = [];
    let places = 0;
    for (const part of interpret(found, this.#sha256)) {
      for (const item of part) observed.push(item);
      places += 1;
      if (places % PLACES_AT_A_TIME === 0) yield;
    }
    return observed;
  }

  transact(place: Place, change: NftChange): void {
    this.#sockets.nft(place, (nft) => nftTransact(nft, change, this.#sha256));
  }

  counted(place: Place, set: CountingSet, keys: readonly SetKey[]): readonly (Count | undefined)[] | undefined {
    if (place !== 'node' && !this.#namespaces.isPinned(place)) return undefined;
    return this.#sockets.counters(place, (counters) => countsOf(counters, set, keys));
  }

  queueDrops(place: Place, links: readonly string[]): readonly (number | undefined)[] {
    if (!this.#namespaces.isPinned(place)) return links.map(() => undefined);
    return queueDropsOf(this.#namespaces.open(place).rtnl, links);
  }

  put(object: Exclude<KernelObject, NftObject>): boolean {
    if (object.kind === 'netns') return this.#putNetns(object);
    if (object.kind === 'link') return this.#putLink(object);
    const { rtnl } = this.#namespaces.open(object.place);
    const index = this.#namespaces.index(object.place, object.link);
    switch (object.kind) {
      case 'qdisc':
        putQdisc(rtnl, index, object);
        break;
      case 'redirect':
        putRedirect(rtnl, index, this.#namespaces.index(object.place, object.to));
        break;
      case 'address':
        addrReplace(rtnl, { index, address: object.address, prefix: object.prefixLength });
        break;
      case 'route':
        routeReplace(rtnl, { destination: object.destination, gateway: object.gateway, oif: index });
        break;
      case 'neigh':
        this.#putNeigh(object, index);
        break;
      case 'fdb':
        putFdb(rtnl, index, object);
        break;
    }
    return false;
  }

  remove(object: Exclude<KernelObject, NftObject>): void {
    if (object.kind === 'netns') {
      this.#trash.delete(object.place);
      this.#setUp.delete(object.place);
      this.#sockets.forget(object.place);
      this.#namespaces.delete(object.place);
      return;
    }
    if (!this.#namespaces.isPinned(object.place)) return;
    const { rtnl } = this.#namespaces.open(object.place);
    // An end goes with its pair, an entry with its link.
    const link = linkGet(rtnl, object.kind === 'link' ? object.name : object.link);
    if (link === undefined || (object.kind === 'link' && object.type === 'end')) return;
    absentIsFine(() => {
      switch (object.kind) {
        case 'link':
          this.#namespaces.forgetIndex(object.place, object.name);
          this.#noteTrash(object.place, link, linkTrash(rtnl, link));
          break;
        case 'qdisc':
        case 'redirect':
          removeLimit(rtnl, link.index, object.kind);
          break;
        case 'address':
          addrDelete(rtnl, { index: link.index, address: object.address, prefix: object.prefixLength });
          break;
        case 'route':
          routeDelete(rtnl, { destination: object.destination, gateway: object.gateway, oif: link.index });
          break;
        case 'neigh':
          neighDelete(rtnl, { index: link.index, address: object.address });
          break;
        case 'fdb':
          removeFdb(rtnl, link.index, object);
          break;
      }
    });
  }

  announce(place: Place, link: string, address: IpAddress, mac: Mac): void {
    this.#sockets.sender(place).send(this.#namespaces.index(place, link), announcement(address, mac));
  }

  forget(place: Place, zone: number, address?: IpAddress): void {
    if (place !== 'fabric' && !this.#namespaces.isPinned(place)) return;
    this.#sockets.conntrack(place, (conntrack) => forgetConnections(conntrack, zone, address));
  }

  forgetOver(place: Place, zone: number, over: Over): void {
    if (place !== 'fabric' && !this.#namespaces.isPinned(place)) return;
    this.#sockets.conntrack(place, (conntrack) => endOver(conntrack, zone, over));
  }

  forgetDenied(
    place: Place,
    addresses: ReadonlyMap<number, ReadonlySet<IpAddress>>,
    isAllowed: (zone: number, packet: FirstPacket) => boolean,
  ): void {
    if (place !== 'fabric' && !this.#namespaces.isPinned(place)) return;
    this.#sockets.conntrack(place, (conntrack) => forgetDenied(conntrack, addresses, isAllowed));
  }

  forgetMarked(place: Place, zone: number, mark: number): void {
    if (place !== 'fabric' && !this.#namespaces.isPinned(place)) return;
    this.#sockets.conntrack(place, (conntrack) => endMarked(conntrack, zone, mark));
  }

  losses(where: 'everywhere' | 'links'): Losses | undefined {
    if (this.#linkLosses === undefined && this.#namespaces.isPinned('fabric')) this.#listen(this.#namespaces.open('fabric').netns);
    const links = this.#linkLosses === undefined ? [] : this.#linkLosses.take();
    return links === undefined ? undefined : { links, places: where === 'links' ? [] : this.#namespaces.lost() };
  }

  settle(): void {
    this.#namespaces.forgetIndexes();
    this.#linkLosses?.skip();
  }

  tidy(): boolean {
    if (this.#trash.size > 0) this.#deleteTrash();
    else this.#deleteTrashBridge();
    return this.#trash.size + this.#trashBridges.size > 0;
  }

  [Symbol.dispose](): void {
    this.#sockets[Symbol.dispose]();
    this.#linkLosses?.[Symbol.dispose]();
    this.#namespaces[Symbol.dispose]();
  }

  /** Before it is looked at, so that nothing falls between. */
  #listen(fabric: Netns | undefined): void {
    if (fabric !== undefined && fabric.inode === this.#linkLosses?.inode) return this.#linkLosses.skip();
    this.#linkLosses?.[Symbol.dispose]();
    this.#linkLosses = fabric === undefined ? undefined : new LinkLosses(fabric);
  }

  /** Bridges are made without IPv6, which costs every interface something; one that has to answer neighbour solicitations gets it with its first entry. */
  #putNeigh({ place, link, address, mac }: NeighObject, index: number): void {
    const { netns, rtnl } = this.#namespaces.open(place);
    try {
      neighReplace(rtnl, { index, address, mac });
    } catch (error) {
      if (isIpv4(address) || !(error instanceof NetlinkError) || error.errno !== 'EINVAL') throw error;
      for (const [key, value] of Object.entries(ONLY_NEIGHBOURS)) sysctlWrite(netns, `net.ipv6.conf.${link}.${key}`, value);
      neighReplace(rtnl, { index, address, mac });
    }
  }

  #putLink(object: LinkObject): boolean {
    try {
      return putLink(this.#namespaces, object);
    } catch (error) {
      // A tunnel that was taken out of use holds its VNI until it is deleted.
      if (!isPresent(error) || this.#trash.size === 0) throw error;
      this.#deleteTrash();
      return putLink(this.#namespaces, object);
    }
  }

  #noteTrash(place: Place, { kind }: Link, name: string): void {
    if (kind === 'bridge') this.#trashBridges.add(name);
    else this.#trash.add(place);
  }

  #deleteTrash(): void {
    this.#namespaces.forgetIndexes();
    for (const place of this.#trash) {
      if (this.#namespaces.isPinned(place)) trashDelete(this.#namespaces.open(place).rtnl);
      this.#trash.delete(place);
    }
  }

  #deleteTrashBridge(): void {
    const [name] = this.#trashBridges;
    if (name === undefined) return;
    if (this.#namespaces.isPinned('fabric')) {
      const { rtnl } = this.#namespaces.open('fabric');
      const link = linkGet(rtnl, name);
      if (link !== undefined) absentIsFine(() => linkDelete(rtnl, link.index));
    }
    this.#trashBridges.delete(name);
  }

  #putNetns(object: NetnsObject): boolean {
    const { place } = object;
    // What a workload makes of its own namespace is its own business: it is set up once. There are thousands, so none is opened for this.
    const setUp = this.#setUp.get(place);
    const asBefore = setUp !== undefined && canonicalJson(setUp.sysctls) === canonicalJson(object.sysctls);
    if (asBefore && place.startsWith('wl-') && this.#namespaces.inode(place) === setUp.inode) return false;
    const anew = this.#namespaces.ensure(place);
    const { netns, rtnl } = this.#namespaces.open(place);
    for (const [key, value] of Object.entries(object.sysctls)) {
      if (anew || sysctlRead(netns, key).trim() !== value) sysctlWrite(netns, key, value);
    }
    if (object.loopback) linkSet(rtnl, requireLink(rtnl, place, 'lo').index, { up: true });
    this.#setUp.set(place, { inode: netns.inode, sysctls: object.sysctls });
    return anew;
  }
}

function putFdb(rtnl: Rtnl, index: number, object: FdbObject): void {
  const { mac } = object;
  switch (object.role) {
    case 'local':
      fdbReplace(rtnl, { index, mac, self: false, master: true, state: 'static' });
      break;
    case 'remote':
      fdbReplace(rtnl, { index, mac, dst: object.vtep, self: true, master: true, state: 'static' });
      break;
    case 'broadcast':
      fdbAppend(rtnl, { index, mac, dst: object.vtep, self: true, master: false, state: 'permanent' });
      break;
  }
}

function removeFdb(rtnl: Rtnl, index: number, object: FdbObject): void {
  const { mac } = object;
  switch (object.role) {
    case 'local':
      fdbDelete(rtnl, { index, mac, self: false, master: true });
      break;
    case 'remote':
      // The bridge's half may belong to another port by now, so each half is asked for by itself.
      absentIsFine(() => fdbDelete(rtnl, { index, mac, self: true, master: false }));
      absentIsFine(() => fdbDelete(rtnl, { index, mac, self: false, master: true }));
      break;
    case 'broadcast':
      fdbDelete(rtnl, { index, mac, dst: object.vtep, self: true, master: false });
      break;
  }
}

function absentIsFine(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
