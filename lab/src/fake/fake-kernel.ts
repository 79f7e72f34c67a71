import { ipCidrContains, ipCidrOf } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { canonicalJson } from '@weft/core/canonical-json';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { WeftError } from '@weft/core/weft-error';
import type { CountingSet, Kernel, Losses, NftChange, Observed, SetKey } from '@weft/dataplane/kernel';
import type { AddressObject, FdbObject, KernelObject, LinkObject, NftObject, RouteObject } from '@weft/dataplane/kernel-object';
import { isNft, objectContent, objectKey } from '@weft/dataplane/kernel-object';
import type { Place } from '@weft/dataplane/names';
import type { Over } from '@weft/dataplane/over';
import type { FirstPacket } from '@weft/dataplane/still-allowed';
import { NetlinkError } from '@weft/netlink/netlink-error';
import { errnoNumber } from '@weft/sys/sys-error';
import { FakeNft } from './fake-nft.ts';

type Plain = Exclude<KernelObject, NftObject>;
type MadeLink = Exclude<LinkObject, { type: 'end' }>;
type Held = { object: Plain; drifted: boolean };

export type Announcement = Readonly<{ place: Place; link: string; address: IpAddress; mac: Mac }>;
/** `denied`: only what the rules no longer allow. */
export type Forgotten = Readonly<{
  place: Place;
  zone: number;
  address: IpAddress | undefined;
  over?: Over;
  mark?: number;
  denied?: true;
}>;

/** Thrown by every call from the one on at which the process was told to die. */
export class ProcessDied extends Error {}

/**
 * A kernel in memory. What a reconciler can get wrong is refused as the real one refuses it: rules by {@link FakeNft}, links that need
 * their namespace, master, pair or parent, entries that need their link. What goes takes along what hung on it. The n-th call can fail, or
 * be the last one of this process: the next process gets the same kernel after {@link revive}.
 */
export class FakeKernel implements Kernel {
  readonly announcements: Announcement[] = [];
  readonly forgotten: Forgotten[] = [];
  /** What the fabric tracks: set by a test, ended by calls. */
  connections: readonly (FirstPacket & Readonly<{ zone: number }>)[] = [];
  readonly #sha256: (text: string) => string;
  readonly #nodeLinks: ReadonlySet<string>;
  readonly #nft = new FakeNft();
  readonly #objects = new Map<string, Held>();
  /** What somebody else removed since the last look. */
  #lost: KernelObject[] = [];
  #calls = 0;
  #changes = 0;
  #fault: { inCalls: number; readonly errno: string | undefined } | undefined;
  #dead = false;
  #afterCall: (() => void) | undefined;

  /** `nodeLinks`: what the node has of its own, as parents of uplinks. */
  constructor(options: Readonly<{ nodeLinks?: readonly string[] }>, deps: Readonly<{ sha256: (text: string) => string }>) {
    this.#sha256 = deps.sha256;
    this.#nodeLinks = new Set(options.nodeLinks);
  }

  /** How many calls were made. */
  get calls(): number {
    return this.#calls;
  }

  /** How many objects were made, changed or removed, a transaction counting once. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether the process that uses it has died. */
  get died(): boolean {
    return this.#dead;
  }

  /** The n-th call from now (1 is the next) fails and changes nothing. */
  failCall(n: number, errno: string): void {
    this.#fault = { inCalls: n, errno };
  }

  /** The process dies at the n-th call from now. A link that is being made is left half-made. */
  dieAtCall(n: number): void {
    this.#fault = { inCalls: n, errno: undefined };
  }

  /** The next process begins; a fault that was not reached is forgotten. */
  revive(): void {
    this.#dead = false;
    this.#fault = undefined;
  }

  /** Is called after every call that succeeded. */
  watch(afterCall: (() => void) | undefined): void {
    this.#afterCall = afterCall;
  }

  /** Everything there is, as it is; not a call. */
  objects(): KernelObject[] {
    return [...this.#nft.objects(), ...[...this.#objects.values()].map(({ object }) => object)];
  }

  /** Somebody else removes an object. */
  vandalise(object: KernelObject): void {
    if (isNft(object)) this.#nft.transact(object.place, { remove: [object], put: [] });
    else this.#remove(object);
    this.#lost.push(object);
  }

  *observing(): Generator<void, readonly Observed[], void> {
    yield;
    return this.observe();
  }

  observe(): readonly Observed[] {
    return this.#call('RTM_GETLINK', () => {
      this.#lost = [];
      return [
        ...this.#nft.objects().map((object) => this.#seen(object, false)),
        ...[...this.#objects.values()].map(({ object, drifted }) => this.#seen(object, drifted)),
      ];
    });
  }

