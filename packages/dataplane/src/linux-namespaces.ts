import { readdirSync, statSync } from 'node:fs';
import { WeftError } from '@weft/core/weft-error';
import { linkDelete, linkGet, linkList } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { NetlinkError } from '@weft/netlink/netlink-error';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreate, netnsDelete, netnsIsPinned, netnsOpen, netnsSelf } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { isOurLink, parsePlace } from './names.ts';
import type { Place } from './names.ts';

/** A namespace and its rtnetlink socket. */
export type NamespaceHandles = Readonly<{ netns: Netns; rtnl: Rtnl }>;

type Held = NamespaceHandles & Readonly<{ indexes: Map<string, number> }>;

/**
 * So many namespaces are kept open. It must not be all of a node's: libnftables waits with select(), which ends the process when it meets
 * a file descriptor of 1024 or more.
 */
const KEPT_OPEN = 128;

/**
 * The namespaces that a node works in, opened when they are needed and kept for a while: `node` is the one in which this was made, the others
 * are pinned in a directory. What {@link open} returns is good until a hundred others were opened. Dispose closes them and changes nothing.
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

  /** The identity of what is pinned there; undefined if nothing is. */
  inode(place: Place): number | undefined {
    return this.isPinned(place) ? statSync(this.#path(place), { throwIfNoEntry: false })?.ino : undefined;
  }

  /** Makes it if it does not exist. True: it was made now. */
  ensure(place: Place): boolean {
    if (this.isPinned(place)) return false;
    this.#abandon(place);
    this.#hold(place, netnsCreate(this.#path(place)));
    return true;
  }

  /** Takes away its pin: it goes once no process is in it. Absent is success. */
  delete(place: Place): void {
    this.close(place);
    netnsDelete(this.#path(place));
  }

  /** All that are there now, the fabric before those that its links reach into. One that lost its pin, or has another in its place, is given up. */
  all(): readonly Place[] {
    const pinned = this.#pinned();
    for (const [place, held] of this.#held) if (place !== 'node' && !this.#isPinnedAs(place, held)) this.#abandon(place);
    return ['node', ...pinned];
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

  /** A link has come or gone. */
  forgetIndex(place: Place, name: string): void {
    this.#held.get(place)?.indexes.delete(name);
  }

  /** Any may have. */
  forgetIndexes(): void {
    for (const { indexes } of this.#held.values()) indexes.clear();
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
    const held = this.#held.get(place);
    if (held === undefined) return this.#hold(place, netnsOpen(this.#path(place)));
    // The last of the map is the one that was used last.
    this.#held.delete(place);
    this.#held.set(place, held);
    return held;
  }

  #hold(place: Place, netns: Netns): Held {
    const held = { netns, rtnl: Rtnl.open(netns), indexes: new Map<string, number>() };
    this.#held.set(place, held);
    const [oldest] = this.#held.size > KEPT_OPEN ? [...this.#held.keys()].filter((other) => other !== 'node' && other !== 'fabric') : [];
    if (oldest !== undefined) this.close(oldest);
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
    const places = names.flatMap((name) => parsePlace(name) ?? []).filter((place) => this.isPinned(place));
    return places.toSorted((a, b) => (a < b ? -1 : 1));
  }
}

/** Throws `link_absent`. */
export function requireLink(rtnl: Rtnl, place: Place, name: string): Link {
  const link = linkGet(rtnl, name);
  if (link === undefined) throw new WeftError('link_absent', `there is no interface ${name} in namespace ${place}`, { retryable: true });
  return link;
}
