import { readdirSync } from 'node:fs';
import type { Ipv4 } from '@weft/core/ipv4';
import { ipv4ToBytes } from '@weft/core/ipv4';
import { macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { WeftError } from '@weft/core/weft-error';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { Conntrack } from '@weft/netlink/conntrack';
import { fdbAppend, fdbDelete, fdbReplace } from '@weft/netlink/fdb';
import { linkAdd, linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { neighDelete, neighReplace } from '@weft/netlink/neigh';
import { isAbsent } from '@weft/netlink/netlink-error';
import { routeDelete, routeReplace } from '@weft/netlink/route';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsDelete, netnsEnsure, netnsIsPinned, netnsOpen, netnsSelf } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { PacketSocket } from '@weft/sys/packet-socket';
import { sysctlRead, sysctlWrite } from '@weft/sys/sysctl';
import type { Kernel, NftChange, Observed } from './kernel.ts';
import type { FdbObject, KernelObject, LinkObject, NetnsObject, NftObject } from './kernel-object.ts';
import { observeNamespace } from './linux-observe.ts';
import { parsePlace } from './names.ts';
import type { Place } from './names.ts';
import { nftTransaction } from './nft-text.ts';

const ETHERTYPE_ARP = 0x0806;

/** Devices and sockets of one namespace, opened when first needed. */
type Handles = { netns: Netns; rtnl: Rtnl };

/**
 * The kernel of this machine, through netlink and libnftables in process. `node` is the namespace in which it was made; the others are
 * pinned under `<runDir>/netns`. Holds two file descriptors a namespace; dispose closes them and changes nothing.
 */
export class LinuxKernel implements Kernel, Disposable {
  readonly #dir: string;
  readonly #sha256: (text: string) => string;
  readonly #handles = new Map<Place, Handles>();

  constructor(options: Readonly<{ runDir: string }>, deps: Readonly<{ sha256: (text: string) => string }>) {
    this.#dir = `${options.runDir}/netns`;
    this.#sha256 = deps.sha256;
    const netns = netnsSelf();
    this.#handles.set('node', { netns, rtnl: Rtnl.open(netns) });
  }

  observe(): readonly Observed[] {
    const places = new Map<Place, Handles>();
    for (const place of this.#places()) places.set(place, this.#open(place));
    return observeNamespace(places, this.#sha256);
  }

  transact(place: Place, change: NftChange): void {
    using nft = NftContext.open(this.#open(place).netns);
    nft.run(nftTransaction(change, this.#sha256));
  }

  put(object: Exclude<KernelObject, NftObject>): boolean {
    switch (object.kind) {
      case 'netns':
        return this.#putNetns(object);
      case 'link':
        return this.#putLink(object);
      case 'address': {
        const { rtnl } = this.#open(object.place);
        addrReplace(rtnl, { index: this.#index(rtnl, object), address: object.address, prefix: object.prefixLength });
        return false;
      }
      case 'route': {
        const { rtnl } = this.#open(object.place);
        routeReplace(rtnl, { destination: undefined, gateway: object.gateway, oif: this.#index(rtnl, object) });
        return false;
      }
      case 'neigh': {
        const { rtnl } = this.#open(object.place);
        neighReplace(rtnl, { index: this.#index(rtnl, object), address: object.address, mac: object.mac });
        return false;
      }
      case 'fdb':
        this.#putFdb(object);
        return false;
    }
  }

  remove(object: Exclude<KernelObject, NftObject>): void {
    if (object.kind === 'netns') {
      this.#close(object.place);
      netnsDelete(`${this.#dir}/${object.place}`);
      return;
    }
    if (object.place !== 'node' && !netnsIsPinned(`${this.#dir}/${object.place}`)) return;
    const { rtnl } = this.#open(object.place);
    // An end goes with its pair, an entry with its link.
    const link = linkGet(rtnl, object.kind === 'link' ? object.name : object.link);
    if (link === undefined || (object.kind === 'link' && object.type === 'end')) return;
    absentIsFine(() => {
      switch (object.kind) {
        case 'link':
          linkDelete(rtnl, link.index);
          break;
        case 'address':
          addrDelete(rtnl, { index: link.index, address: object.address, prefix: object.prefixLength });
          break;
        case 'route':
          routeDelete(rtnl, { destination: undefined, gateway: object.gateway, oif: link.index });
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

  announce(place: Place, link: string, address: Ipv4, mac: Mac): void {
    using socket = PacketSocket.open({ netns: this.#open(place).netns, ifname: link, protocol: ETHERTYPE_ARP });
    socket.send(gratuitousArp(address, mac));
  }

  forget(zone: number, address?: Ipv4): void {
    using conntrack = Conntrack.open(this.#open('fabric').netns);
    if (address === undefined) conntrack.deleteByZone(zone);
    else conntrack.deleteByAddress(zone, address);
  }

  settle(): void {
    // Links are deleted one by one so far; nothing is put off.
  }

  [Symbol.dispose](): void {
    for (const place of this.#handles.keys()) this.#close(place);
  }

  #places(): Place[] {
    let names: string[] = [];
    try {
      names = readdirSync(this.#dir);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const places = names.flatMap((name) => parsePlace(name) ?? []).filter((place) => netnsIsPinned(`${this.#dir}/${place}`));
    return ['node', ...places];
  }

  #open(place: Place): Handles {
    const known = this.#handles.get(place);
    if (known !== undefined) return known;
    const netns = netnsOpen(`${this.#dir}/${place}`);
    const handles = { netns, rtnl: Rtnl.open(netns) };
    this.#handles.set(place, handles);
    return handles;
  }

  #close(place: Place): void {
    const handles = this.#handles.get(place);
    handles?.rtnl[Symbol.dispose]();
    handles?.netns[Symbol.dispose]();
    this.#handles.delete(place);
  }

  #index(rtnl: Rtnl, object: Readonly<{ place: Place; link: string }>): number {
    return requireLink(rtnl, object.place, object.link).index;
  }

  #putNetns(object: NetnsObject): boolean {
    const path = `${this.#dir}/${object.place}`;
    const anew = !netnsIsPinned(path);
    if (anew) this.#close(object.place);
    netnsEnsure(path)[Symbol.dispose]();
    const { netns, rtnl } = this.#open(object.place);
    for (const [key, value] of Object.entries(object.sysctls)) if (sysctlRead(netns, key).trim() !== value) sysctlWrite(netns, key, value);
    if (object.loopback) linkSet(rtnl, requireLink(rtnl, object.place, 'lo').index, { up: true });
    return anew;
  }

  /** Makes the link, or changes what can be changed; one of another kind, or with another tunnel or pair, is made anew. */
  #putLink(object: LinkObject): boolean {
    const { rtnl } = this.#open(object.place);
    const link = linkGet(rtnl, object.name);
    if (object.type === 'end') {
      linkSet(rtnl, requireLink(rtnl, object.place, object.name).index, { mac: object.mac, mtu: object.mtu, up: true });
      return false;
    }
    if (link !== undefined && this.#fits(object, link)) {
      this.#changeLink(object, link);
      return false;
    }
    if (link !== undefined) linkDelete(rtnl, link.index);
    this.#makeLink(object);
    return true;
  }

  #fits(object: Exclude<LinkObject, { type: 'end' }>, link: Link): boolean {
    if (link.kind !== object.type) return false;
    if (object.type === 'vxlan') {
      return link.vxlan?.vni === object.vni && link.vxlan.local === object.local && link.vxlan.port === object.port && !link.vxlan.learning;
    }
    if (object.type !== 'veth') return true;
    const end = linkGet(this.#open(object.end.place).rtnl, object.end.name);
    return end?.parent === link.index && link.parent === end.index;
  }

  #makeLink(object: Exclude<LinkObject, { type: 'end' }>): void {
    const { netns, rtnl } = this.#open(object.place);
    const node = this.#open('node').rtnl;
    const { name, alias } = object;
    switch (object.type) {
      case 'bridge':
        linkAdd(rtnl, { kind: 'bridge', name, mac: object.mac, mtu: object.mtu, bridge: BRIDGE, up: true, alias });
        break;
      case 'vxlan':
        // From the node's namespace into the fabric: its outer packets stay on the node's underlay (datapath.md §2).
        linkAdd(node, {
          kind: 'vxlan',
          name,
          alias,
          netns,
          mtu: object.mtu,
          vxlan: { vni: object.vni, local: object.local, port: object.port, learning: false, ttl: 64 },
        });
        this.#changeLink(object, requireLink(rtnl, object.place, name));
        break;
      case 'veth': {
        const end = this.#open(object.end.place);
        const stale = linkGet(end.rtnl, object.end.name);
        if (stale !== undefined) linkDelete(end.rtnl, stale.index);
        linkAdd(rtnl, { kind: 'veth', name, alias, mtu: object.mtu, peer: { name: object.end.name, netns: end.netns, mtu: object.mtu } });
        this.#changeLink(object, requireLink(rtnl, object.place, name));
        break;
      }
      case 'macvlan':
        linkAdd(node, {
          kind: 'macvlan',
          name,
          alias,
          netns,
          mac: object.mac,
          parent: requireLink(node, 'node', object.parent).index,
          mode: 'bridge',
          up: true,
        });
        linkSet(node, requireLink(node, 'node', object.parent).index, { up: true });
        break;
    }
  }

  #changeLink(object: Exclude<LinkObject, { type: 'end' }>, link: Link): void {
    const { rtnl } = this.#open(object.place);
    switch (object.type) {
      case 'bridge':
        linkSet(rtnl, link.index, { mtu: object.mtu, mac: object.mac, alias: object.alias, bridge: BRIDGE, up: true });
        break;
      case 'vxlan':
      case 'veth': {
        const master = requireLink(rtnl, object.place, object.master).index;
        if (link.mtu !== object.mtu || link.alias !== object.alias) linkSet(rtnl, link.index, { mtu: object.mtu, alias: object.alias });
        if (link.master !== master) linkSet(rtnl, link.index, { master });
        // Never learning, never flooding unknown unicast: entries are written.
        linkSet(rtnl, link.index, { bridgePort: { learning: false, flood: false, mcastFlood: false, ...object.flags }, up: true });
        break;
      }
      case 'macvlan':
        linkSet(rtnl, link.index, { mac: object.mac, alias: object.alias, up: true });
        break;
    }
  }

  #putFdb(object: FdbObject): void {
    const { rtnl } = this.#open(object.place);
    const index = this.#index(rtnl, object);
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
}

/** Security groups are asked for every packet that a bridge forwards, whatever the namespace's sysctls say. */
const BRIDGE = { stp: 0, mcastSnooping: 0, nfCallIptables: 1, nfCallIp6tables: 1, nfCallArptables: 0 };

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

function requireLink(rtnl: Rtnl, place: Place, name: string): Link {
  const link = linkGet(rtnl, name);
  if (link === undefined) throw new WeftError('link_absent', `there is no interface ${name} in namespace ${place}`, { retryable: true });
  return link;
}

function absentIsFine(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** A request for one's own address, as RFC 5227 §3 announces it. */
function gratuitousArp(address: Ipv4, mac: Mac): Uint8Array {
  const sender = macToBytes(mac);
  const ip = ipv4ToBytes(address);
  const header = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1);
  return Uint8Array.of(...new Uint8Array(6).fill(0xff), ...sender, 0x08, 0x06, ...header, ...sender, ...ip, ...new Uint8Array(6), ...ip);
}