  transact(place: Place, change: NftChange): void {
    this.#call('nft', () => {
      this.#requirePlace(place);
      if (this.#nft.transact(place, change)) this.#changes += 1;
    });
  }

  put(object: Plain): boolean {
    return this.#call(
      `put ${objectKey(object)}`,
      () => {
        return this.#put(object);
      },
      () => this.#leaveHalfMade(object),
    );
  }

  remove(object: Plain): void {
    this.#call(`remove ${objectKey(object)}`, () => this.#remove(object));
  }

  announce(place: Place, link: string, address: IpAddress, mac: Mac): void {
    this.#call('announce', () => {
      this.#requireLink(place, link);
      this.announcements.push({ place, link, address, mac });
    });
  }

  forget(place: Place, zone: number, address?: IpAddress): void {
    this.#call('IPCTNL_MSG_CT_DELETE', () => {
      if (place === 'fabric') this.#requirePlace(place);
      this.forgotten.push({ place, zone, address });
      if (place !== 'fabric') return;
      this.connections = this.connections.filter(
        (entry) => entry.zone !== zone || (address !== undefined && entry.source !== address && entry.destination !== address),
      );
    });
  }

  forgetOver(place: Place, zone: number, over: Over): void {
    this.#call('IPCTNL_MSG_CT_DELETE', () => {
      if (place === 'fabric') this.#requirePlace(place);
      this.forgotten.push({ place, zone, address: undefined, over });
    });
  }

  forgetDenied(
    place: Place,
    addresses: ReadonlyMap<number, ReadonlySet<IpAddress>>,
    isAllowed: (zone: number, packet: FirstPacket) => boolean,
  ): void {
    this.#call('IPCTNL_MSG_CT_DELETE', () => {
      if (place === 'fabric') this.#requirePlace(place);
      for (const [zone, asked] of addresses) {
        for (const address of asked) this.forgotten.push({ place, zone, address, denied: true });
        this.connections = this.connections.filter(
          (entry) =>
            entry.zone !== zone ||
            !(asked.has('0.0.0.0' as Ipv4) || asked.has(entry.source) || asked.has(entry.destination)) ||
            isAllowed(zone, entry),
        );
      }
    });
  }

  forgetMarked(place: Place, zone: number, mark: number): void {
    this.#call('IPCTNL_MSG_CT_DELETE', () => {
      if (place === 'fabric') this.#requirePlace(place);
      this.forgotten.push({ place, zone, address: undefined, mark });
    });
  }

  queueDrops(place: Place, links: readonly string[]): readonly (number | undefined)[] {
    return links.map((link) => (this.#objects.has(`qdisc ${place} ${link}`) ? 0 : undefined));
  }

  /** No packet ever comes here. */
  counted(place: Place, _set: CountingSet, keys: readonly SetKey[]): readonly undefined[] | undefined {
    return this.#objects.has(`netns ${place}`) ? keys.map(() => undefined) : undefined;
  }

  losses(where: 'everywhere' | 'links'): Losses | undefined {
    return this.#call('RTNLGRP_LINK', () => {
      const places = this.#lost.flatMap(({ kind, place }) =>
        where === 'everywhere' && kind === 'netns' && !place.startsWith('wl-') ? [place] : [],
      );
      return { links: this.#lost.flatMap((object) => (object.kind === 'link' ? [object.name] : [])), places };
    });
  }

  settle(): void {
    this.#call('RTNLGRP_LINK', () => {});
  }

  tidy(): boolean {
    return this.#call('RTM_DELLINK', () => false);
  }

  #call<T>(request: string, action: () => T, interrupted?: () => void): T {
    this.#calls += 1;
    if (this.#dead) throw new ProcessDied();
    if (this.#fault !== undefined && (this.#fault.inCalls -= 1) === 0) {
      const { errno } = this.#fault;
      this.#fault = undefined;
      if (errno !== undefined) throw new NetlinkError({ errno: errnoNumber(errno), request });
      this.#dead = true;
      interrupted?.();
      throw new ProcessDied();
    }
    const result = action();
    this.#afterCall?.();
    return result;
  }

  /** Rules are not read back, only their digest; what a namespace's sysctls are is not seen at all. */
  #seen(object: KernelObject, drifted: boolean): Observed {
    const content = objectContent(object, this.#sha256) + (drifted || object.kind === 'netns' ? ' drifted' : '');
    const bare: KernelObject =
      object.kind === 'table'
        ? { ...object, declarations: [], chains: [] }
        : object.kind === 'chain'
          ? { ...object, rules: [] }
          : object.kind === 'netns'
            ? { ...object, sysctls: {} }
            : object;
    return { key: objectKey(object), content, object: bare };
  }

  #put(object: Plain): boolean {
    switch (object.kind) {
      case 'netns': {
        const anew = !this.#objects.has(objectKey(object));
        this.#hold(object);
        return anew;
      }
      case 'link':
        return this.#putLink(object);
      case 'qdisc':
      case 'address':
      case 'neigh':
        this.#requireLink(object.place, object.link);
        break;
      case 'redirect':
        for (const name of [object.link, object.to]) this.#requireLink(object.place, name);
        break;
      case 'route':
        this.#requireLink(object.place, object.link);
        this.#requireOnLink(object);
        break;
      case 'fdb':
        this.#takeFromOtherPorts(object);
        break;
    }
    this.#hold(object);
    return false;
  }

  #putLink(object: LinkObject): boolean {
    this.#requirePlace(object.place);
    const held = this.#link(object.place, object.name);
    if (object.type === 'end') {
      if (held?.type !== 'end') throw absent(`link ${object.name}`);
      this.#hold(object);
      return false;
    }
    this.#requireNeeds(object);
    const fits = held !== undefined && isSameLink(held, object);
    if (!fits) {
      if (held !== undefined) this.#removeLink(held);
      if (object.type === 'veth') this.#makeEnd(object);
    }
    const otherMac = held?.type === 'bridge' && object.type === 'bridge' && held.mac !== object.mac;
    // As the kernel does, also with permanent ones.
    if (otherMac) for (const entry of this.#on(object.place, object.name)) this.#drop(entry);
    const moved = held !== undefined && 'master' in held && 'master' in object && held.master !== object.master;
    if (moved) this.#leaveBridge(held);
    this.#hold(object);
    return !fits || otherMac || moved;
  }

  #requireNeeds(object: MadeLink): void {
    switch (object.type) {
      case 'bridge':
      case 'ifb':
        return;
      case 'vxlan': {
        this.#requireLink(object.place, object.master);
        const holder = this.#links().find((link) => link.type === 'vxlan' && link.vni === object.vni && link.name !== object.name);
        if (holder !== undefined) throw new NetlinkError({ errno: errnoNumber('EEXIST'), request: 'RTM_NEWLINK', what: object.name });
        return;
      }
      case 'veth':
        this.#requireLink(object.place, object.master);
        this.#requirePlace(object.end.place);
        return;
      case 'macvlan':
        if (!this.#nodeLinks.has(object.parent)) throw absent(`link ${object.parent}`);
    }
  }

  #makeEnd(object: Extract<LinkObject, { type: 'veth' }>): void {
    const { place, name } = object.end;
    const stale = this.#link(place, name);
    if (stale !== undefined) this.#removeLink(stale);
    const mac = '02:00:00:00:00:00' as Mac;
    this.#hold({ kind: 'link', place, type: 'end', name, mac, mtu: object.mtu }, true);
  }

  /** The bridge has one entry for a MAC: it moves to whoever wrote last, and a tunnel's loses half. */
  #takeFromOtherPorts(object: FdbObject): void {
    const link = this.#requireLink(object.place, object.link);
    if (object.role === 'broadcast') return;
    const master = 'master' in link ? link.master : '';
    if (master === '') throw absent(`a bridge of ${object.link}`);
    for (const held of this.#objects.values()) {
      const other = held.object;
      if (other.kind !== 'fdb' || other.role === 'broadcast' || other.mac !== object.mac || other.link === object.link) continue;
      const port = this.#link(other.place, other.link);
      if (port === undefined || !('master' in port) || port.master !== master) continue;
      if (other.role === 'local') this.#drop(other);
      else this.#hold(other, true);
    }
  }

  #remove(object: Plain): void {
    switch (object.kind) {
      case 'netns':
        for (const link of this.#links()) if (link.place === object.place) this.#removeLink(link);
        this.#nft.drop(object.place);
        break;
      case 'link': {
        // An end goes with its pair only.
        const held = this.#link(object.place, object.name);
        if (held !== undefined && object.type !== 'end') this.#removeLink(held);
        return;
      }
      case 'address': {
        if (!this.#drop(object)) return;
        const left = this.#on(object.place, object.link).some(({ kind }) => kind === 'address');
        // With its last address an interface loses its routes.
        if (!left) for (const route of this.#on(object.place, object.link)) if (route.kind === 'route') this.#drop(route);
        return;
      }
      case 'qdisc':
      case 'redirect':
      case 'route':
      case 'neigh':
      case 'fdb':
        break;
    }
    this.#drop(object);
  }

  #removeLink(link: LinkObject): void {
    this.#drop(link);
    for (const object of this.#on(link.place, link.name)) this.#drop(object);
    const pair =
      link.type === 'veth'
        ? this.#link(link.end.place, link.end.name)
        : this.#links().find((other) => other.type === 'veth' && other.end.place === link.place && other.end.name === link.name);
    if (pair !== undefined && (link.type === 'veth' || link.type === 'end')) this.#removeLink(pair);
    if (link.type === 'ifb') this.#loseTarget(link);
    if (link.type !== 'bridge') return;
    for (const port of this.#links()) {
      if (!('master' in port) || port.master !== link.name) continue;
      this.#hold({ ...port, master: '' }, true);
      this.#leaveBridge(port);
    }
  }

  /** What was redirected to it is dropped from now on. */
  #loseTarget({ place, name }: LinkObject): void {
    for (const { object } of this.#objects.values()) {
      if (object.kind === 'redirect' && object.place === place && object.to === name) this.#hold({ ...object, to: '' }, true);
    }
  }

  /** A bridge forgets what was behind a port that leaves. */
  #leaveBridge(port: LinkObject): void {
    for (const entry of this.#on(port.place, port.name)) {
      if (entry.kind !== 'fdb' || entry.role === 'broadcast') continue;
      if (entry.role === 'local') this.#drop(entry);
      else this.#hold(entry, true);
    }
  }

  #leaveHalfMade(object: Plain): void {
    if (object.kind !== 'link' || object.type === 'end' || this.#objects.has(objectKey(object))) return;
    this.#put(object);
    this.#hold(object, true);
  }

  #hold(object: Plain, drifted = false): void {
    const key = objectKey(object);
    const held = this.#objects.get(key);
    if (held === undefined || held.drifted !== drifted || canonicalJson(held.object) !== canonicalJson(object)) this.#changes += 1;
    this.#objects.set(key, { object, drifted });
  }

  #drop(object: Plain): boolean {
    const was = this.#objects.delete(objectKey(object));
    if (was) this.#changes += 1;
    return was;
  }

  #links(): LinkObject[] {
    return [...this.#objects.values()].flatMap(({ object }) => (object.kind === 'link' ? [object] : []));
  }

  #link(place: Place, name: string): LinkObject | undefined {
    const held = this.#objects.get(`link ${place} ${name}`)?.object;
    return held?.kind === 'link' ? held : undefined;
  }

  /** Addresses, routes and entries of a link. */
  #on(place: Place, link: string): Plain[] {
    return [...this.#objects.values()].flatMap(({ object }) =>
      'link' in object && object.place === place && object.link === link ? [object] : [],
    );
  }

  #requirePlace(place: Place): void {
    if (place !== 'node' && !this.#objects.has(`netns ${place}`)) throw absent(`namespace ${place}`);
  }

  #requireLink(place: Place, name: string): LinkObject {
    this.#requirePlace(place);
    const link = this.#link(place, name);
    if (link === undefined) throw new WeftError('link_absent', `there is no interface ${name} in namespace ${place}`, { retryable: true });
    return link;
  }

  #requireOnLink({ place, link, gateway }: RouteObject): void {
    const reachable = gateway === undefined || this.#on(place, link).some((object) => object.kind === 'address' && covers(object, gateway));
    if (!reachable) throw new NetlinkError({ errno: errnoNumber('ENETUNREACH'), request: 'RTM_NEWROUTE', what: gateway });
  }
}

function absent(what: string): NetlinkError {
  return new NetlinkError({ errno: errnoNumber('ENODEV'), request: 'RTM_NEWLINK', what });
}

/** Whether one becomes the other by changing what can be changed. */
function isSameLink(held: LinkObject, object: MadeLink): boolean {
  if (held.type !== object.type) return false;
  if (held.type === 'vxlan' && object.type === 'vxlan') {
    return held.vni === object.vni && held.port === object.port;
  }
  if (held.type === 'veth' && object.type === 'veth') return held.end.place === object.end.place && held.end.name === object.end.name;
  return true;
}

function covers({ address, prefixLength }: AddressObject, other: IpAddress): boolean {
  return ipCidrContains(ipCidrOf(address, prefixLength), other);
}
