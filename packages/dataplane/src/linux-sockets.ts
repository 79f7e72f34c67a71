import { Conntrack } from '@weft/netlink/conntrack';
import { NftCounters } from '@weft/netlink/nft-counter';
import { NftContext } from '@weft/sys/nft';
import { PacketSender } from '@weft/sys/packet-sender';
import type { LinuxNamespaces } from './linux-namespaces.ts';
import type { Place } from './names.ts';

/** The namespaces in which something changes with every port. */
const BUSY: ReadonlySet<Place> = new Set(['node', 'fabric']);
/** A gateway announces its addresses one after the other. */
const SENDERS = 16;

/** Of which namespace a kept socket is: a fabric that is made anew is another one. */
type Kept<T> = Readonly<{ inode: number; socket: T }>;

/**
 * Sockets to nftables, to connection tracking and to interfaces. Closing one makes the kernel wait until whatever nftables has to destroy is destroyed –
 * ten milliseconds and more, many times what a transaction takes – so those of the fabric and of the node are kept open; the others, of
 * which there may be a thousand, are closed after use.
 */
export class LinuxSockets implements Disposable {
  readonly #namespaces: LinuxNamespaces;
  readonly #nft = new Map<Place, Kept<NftContext>>();
  /** The fabric's. */
  #conntrack: Kept<Conntrack> | undefined;
  #counters: Kept<NftCounters> | undefined;
  /** Those used last at the end. */
  readonly #senders = new Map<Place, Kept<PacketSender>>();

  constructor(options: Readonly<{ namespaces: LinuxNamespaces }>) {
    this.#namespaces = options.namespaces;
  }

  /** Calls `work` with nftables of that namespace. The context is good until `work` returns. */
  nft<T>(place: Place, work: (nft: NftContext) => T): T {
    const { netns } = this.#namespaces.open(place);
    if (!BUSY.has(place)) {
      using nft = NftContext.open(netns);
      return work(nft);
    }
    const kept = this.#nft.get(place);
    if (kept?.inode === netns.inode) return work(kept.socket);
    kept?.socket[Symbol.dispose]();
    const socket = NftContext.open(netns);
    this.#nft.set(place, { inode: netns.inode, socket });
    return work(socket);
  }

  /** Calls `work` with connection tracking of that namespace, good until it returns. */
  conntrack(place: Place, work: (conntrack: Conntrack) => void): void {
    const { netns } = this.#namespaces.open(place);
    if (place !== 'fabric') {
      using conntrack = Conntrack.open(netns);
      work(conntrack);
      return;
    }
    if (this.#conntrack?.inode !== netns.inode) {
      this.#conntrack?.socket[Symbol.dispose]();
      this.#conntrack = { inode: netns.inode, socket: Conntrack.open(netns) };
    }
    work(this.#conntrack.socket);
  }

  /** Calls `work` with the counters of that namespace, good until it returns. */
  counters<T>(place: Place, work: (counters: NftCounters) => T): T {
    const { netns } = this.#namespaces.open(place);
    if (place !== 'fabric') {
      using counters = NftCounters.open(netns);
      return work(counters);
    }
    if (this.#counters?.inode !== netns.inode) {
      this.#counters?.socket[Symbol.dispose]();
      this.#counters = { inode: netns.inode, socket: NftCounters.open(netns) };
    }
    return work(this.#counters.socket);
  }

  /** For frames out of that namespace's interfaces; good until others were asked for. Throws SysError. */
  sender(place: Place): PacketSender {
    const { netns } = this.#namespaces.open(place);
    let kept = this.#senders.get(place);
    this.#senders.delete(place);
    if (kept?.inode !== netns.inode) {
      kept?.socket[Symbol.dispose]();
      kept = { inode: netns.inode, socket: PacketSender.open(netns) };
    }
    this.#senders.set(place, kept);
    const oldest = this.#senders.size > SENDERS ? [...this.#senders.keys()].find((other) => other !== 'fabric') : undefined;
    if (oldest !== undefined) this.forget(oldest);
    return kept.socket;
  }

  /** A namespace that goes is not to be kept alive by a socket. */
  forget(place: Place): void {
    this.#senders.get(place)?.socket[Symbol.dispose]();
    this.#senders.delete(place);
  }

  [Symbol.dispose](): void {
    this.#counters?.socket[Symbol.dispose]();
    this.#counters = undefined;
    for (const { socket } of this.#senders.values()) socket[Symbol.dispose]();
    this.#senders.clear();
    for (const { socket } of this.#nft.values()) socket[Symbol.dispose]();
    this.#nft.clear();
    this.#conntrack?.socket[Symbol.dispose]();
    this.#conntrack = undefined;
  }
}
