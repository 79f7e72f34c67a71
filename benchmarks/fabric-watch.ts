import { setTimeout as delay } from 'node:timers/promises';
import { ipv4FromBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { macFromBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { decodeMessages } from '@weft/netlink/codec/message';
import type { Message } from '@weft/netlink/codec/message';
import { decodeFdb } from '@weft/netlink/fdb';
import { decodeLink } from '@weft/netlink/link-message';
import { decodeNeighbour, NDA_DST, NDA_LLADDR } from '@weft/netlink/neighbour-message';
import { NETLINK_ROUTE, NetlinkFd } from '@weft/sys/netlink-fd';
import { netnsOpen } from '@weft/sys/netns';

const RTNLGRP_LINK = 1;
const RTNLGRP_NEIGH = 3;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const AF_INET = 2;
const AF_BRIDGE = 7;

/** How often the kernel's events are looked at; a moment is known no better. */
export const RESOLUTION_MS = 1;

/**
 * Follows a fabric by the kernel's own events, from the moment it is made: which MACs it forwards, whose address it answers for, which
 * links are up in a bridge. What was there before is not known.
 */
export class FabricWatch implements Disposable {
  readonly #events: NetlinkFd;
  /** MACs in the bridges' tables, and in the tunnels'. */
  readonly #switched = new Set<Mac>();
  readonly #tunnelled = new Set<Mac>();
  /** `address mac`, and which MAC an address had on a link: an entry that goes does not say. */
  readonly #answered = new Set<string>();
  readonly #macOf = new Map<string, Mac>();
  readonly #plugged = new Set<string>();

  constructor(netnsPath: string) {
    using netns = netnsOpen(netnsPath);
    this.#events = NetlinkFd.open(NETLINK_ROUTE, netns);
    for (const group of [RTNLGRP_LINK, RTNLGRP_NEIGH]) this.#events.join(group);
  }

  /** Takes in what the kernel has told. Throws SysError (ENOBUFS) if it told more than could be kept. */
  read(): void {
    for (let bytes = this.#events.receiveNow(); bytes !== undefined; bytes = this.#events.receiveNow()) {
      for (const message of decodeMessages(bytes)) this.#take(message);
    }
  }

  /** Forwards frames for the MAC to this port of its own, which is up, and answers ARP for the address. */
  hasPort(name: string, mac: Mac, address: Ipv4): boolean {
    return this.#plugged.has(name) && this.#switched.has(mac) && this.#answered.has(`${address} ${mac}`);
  }

  /** Forwards frames for the MAC into the tunnel, to the VTEP that the tunnel knows, and answers ARP for the address. */
  hasPeer(mac: Mac, address: Ipv4): boolean {
    return this.#tunnelled.has(mac) && this.#switched.has(mac) && this.#answered.has(`${address} ${mac}`);
  }

  /** Nothing is left of them. */
  hasForgotten(name: string, mac: Mac, address: Ipv4): boolean {
    const known = [this.#switched, this.#tunnelled].some((macs) => macs.has(mac));
    return !known && !this.#plugged.has(name) && !this.#answered.has(`${address} ${mac}`);
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }

  #take(message: Message): void {
    const family = message.payload[0];
    if (message.type === RTM_NEWLINK || message.type === RTM_DELLINK) {
      // Family AF_BRIDGE: a bridge's view of its port, which says nothing of the link itself.
      if (family === AF_BRIDGE) return;
      const { name, up, master } = decodeLink(message);
      set(this.#plugged, name, message.type === RTM_NEWLINK && up && master !== undefined);
    } else if (message.type === RTM_NEWNEIGH || message.type === RTM_DELNEIGH) {
      const present = message.type === RTM_NEWNEIGH;
      if (family === AF_BRIDGE) {
        for (const { mac, self } of decodeFdb(message)) set(self ? this.#tunnelled : this.#switched, mac, present);
      } else if (family === AF_INET) {
        const { index, attributes } = decodeNeighbour(message);
        const [address, mac] = [attributes.bytes(NDA_DST), attributes.bytes(NDA_LLADDR)];
        if (address?.length === 4)
          this.#takeNeigh(index, ipv4FromBytes(address), present && mac?.length === 6 ? macFromBytes(mac) : undefined);
      }
    }
  }

  #takeNeigh(index: number, address: Ipv4, mac: Mac | undefined): void {
    const key = `${index} ${address}`;
    const before = this.#macOf.get(key);
    if (before !== undefined) this.#answered.delete(`${address} ${before}`);
    if (mac === undefined) this.#macOf.delete(key);
    else {
      this.#macOf.set(key, mac);
      this.#answered.add(`${address} ${mac}`);
    }
  }
}

/** Looks at the fabrics' events until the condition holds; gives the moment. Throws after the deadline, and the signal's reason. */
export async function untilFabrics(
  watches: readonly FabricWatch[],
  options: Readonly<{ expected: string; withinMs: number; signal: AbortSignal }>,
  condition: (now: number) => boolean,
): Promise<number> {
  const deadline = performance.now() + options.withinMs;
  for (;;) {
    for (const watch of watches) watch.read();
    const now = performance.now();
    if (condition(now)) return now;
    if (now > deadline) throw new Error(`${options.expected}: not within ${options.withinMs} ms`);
    await delay(RESOLUTION_MS, undefined, { signal: options.signal });
  }
}

function set<T>(all: Set<T>, item: T, present: boolean): void {
  if (present) all.add(item);
  else all.delete(item);
}
