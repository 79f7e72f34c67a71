import { readdirSync, statSync } from 'node:fs';
import { WeftError } from '@weft/core/weft-error';
import { linkDelete, linkGet, linkList } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { NetlinkError } from '@weft/netlink/netlink-error';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsDelete, netnsEnsure, netnsIsPinned, netnsOpen, netnsSelf } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { isOurLink, parsePlace } from './names.ts';
import type { Place } from './names.ts';

/** A namespace and its rtnetlink socket. */
export type NamespaceHandles = Readonly<{ netns: Netns; rtnl: Rtnl }>;

type Held = NamespaceHandles & Readonly<{ indexes: Map<string, number> }>;

/**
 * The namespaces that a node works in, opened when first needed and kept: `node` is the one in which this was made, the others are pinned in
 * a directory. Two file descriptors each; dispose closes them and changes nothing.
 */
export class LinuxNamespaces implements Disposable {
  readonly #dir: string;
  readonly #held = new Map<Place, Held>();

  constructor(options: Readonly<{ dir: string }>) {
    this.#dir = options.dir;
    this.#hold('node', netnsSelf());
  }

  /** Throws SysError, ENOENT if it does not exist. */
  open(place: Place): NamespaceHandles {
    return this.#open(place);
  }

  isPinned(place: Place): boolean {
    return place === 'node' || netnsIsPinned(this.#path(place));
  }

  /** Makes it if it does not exist. True: it was made now. */
  ensure(place: Place): boolean {
    const anew = !this.isPinned(place);
    if (anew) this.#abandon(place);
    netnsEnsure(this.#path(place))[Symbol.dispose]();
    return anew;
  }

  /** Takes away its pin: it goes once no process is in it. Absent is success. */
  delete(place: Place): void {
    this.close(place);
    netnsDelete(this.#path(place));
  }

  /** All that are there now. One that somebody else put in the place of ours since we opened it is opened again. */
  all(): ReadonlyMap<Place, NamespaceHandles> {
    const pinned = this.#pinned();
    for (const [place, held] of this.#held) if (place !== 'node' && !this.#isPinnedAs(place, held)) this.#abandon(place);
    return new Map((['node', ...pinned] as const).map((place) => [place, this.#open(place)]));
  }

  /** The fabric and gateways whose namespaces are open, but no longer those that are pinned there. */
  lost(): Place[] {
    return [...this.#held].flatMap(([place, held]) =>
      place !== 'node' && !place.startsWith('wl-') && !this.#isPinnedAs(place, held) ? [place] : [],
    );
  }

  /** Its number, remembered until {@link forgetIndexes}. Throws `link_absent`. */
  index(place: Place, name: string): number {
    const { rtnl, indexes } = this.#open(place);
    const known = indexes.get(name);
    if (known !== undefined) return known;
    const { index } = requireLink(rtnl, place, name);
    indexes.set(name, index);
    return index;
  }

  /** Links may have come and gone: of one namespace, or of all. */
  forgetIndexes(place?: Place): void {
    for (const [at, { indexes }] of this.#held) if (place === undefined || at === place) indexes.clear();
  }

  close(place: Place): void {
    const held = this.#held.get(place);
    held?.rtnl[Symbol.dispose]();
    held?.netns[Symbol.dispose]();
    this.#held.delete(place);
  }

  [Symbol.dispose](): void {
    for (const place of this.#held.keys()) this.close(place);
  }

  #isPinnedAs(place: Place, { netns }: Held): boolean {
    return statSync(this.#path(place), { throwIfNoEntry: false })?.ino === netns.inode;
  }

  /**
   * Somebody took away its pin. Processes may keep it alive, so our links in it go now: the next one of that name needs their addresses, on the
   * uplink and in the tunnels' table.
   */
  #abandon(place: Place): void {
    const held = this.#held.get(place);
    try {
      if (held !== undefined) for (const link of linkList(held.rtnl)) if (isOurLink(link.name)) linkDelete(held.rtnl, link.index);
    } catch (error) {
      // A pair goes with its other half; whatever else stays is met again where it is in the way.
      if (!(error instanceof NetlinkError)) throw error;
    }
    this.close(place);
  }

  #open(place: Place): Held {
    return this.#held.get(place) ?? this.#hold(place, netnsOpen(this.#path(place)));
  }

  #hold(place: Place, netns: Netns): Held {
    const held = { netns, rtnl: Rtnl.open(netns), indexes: new Map<string, number>() };
    this.#held.set(place, held);
    return held;
  }

  #path(place: Place): string {
    return `${this.#dir}/${place}`;
  }

  #pinned(): Place[] {
    let names: string[] = [];
    try {
      names = readdirSync(this.#dir);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return names.flatMap((name) => parsePlace(name) ?? []).filter((place) => this.isPinned(place));
  }
}

/** Throws `link_absent`. */
export function requireLink(rtnl: Rtnl, place: Place, name: string): Link {
  const link = linkGet(rtnl, name);
  if (link === undefined) throw new WeftError('link_absent', `there is no interface ${name} in namespace ${place}`, { retryable: true });
  return link;
}
