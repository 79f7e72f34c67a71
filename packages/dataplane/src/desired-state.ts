import { WeftError } from '@weft/core/weft-error';
import { KeyIndex, linkUnder } from './applied-state.ts';
import type { KernelObject, ObjectContent } from './kernel-object.ts';
import { objectContent, objectKey } from './kernel-object.ts';

/** A kernel object that somebody wants: the node itself, or plan resources by `planRefText`. */
export type Desired = Readonly<{ key: string; object: KernelObject; content: ObjectContent; owners: Set<string> }>;

/** Two plan resources that would need one name for different things: shortened ids that clash. */
export class NameClash extends WeftError {
  constructor(key: string, owner: string, other: string) {
    super('name_clash', `${owner} needs ${key}, which ${other} has`, {
      details: { key, owner, other },
      remedy: 'Delete and create one of the two again: it gets another id.',
    });
  }
}

/** What a node's kernel should hold, and on whose account. Several owners may want the same thing; it goes with the last of them. */
export class DesiredState {
  readonly #sha256: (text: string) => string;
  readonly #objects = new Map<string, Desired>();
  readonly #owned = new Map<string, readonly string[]>();
  readonly #byPlace = new KeyIndex();
  /** What hangs on a link, and the ports of a bridge. */
  readonly #byLink = new KeyIndex();

  constructor(deps: Readonly<{ sha256: (text: string) => string }>) {
    this.#sha256 = deps.sha256;
  }

  get(key: string): Desired | undefined {
    return this.#objects.get(key);
  }

  all(): Iterable<Desired> {
    return this.#objects.values();
  }

  of(owner: string): Desired[] {
    return this.#all(this.#owned.get(owner) ?? []);
  }

  /** In this namespace, itself included. */
  in(place: string): Desired[] {
    return this.#all(this.#byPlace.keys(place));
  }

  /** What hangs on this link – addresses, routes, entries, and the link itself if it is the end of a pair – and the ports of a bridge. */
  on(place: string, link: string): Desired[] {
    return this.#all(this.#byLink.keys(`${place} ${link}`));
  }

  owners(): Iterable<string> {
    return this.#owned.keys();
  }

  /** All of them or none. Throws NameClash if another owner wants something else under the name of one. */
  own(owner: string, objects: readonly KernelObject[]): void {
    const items = objects.map((object) => ({ key: objectKey(object), object, content: objectContent(object, this.#sha256) }));
    for (const { key, content } of items) {
      const other = this.#objects.get(key);
      if (other !== undefined && other.content !== content) throw new NameClash(key, owner, [...other.owners].join(', '));
    }
    for (const item of items) {
      const desired = this.#objects.get(item.key);
      if (desired === undefined) this.#add({ ...item, owners: new Set([owner]) });
      else desired.owners.add(owner);
    }
    if (items.length > 0) this.#owned.set(owner, [...new Set(items.map(({ key }) => key))]);
  }

  /** Returns what the owner had, wanted by others still or not. */
  disown(owner: string): Desired[] {
    const had = this.of(owner);
    for (const desired of had) {
      desired.owners.delete(owner);
      if (desired.owners.size === 0) this.#delete(desired);
    }
    this.#owned.delete(owner);
    return had;
  }

  #add(desired: Desired): void {
    this.#objects.set(desired.key, desired);
    this.#byPlace.add(desired.object.place, desired.key);
    for (const link of linksOf(desired.object)) this.#byLink.add(link, desired.key);
  }

  #delete({ key, object }: Desired): void {
    this.#objects.delete(key);
    this.#byPlace.delete(object.place, key);
    for (const link of linksOf(object)) this.#byLink.delete(link, key);
  }

  #all(keys: Iterable<string>): Desired[] {
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }
}

/** `place name` of the links that an object hangs on, is a port of, or leads to. */
function linksOf(object: KernelObject): string[] {
  const under = linkUnder(object);
  return [
    ...(under === undefined ? [] : [under]),
    ...('master' in object ? [`${object.place} ${object.master}`] : []),
    ...(object.kind === 'redirect' ? [`${object.place} ${object.to}`] : []),
  ];
}
