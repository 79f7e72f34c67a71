import { errorInfo, WeftError } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import { linkUnder } from './applied-state.ts';
import type { AppliedState } from './applied-state.ts';
import type { DataplaneLog } from './dataplane.ts';
import type { Desired, DesiredState } from './desired-state.ts';
import { executeNft } from './execute-nft.ts';
import type { Kernel, Observed } from './kernel.ts';
import type { KernelObject, LinkObject, NeighObject, NftObject } from './kernel-object.ts';
import { isNft, objectKey, objectRank } from './kernel-object.ts';
import type { Place } from './names.ts';

export type Plain = Exclude<KernelObject, NftObject>;

/** What hangs on a link waits for it. */
export class LinkFailed extends WeftError {
  constructor(key: string) {
    super('link_failed', `${key} waits for its link, which could not be made`, { details: { key }, retryable: true });
  }
}

/** What is to be done: `remove` is there and unwanted, `put` is wanted and not there, or not so. */
export type Work = Readonly<{ remove: readonly Observed[]; put: readonly Desired[] }>;

/** What an execution acts on. `applied` is what the kernel is believed to hold; it is kept true step by step. */
export type ExecutionDeps = Readonly<{
  kernel: Kernel;
  desired: DesiredState;
  applied: AppliedState;
  lastMacs: LastMacs;
  log: DataplaneLog;
}>;

/**
 * One difference on its way into the kernel. What fails is noted for its owner (`node` where nobody owns it), and the rest goes on. The order:
 *
 *     namespaces ─▶ rules, a transaction each ─▶ links that go ─▶ links and entries that come ─▶ addresses that go ─▶ namespaces that go
 *
 * so a port's rules stand before its link does and are taken away before it goes, and an interface that changes its address is never without.
 */
export class Execution {
  readonly deps: ExecutionDeps;
  readonly failures = new Map<string, ErrorInfo>();
  /** Keys that should have gone and are there still. */
  readonly unremoved = new Set<string>();
  /** `place name` of links that are not as they should be. */
  readonly #failedLinks = new Set<string>();

  constructor(deps: ExecutionDeps) {
    this.deps = deps;
  }

  /** True if it went well. */
  attempt(owner: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!this.failures.has(owner)) this.failures.set(owner, errorInfo(error));
      this.deps.log.warn({ err: error, resource: owner }, 'a kernel change failed');
      return false;
    }
  }

  /** Makes namespaces; returns what else has to be put, because one of them had vanished with all it held. */
  putNamespaces(put: readonly Desired[]): Desired[] {
    const vanished = new Set<Place>();
    for (const desired of put) {
      if (desired.object.kind === 'netns' && this.#put(desired)) vanished.add(desired.object.place);
    }
    for (const place of vanished) {
      for (const { key, object } of this.deps.applied.in(place)) if (object.kind !== 'netns') this.deps.applied.delete(key);
    }
    return [...vanished].flatMap((place) => this.deps.desired.in(place));
  }

  /** Everything but the making of namespaces. */
  run({ remove, put }: Work): void {
    executeNft(this, { remove, put });
    // What a namespace that goes takes along need not be taken out of it, nor a limit off a link that goes. A namespace's links are taken
    // out: the kernel destroys namespaces when it pleases.
    const going = new Set(remove.flatMap(({ object }) => (object.kind === 'netns' ? [object.place] : [])));
    const goingLinks = new Set(remove.flatMap(({ object }) => endsOf(object).map((end) => end.join(' '))));
    const gone = ({ object }: Observed): boolean =>
      (going.has(object.place) && linkUnder(object) !== undefined) || (isLimit(object) && goingLinks.has(linkUnder(object) ?? ''));
    const doomed = remove
      .filter((item) => !isNft(item.object) && !gone(item))
      .toSorted((a, b) => objectRank(b.object) - objectRank(a.object));
    const { before = [], after = [], last = [] } = Object.groupBy(doomed, ({ object }) => whenToRemove(object));
    for (const item of before) this.#remove(item);
    this.#forgetOrphans(before);
    this.#putAll(put.filter(({ object }) => !isNft(object) && object.kind !== 'netns'));
    for (const item of after) if (this.deps.applied.has(item.key)) this.#remove(item);
    for (const item of last) this.#remove(item);
  }

  /** Bridges, then links, then what hangs on them: one namespace after the other, since changing between them costs more than most objects. */
  #putAll(put: readonly Desired[]): void {
    const stages = [new Map<string, Desired>(), new Map<string, Desired>(), new Map<string, Desired>()] as const;
    const add = (desired: Desired): void => void stages[stageOf(desired.object)].set(desired.key, desired);
    for (const desired of put) add(desired);
    for (const stage of stages) {
      const sorted = stage === stages[2] ? [...stage.values()].toSorted((a, b) => byPlace(a.object, b.object)) : stage.values();
      for (const desired of sorted) if (this.#put(desired)) for (const dependent of this.#dependentsOf(desired.object)) add(dependent);
    }
  }

  /** True if what hung on an older one is gone. */
  #put(desired: Desired): boolean {
    const object = desired.object as Plain;
    const { kernel, applied } = this.deps;
    const old = applied.get(desired.key);
    const [owner = 'node'] = desired.owners;
    let anew = false;
    const done = this.attempt(owner, () => {
      // A MAC behind a port that could not be moved to its bridge would be taken from somebody in the old one.
      if (this.#failedLinks.has(linkUnder(object) ?? '')) throw new LinkFailed(desired.key);
      // Whatever comes of it, it is no longer what it was.
      applied.delete(desired.key);
      anew = kernel.put(object);
      if (object.kind === 'neigh') this.#announceChange(object, old?.object);
      if (object.kind === 'address' && object.link.startsWith('wu')) this.#announceUplink(object);
      applied.set({ key: desired.key, content: desired.content, object });
    });
    if (!done) for (const end of endsOf(object)) this.#failedLinks.add(end.join(' '));
    return anew && old !== undefined;
  }

  #remove(item: Observed): void {
    const object = item.object as Plain;
    const { kernel, applied, lastMacs } = this.deps;
    const gone = this.attempt('node', () => {
      kernel.remove(object);
      applied.delete(item.key);
      if (object.kind === 'neigh' && object.place === 'fabric') lastMacs.note(object);
      if (object.kind !== 'netns') return;
      for (const { key } of applied.in(object.place)) applied.delete(key);
    });
    if (!gone) this.unremoved.add(item.key);
  }

  /** With a link everything on it is gone, whoever wants it. */
  #forgetOrphans(removed: readonly Observed[]): void {
    const { applied } = this.deps;
    for (const { key, object } of removed) {
      if (applied.has(key)) continue;
      for (const [place, name] of endsOf(object)) for (const orphan of applied.on(place, name)) applied.delete(orphan.key);
    }
  }

  /** Everything desired that hung on a link which had to be made anew. */
  #dependentsOf(made: KernelObject): Desired[] {
    return endsOf(made).flatMap(([place, name]) => this.deps.desired.on(place, name));
  }

  /** Neighbours elsewhere keep an address's old MAC in their caches, and nothing crosses the tunnel to tell them: each node tells its own. */
  #announceChange(object: NeighObject, old: KernelObject | undefined): void {
    // In the metadata namespace there is nobody to tell.
    if (object.place !== 'fabric') return;
    const before = old?.kind === 'neigh' ? old.mac : this.deps.lastMacs.take(object);
    if (before !== undefined && before !== object.mac) this.deps.kernel.announce(object.place, object.link, object.address, object.mac);
  }

  #announceUplink(object: Extract<KernelObject, { kind: 'address' }>): void {
    const { desired, kernel } = this.deps;
    const link = desired.get(objectKey({ kind: 'link', place: object.place, name: object.link } as LinkObject))?.object;
    if (link?.kind === 'link' && link.type === 'macvlan') kernel.announce(object.place, object.link, object.address, link.mac);
  }
}

const isLimit = ({ kind }: KernelObject): boolean => kind === 'qdisc' || kind === 'redirect';

function stageOf(object: KernelObject): 0 | 1 | 2 {
  if (object.kind !== 'link' || object.type === 'end') return 2;
  return object.type === 'bridge' ? 0 : 1;
}

function byPlace(a: KernelObject, b: KernelObject): number {
  if (a.place !== b.place) return a.place < b.place ? -1 : 1;
  return objectRank(a) - objectRank(b);
}

function whenToRemove(object: KernelObject): 'before' | 'after' | 'last' {
  // An interface that loses its last address loses its routes as well.
  if (object.kind === 'address') return 'after';
  return object.kind === 'netns' ? 'last' : 'before';
}

/** Namespace and name of a link, and of the other end that goes with it. */
function endsOf(object: KernelObject): [Place, string][] {
  if (object.kind !== 'link') return [];
  const own: [Place, string] = [object.place, object.name];
  return object.type === 'veth' ? [own, [object.end.place, object.end.name]] : [own];
}

/** MACs of addresses that went away a while ago, per bridge, so that the next holder is announced. The oldest are forgotten. */
export class LastMacs {
  readonly #macs = new Map<string, string>();

  note(neigh: NeighObject): void {
    this.#macs.set(`${neigh.link} ${neigh.address}`, neigh.mac);
    if (this.#macs.size > 10_000) for (const oldest of [...this.#macs.keys()].slice(0, 1_000)) this.#macs.delete(oldest);
  }

  take(neigh: NeighObject): string | undefined {
    const key = `${neigh.link} ${neigh.address}`;
    const mac = this.#macs.get(key);
    this.#macs.delete(key);
    return mac;
  }
}
